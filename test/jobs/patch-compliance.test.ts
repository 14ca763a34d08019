/** Which mails owners and operators get, look by look, over the days of a site. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Clients } from '../../src/context.ts';
import { ADDRESSES, type AddressMark } from '../../src/domain/address-marks.ts';
import { type House, openHouse, type TestEngine } from '../support/engine.ts';
import { look, mailsAt, PatchedSite, rowsOf, saidTo } from '../support/patching.ts';
import { dayAfter, finding, host } from '../support/polls.ts';

let house: House;
let place = 0;
let site: PatchedSite;
let process: TestEngine<Clients>;

beforeAll(async () => {
  house = await openHouse();
});
afterAll(() => house.close());

/** web and db are alice's in project alpha, mail is bob's in beta. Fri 20 Nov 2026, 09:00 in London. */
beforeEach(async () => {
  place += 1;
  site = new PatchedSite(`patch-${place}`, 'web', 'db', 'mail');
  site.give('mail', 'bob', 'beta');
  process = await site.process(house);
});

const owners = () => saidTo(mailsAt(house, site.place).owners);
const reports = () => saidTo(mailsAt(house, site.place).reports);

describe('a look', () => {
  it('tells each owner once of all that is wrong, and operators what was told', async () => {
    site.feed = [host('web', ['CVE-1']), host('db', ['CVE-2', 'CVE-3']), host('mail', ['CVE-1'])];

    const run = await look(process);

    expect(run.state).toBe('succeeded');
    expect(owners()).toEqual([
      'alice@alpha.example: 2 of your servers need security updates by Fri 4 Dec 2026',
      'bob@beta.example: 1 of your servers needs security updates by Fri 4 Dec 2026',
    ]);
    expect(reports()).toEqual(['ops@example.org: [nightshift] Fri 20 Nov 2026: 2 notices sent, 0 overdue']);
    expect(run.result).toMatchObject({ servers: 3, open: 4, sent: 2 });
  });

  it('that finds nothing new writes nothing and mails nobody', async () => {
    site.feed = [host('web', ['CVE-1'])];
    await look(process);
    const before = await tables();
    const mails = house.sent.length;

    site.now = dayAfter(3);
    const run = await look(process);

    expect(run.state).toBe('succeeded');
    expect(await tables()).toEqual(before);
    expect(house.sent).toHaveLength(mails);
  });

  it('of a dry run tells nobody, and remembers what it saw', async () => {
    site.feed = [host('web', ['CVE-1'])];

    const run = await look(process, { acting: false });

    expect(owners()).toEqual([]);
    expect(run.report?.lines).toContain('dry run  none of these notices was sent');
    expect(Object.keys(await rowsOf(process, 'patch-cases'))).toEqual(['web']);
    expect(await rowsOf(process, 'patch-notices')).toEqual({});
  });

  it('reminds in time, escalates after the date to the contact of the project, and says when it is over', async () => {
    site.cloud.contacts.set('alpha', { email: 'lead@alpha.example', name: 'alpha', by: 'project' });
    site.feed = [host('web', ['CVE-1'])];
    for (const day of [0, 3, 7, 14, 17, 18, 19]) {
      site.now = dayAfter(day);
      await look(process);
    }
    site.feed = [];
    for (const day of [20, 21, 24]) {
      site.now = dayAfter(day);
      await look(process);
    }

    expect(mailsAt(house, site.place).owners.map(({ to, subject }) => `${to[0]} ${subject}`)).toEqual([
      'alice@alpha.example 1 of your servers needs security updates by Fri 4 Dec 2026',
      'alice@alpha.example Reminder: 1 of your servers needs security updates by Fri 4 Dec 2026',
      'alice@alpha.example Reminder: 1 of your servers needs security updates by Fri 4 Dec 2026',
      'alice@alpha.example Overdue: 1 of your servers needs security updates by Fri 4 Dec 2026',
      'lead@alpha.example Overdue: 1 server in your project needs security updates by Fri 4 Dec 2026',
      'alice@alpha.example Overdue: 1 of your servers needs security updates by Fri 4 Dec 2026',
      'lead@alpha.example Overdue: 1 server in your project needs security updates by Fri 4 Dec 2026',
      'alice@alpha.example Done: what we asked for on 1 of your servers',
    ]);
    expect(reports().filter((line) => line.includes('needs you'))).toHaveLength(1);
  });
});

describe('a feed that is broken', () => {
  it('fails the run, mails no owner and resolves nothing', async () => {
    site.feed = [host('web', ['CVE-1'])];
    await look(process);
    const before = await tables();
    const mails = owners();
    site.feed = Object.assign(new Error('pakiti answers nothing'), { retryable: false });

    site.now = dayAfter(3);
    const run = await look(process);

    expect(run.state).toBe('failed');
    expect(run.error).toContain('pakiti answers nothing');
    expect(owners()).toEqual(mails);
    expect(await tables()).toEqual(before);
  });

  it('resolves nothing by an incomplete answer', async () => {
    site.feed = [host('web', ['CVE-1'])];
    await look(process);
    site.feed = [];
    site.more = { complete: false, warnings: ['half of it'] };
    for (const day of [3, 4, 5]) {
      site.now = dayAfter(day);
      await look(process);
    }

    expect(await rowsOf(process, 'patch-cases')).toMatchObject({
      web: { cases: [{ id: 'CVE-1', seenBy: ['pakiti'] }] },
    });
  });
});

describe('who is written to', () => {
  beforeEach(() => {
    site.feed = [host('web', ['CVE-1']), host('mail', [finding('CVE-1')])];
  });

  it('are owners in the projects that the job is armed for', async () => {
    site.armed = { projects: ['beta'] };

    await look(process);

    expect(owners()).toHaveLength(1);
    expect(owners()[0]).toMatch(/^bob@/);
    expect(await rowsOf(process, 'patch-owners')).toMatchObject({
      'alice@alpha.example': {
        held: { verdict: 'not told', why: '1 server outside the projects of the pilot' },
      },
      'bob@beta.example': { servers: [{ id: 'mail' }] },
    });
  });

  it('is refused where the job is armed for aggregates', async () => {
    site.armed = { aggregates: ['canary'] };

    const run = await look(process);

    expect(run.state).toBe('failed');
    expect(run.error).toContain('armed: { projects: [...] }');
    expect(owners()).toEqual([]);
  });

  it('are so many on a day, and the others on the next', async () => {
    const options = { maxOwnersPerDay: 1 };
    await look(process, { options });
    expect(owners()).toHaveLength(1);

    site.now = dayAfter(3);
    await look(process, { options });

    expect(owners().map((line) => line.split(':')[0])).toEqual(['alice@alpha.example', 'bob@beta.example']);
  });

  it.each([
    { options: { project: 'beta' }, whom: ['bob@beta.example'] },
    { options: { only: 'Alice@alpha.example' }, whom: ['alice@alpha.example'] },
    { options: { only: 'mail' }, whom: ['bob@beta.example'] },
  ])('are those that are asked for: $options', async ({ options, whom }) => {
    await look(process, { options });

    expect(mailsAt(house, site.place).owners.flatMap(({ to }) => to)).toEqual(whom);
    expect(Object.keys(await rowsOf(process, 'patch-cases')).toSorted()).toEqual(['mail', 'web']);
  });

  it('get their own notice also after it was sent to somebody else to look at', async () => {
    const run = await look(process, { options: { to: 'kim@example.org' } });
    expect(run.report?.lines).toContain(
      'redirected  all of these notices went to kim@example.org; nobody counts as told',
    );
    expect(await rowsOf(process, 'patch-notices')).toEqual({});

    await look(process);

    const mails = mailsAt(house, site.place).owners;
    expect(mails.flatMap(({ to }) => to).toSorted()).toEqual([
      'alice@alpha.example',
      'bob@beta.example',
      'kim@example.org',
      'kim@example.org',
    ]);
    expect(new Set(mails.map(({ messageId }) => messageId)).size).toBe(4);
  });

  it('is nobody at an address that bounced; operators hear of it', async () => {
    await mark({ 'bob@beta.example': { mail: '<other@example.org>' } });

    const run = await look(process);

    expect(owners()).toHaveLength(1);
    expect(run.report?.lines?.join('\n')).toContain('mail to bob@beta.example does not arrive: no such user');
  });

  it('is nobody about what is exempt, and everybody again when that ends', async () => {
    const value = {
      exemption: { server: 'mail', reason: 'Friday', approvedBy: 'kim', until: '2026-11-23' },
      at: site.now.toISOString(),
    };
    await process.engine.acts.setRow(
      { table: 'exemptions', key: 'server mail', value },
      { by: 'kim', why: 'Friday' },
    );

    const run = await look(process);

    expect(owners().map((line) => line.split(':')[0])).toEqual(['alice@alpha.example']);
    expect(run.report?.lines?.join('\n')).toContain('exemption of server mail ends Mon 23 Nov 2026');
    site.now = dayAfter(4);
    await look(process);
    expect(owners().map((line) => line.split(':')[0])).toEqual(['alice@alpha.example', 'bob@beta.example']);
  });

  it('is nobody for what a service made in a project without a contact; operators hear of it', async () => {
    site.cloud.users.set('octavia', 'octavia@example.org');
    site.give('mail', 'octavia', 'service');

    const run = await look(process);

    expect(owners()).toHaveLength(1);
    expect(run.report?.lines?.join('\n')).toContain('octavia made it, and for whom is not known');
  });
});

describe('mails that come back', () => {
  const options = { stopAt: { mails: 1, bouncedPercent: 40 } };

  it('stop all others until a person resets the breaker', async () => {
    site.feed = [host('web', ['CVE-1'])];
    await look(process, { options });
    const [{ messageId } = { messageId: '' }] = mailsAt(house, site.place).owners;
    site.now = dayAfter(3);
    await mark({ 'alice@alpha.example': { mail: messageId } });
    site.feed = [host('mail', ['CVE-1'])];

    const stopped = await look(process, { options });

    expect(owners()).toHaveLength(1);
    expect(stopped.result).toMatchObject({ sent: 0, held: { broken: 1 } });
    const breakers = await rowsOf(process, 'breakers');
    expect(breakers).toMatchObject({
      'patch-notices': {
        state: 'open',
        why: 'of 1 mail to owners within 14 days, 1 did not arrive (40 % may)',
      },
    });

    const closed = { state: 'closed', since: site.now.toISOString(), why: 'a typo', by: 'kim' } as const;
    await process.engine.acts.setRow(
      { table: 'breakers', key: 'patch-notices', value: closed },
      { by: 'kim', why: 'a typo' },
    );
    site.now = dayAfter(4);
    await look(process, { options });

    expect(owners()).toHaveLength(2);
  });
});

async function mark(addresses: Readonly<Record<string, { mail: string }>>): Promise<void> {
  for (const [key, { mail }] of Object.entries(addresses)) {
    const value: AddressMark = {
      state: 'bounced',
      since: site.now.toISOString(),
      why: 'no such user',
      source: 'bounce',
      mail,
    };
    await process.engine.acts.setRow({ table: ADDRESSES, key, value }, { by: 'kim', why: 'a test' });
  }
}

async function tables() {
  const names = [
    'patch-cases',
    'patch-notices',
    'patch-owners',
    'patch-trends',
    'patch-mailed',
    'patch-reports',
  ];
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await rowsOf(process, name)] as const)),
  );
}
