/** A night that empties hypervisors on the simulated cloud, over real connections, whose owner dies on the way. */
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Clients } from '../../src/context.ts';
import { isOver } from '../../src/engine/runs.ts';
import { clientsOver } from '../support/clients.ts';
import { DEFRAGMENT_JOBS } from '../support/defragment-jobs.ts';
import { type DeathPoint, eventually, type House, openHouse } from '../support/engine.ts';
import { openTestTwin } from '../support/twin.ts';

const ID = 'defragment-hypervisors~20261124T220000Z';
const OPTIONS = {
  pollMs: 20,
  migrateAtLeastSeconds: 30,
  iterations: 20,
  keepEmpty: 0,
  wanted: 'max',
  gate: { apiSeconds: false },
};
const BOUNDARIES = new Set(['claim', 'begin', 'finish', 'lease', 'tell', 'park', 'end']);
const LEASE_MS = 1500;

let house: House;
let whole: Awaited<ReturnType<typeof night>>;
beforeAll(async () => {
  house = await openHouse();
  whole = await night('whole');
}, 60_000);
afterAll(() => house.close());

/** The first owner dies at the first boundary of which `dies` is true. */
async function night(place: string, dies: (boundary: string) => boolean = () => false) {
  const world = await openTestTwin({ hypervisors: 7, servers: 30 });
  try {
    const { twin, cloud, hosts } = world;
    const handback = new Map<string, readonly string[]>();
    const boundaries: string[] = [];
    const deathAt = ({ when, script, key }: DeathPoint): boolean => {
      if (!BOUNDARIES.has(script)) return false;
      boundaries.push(`${when} ${script} ${key ?? ''}`.trim());
      return dies(boundaries.at(-1)!);
    };
    const home = {
      clients: clientsOver({
        cloud,
        host: (name) => hosts.host(name),
        operators: [],
        handback: {
          write: async (subject, lines) => void handback.set(subject, lines),
          clear: async (subject) => void handback.delete(subject),
        },
      }),
      prefix: `{${place}}`,
      stateDir: join(house.stateDir, place),
      timings: { leaseMs: LEASE_MS, renewMs: LEASE_MS / 5, reconcileMs: 500, graceMs: 30_000 },
    };
    const first = await house.engine<Clients>(DEFRAGMENT_JOBS, { ...home, deathAt });
    const second = await house.engine<Clients>(DEFRAGMENT_JOBS, home);
    const trigger = { kind: 'cli', by: 'kim' } as const;
    const job = 'defragment-hypervisors';
    await first.engine.create({ job, id: ID, options: OPTIONS, trigger, acting: true });
    await Promise.race([first.died, first.engine.work(ID)]);
    const run = await eventually('the end of the run', async () => {
      await second.engine.work(ID);
      const seen = await second.engine.runs.get(ID);
      return seen !== undefined && isOver(seen.state) && seen;
    });
    const { log, state } = twin.world;
    const moved = log.flatMap((each) => (each.what === 'moved' ? [each.server] : []));
    return {
      boundaries,
      migrations: log.filter(({ what }) => what === 'migration began').length,
      end: {
        state: run.state,
        error: run.error,
        moved: moved.toSorted(),
        places: Object.fromEntries(Object.values(state.servers).map(({ id, host }) => [id, host])),
        out: Object.values(state.hypervisors).flatMap(({ name, disabled }) => (disabled ? [name] : [])),
        handback: [...handback.keys()].toSorted(),
        verdicts: run.notes.map(({ subject, verdict }) => `${subject} ${verdict}`).toSorted(),
        headline: run.report?.headline,
      },
    };
  } finally {
    await world.close();
  }
}

it('moves something, and keeps something', () => {
  expect(whole.end.state).toBe('succeeded');
  expect(whole.end.moved.length).toBeGreaterThan(2);
  expect(whole.migrations).toBe(whole.end.moved.length);
  expect(whole.end.handback.length).toBeGreaterThan(0);
});

it('ends as the night that nobody disturbed, at whichever boundary of the journal its owner dies', async () => {
  const others: object[] = [];
  const queue = whole.boundaries.keys();
  const next = async (): Promise<void> => {
    for (const n of queue) {
      let seen = 0;
      const { boundaries, migrations, end } = await night(`boundary-${n}`, () => seen++ === n);
      const isSame = JSON.stringify(end) === JSON.stringify(whole.end) && migrations === whole.migrations;
      if (!isSame) others.push({ boundary: boundaries[n], migrations, end });
    }
  };
  await Promise.all(Array.from({ length: 6 }, next));

  expect(others).toEqual([]);
  expect(whole.boundaries.length).toBeGreaterThan(60);
}, 600_000);
