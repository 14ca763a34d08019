/** Whose process dies anywhere while owners are told: each of them has one notice in the end, and nobody has none. */
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { isOver } from '../../src/engine/runs.ts';
import { type DeathPoint, eventually, type House, openHouse } from '../support/engine.ts';
import { look, mailsAt, PatchedSite, rowsOf, saidTo } from '../support/patching.ts';
import { dayAfter, host } from '../support/polls.ts';
import { work } from '../support/run-job.ts';

const ID = 'patch-compliance~20261120T090000Z';
const BOUNDARIES = new Set(['create', 'claim', 'begin', 'finish', 'lease', 'release', 'tell', 'park', 'end']);
const TABLES = ['patch-cases', 'patch-notices', 'patch-owners', 'patch-trends', 'patch-mailed'];
const AT_ONCE = 8;
/** More than leave in one step. */
const OWNERS = Array.from({ length: 60 }, (_, n) => `owner-${n}`);

let house: House;
beforeAll(async () => {
  house = await openHouse();
});
afterAll(() => house.close());

/** Every owner has a server with a finding. Whoever takes up the run polls a feed that has gone on meanwhile. */
async function tell(place: string, boundary?: number) {
  const site = new PatchedSite(place, ...OWNERS);
  for (const owner of OWNERS) {
    site.give(owner, owner);
    site.cloud.users.set(owner, `${owner}@alpha.example`);
  }
  site.feed = OWNERS.map((owner) => host(owner, ['CVE-1']));
  const boundaries: string[] = [];
  let begun = false;
  const deathAt = ({ script, when, key }: DeathPoint): boolean => {
    if (!begun || !BOUNDARIES.has(script)) return false;
    boundaries.push(`${when} ${script} ${key ?? ''}`.trim());
    return boundaries.length - 1 === boundary;
  };
  const first = await site.process(house, { deathAt, leaseMs: 1500 });
  const second = await site.process(house, { leaseMs: 1500 });
  await first.engine.create({
    job: 'patch-compliance',
    id: ID,
    options: { feed: 'pakiti', maxOwnersPerDay: 100 },
    trigger: { kind: 'cron' },
    acting: true,
  });
  begun = true;

  await Promise.race([first.died, first.engine.workFamily(ID)]);
  const run = await eventually('the end of the run', async () => {
    const { run } = await work(second, ID);
    return isOver(run.state) && run;
  });
  await second.engine.sendMails();
  const { owners, reports } = mailsAt(house, place);
  return {
    boundaries,
    end: {
      state: run.state,
      // The same Message-ID twice would be one mail to its reader.
      owners: saidTo(owners),
      named: [...new Set(owners.map(({ messageId }) => messageId.replace(/@.*/, '')))].toSorted((a, b) =>
        a.localeCompare(b),
      ),
      reports: saidTo(reports),
      tables: await Promise.all(TABLES.map((table) => rowsOf(second, table))),
    },
  };
}

it('ends the same at whichever boundary of the journal it dies', async () => {
  const whole = await tell('whole');
  const others: object[] = [];
  const queue = whole.boundaries.keys();
  const next = async (): Promise<void> => {
    for (const boundary of queue) {
      const { end } = await tell(`died-${boundary}`, boundary);
      if (!isDeepStrictEqual(end, whole.end)) others.push({ boundary: whole.boundaries[boundary], end });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, next));

  expect(others).toEqual([]);
  expect(whole.end.state).toBe('succeeded');
  expect(whole.end.owners).toHaveLength(OWNERS.length);
  expect(whole.end.named).toHaveLength(OWNERS.length);
  expect(whole.end.reports).toHaveLength(1);
  expect(whole.boundaries).toContain('after finish tell 2');
  expect(whole.boundaries.length).toBeGreaterThan(20);
}, 180_000);

it('counts the looks of one run as one, so that a death resolves nothing', async () => {
  const site = new PatchedSite('twice', 'web');
  const living = await site.process(house);
  site.feed = [host('web', ['CVE-1'])];
  await look(living);

  site.feed = [];
  site.now = dayAfter(1);
  const dying = await site.process(house, {
    leaseMs: 500,
    deathAt: ({ script, when, key }) => script === 'finish' && when === 'after' && key === 'remember 1',
  });
  void look(dying, { id: ID });
  await dying.died;
  site.now = dayAfter(1.1);
  await eventually('the end of the run', async () => isOver((await work(living, ID)).run.state));

  expect(site.polls).toBe(3);
  expect(await rowsOf(living, 'patch-cases')).toMatchObject({
    web: { cases: [{ seenBy: ['pakiti'], missed: { pakiti: { polls: 1 } } }] },
  });
});
