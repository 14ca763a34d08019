/** What owners are told before their servers are stopped, and how their agreement frees a hypervisor. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Clients } from '../../src/context.ts';
import type { Json } from '../../src/engine/job.ts';
import { isOver } from '../../src/engine/runs.ts';
import { hypervisor, server } from '../support/builders.ts';
import { eventually, type House, openHouse, type TestEngine } from '../support/engine.ts';
import { FakeCloud } from '../support/fake-cloud.ts';
import { REBOOT_JOBS } from '../support/reboot-jobs.ts';
import { openProcess, type World, work } from '../support/run-job.ts';

const CAMPAIGN = 'reboot-hypervisors~20261124T224100Z';
const CHILD = `${CAMPAIGN}~hv1`;
const QUICK = { pollMs: 1, migrateAtLeastSeconds: 20, stopWithinSeconds: 20, waitPollSeconds: 0.01 };
const KIM = { by: 'kim', why: 'alice said so on the phone' };
const GPU = { pinned: 'PCI device of class gpu' };

let house: House;
let place = 0;
let cloud: FakeCloud;
let world: World;
let process: TestEngine<Clients>;

beforeAll(async () => {
  house = await openHouse();
});
afterAll(() => house.close());

/** hv1 runs two servers of alice and one of bob that cannot be moved; hv2 is up to date. */
beforeEach(async () => {
  place += 1;
  cloud = new FakeCloud(
    ['hv1', 'hv2'].map((name) => hypervisor(name)),
    [
      server('gpu-a', 'hv1', GPU),
      server('gpu-b', 'hv1', GPU),
      server('gpu-c', 'hv1', { ...GPU, userId: 'bob', projectId: 'beta' }),
    ],
  );
  cloud.hosts.get('hv2')!.kernel = '6.1.0-28';
  cloud.users.set('alice', 'alice@alpha.example');
  cloud.users.set('bob', 'bob@beta.example');
  world = { cloud, handback: new Map(), armed: true };
  process = await openProcess(house, REBOOT_JOBS, world, { place: `owners-${place}` });
});

async function campaign(options: Record<string, Json>, id = CAMPAIGN, acting = true) {
  const trigger = { kind: 'cli', by: 'kim' } as const;
  await process.engine.create({
    job: 'reboot-hypervisors',
    id,
    options: { ...QUICK, ...options },
    trigger,
    acting,
  });
  return (await work(process, id)).run;
}

/** Works a run until it is as it should be. */
async function until(
  what: string,
  id: string,
  is: (run: Awaited<ReturnType<typeof work>>['run']) => boolean,
) {
  return eventually(what, async () => {
    const { run } = await work(process, id);
    return is(run) && run;
  });
}

async function mails() {
  await process.engine.sendMails();
  return house.sent.filter(
    ({ messageId, to }) => messageId.endsWith(`@owners-${place}>`) && !to.includes('ops@example.org'),
  );
}

function agree(id: string, wish = 'stop') {
  cloud.servers.get(id)!.metadata = { 'nightshift:drain': wish };
}

function noteOf(
  run: { notes: readonly { subject: string; verdict: string; why: string }[] },
  subject: string,
) {
  const note = run.notes.find((one) => one.subject === subject);
  return note && `${note.verdict}: ${note.why}`;
}

describe('servers that cannot be moved', () => {
  const owners = { ask: true, noticeHours: 0, gatherMinutes: 0 };

  it('are stopped and started again once their owners agree, each asked by one mail', async () => {
    await campaign({ owners });
    const waiting = await until('the wait', CHILD, ({ state }) => state === 'waiting');
    const asked = await mails();

    expect(asked.map(({ to, subject }) => `${to.join(', ')}: ${subject}`).toSorted()).toEqual([
      'alice@alpha.example: 2 of your servers keep hv1 from its security update',
      'bob@beta.example: 1 of your servers keeps hv1 from its security update',
    ]);
    expect(noteOf(waiting, 'server gpu-a')).toMatch(/^told: alice@alpha.example was told .*asked to agree/);
    expect(cloud.calls).toEqual(['cordon hv1']);

    agree('gpu-a');
    await process.engine.acts.approve(CHILD, { key: 'stop gpu-c', answer: 'yes', ...KIM });
    await cloud.stop('gpu-b');
    cloud.servers.delete('gpu-b');
    cloud.allocations.delete('gpu-b');
    const { state, notes } = await until('its end', CHILD, (run) => isOver(run.state));

    expect(state).toBe('succeeded');
    expect(cloud.calls.filter((call) => call !== 'stop gpu-b')).toEqual([
      'cordon hv1',
      'stop gpu-a',
      'stop gpu-c',
      'reboot hv1',
      'start gpu-a',
      'start gpu-c',
      'uncordon hv1',
    ]);
    expect(cloud.violations).toEqual([]);
    expect(noteOf({ notes }, 'server gpu-a')).toMatch(/^started again/);
    expect(await mails()).toHaveLength(2);
  });

  it('are left alone while one owner has not answered, and given back at the deadline', async () => {
    cloud.onCall = () => {
      agree('gpu-a');
      agree('gpu-b', 'never');
    };
    await campaign({ owners: { ...owners, deadlineDays: 0.00002 } });
    const { notes } = await until('its end', CHILD, (run) => isOver(run.state));

    expect(cloud.calls).toEqual(['cordon hv1', 'uncordon hv1']);
    const why = noteOf({ notes }, 'hypervisor hv1');
    expect(why).toMatch(/^given back: 2 servers neither ended nor may be stopped by /);
    expect(why).toContain('(it has an owner who does not want it touched (nightshift:drain = never))');
    expect(why).toContain('(bob@beta.example was told');
  });

  it('are not stopped before the notice is old enough', async () => {
    for (const id of ['gpu-a', 'gpu-b', 'gpu-c']) agree(id);
    await campaign({ owners: { ...owners, noticeHours: 48, deadlineDays: 0.00002 } });
    const { notes } = await until('its end', CHILD, (run) => isOver(run.state));

    expect(cloud.calls).toEqual(['cordon hv1', 'uncordon hv1']);
    expect(noteOf({ notes }, 'hypervisor hv1')).toContain('the notice is not old enough');
  });

  it('need a person where no owner is known', async () => {
    cloud.users.clear();
    await campaign({ owners });
    const waiting = await until('the wait', CHILD, ({ state }) => state === 'waiting');

    expect(await mails()).toEqual([]);
    expect(noteOf(waiting, 'server gpu-a')).toMatch(/^needs you: nobody is known who could be told/);
  });

  it('bring no owner a second mail within a day, of whatever campaign', async () => {
    const value = { at: new Date().toISOString(), run: 'another' };
    await process.engine.acts.setRow({ table: 'owner-mails', key: 'alice@alpha.example', value }, KIM);
    await campaign({ owners });
    const waiting = await until('the wait', CHILD, ({ state }) => state === 'waiting');

    expect((await mails()).map(({ to }) => to)).toEqual([['bob@beta.example']]);
    expect(noteOf(waiting, 'server gpu-a')).toMatch(
      /^told later: alice@alpha.example had a mail within a day/,
    );
  });

  it('bring nobody mail in a dry run, or where owners are not asked', async () => {
    await campaign({ owners }, CAMPAIGN, false);
    await campaign({}, 'reboot-hypervisors~20261125T224100Z');

    expect(await mails()).toEqual([]);
  });
});

describe('an operator who notes a reply', () => {
  const owners = { ask: true, noticeHours: 0, gatherMinutes: 0 };
  const NO = { key: 'stop gpu-c', answer: 'no', by: 'kim', why: 'bob runs a long job' } as const;
  const WHY = 'kim noted that its owner does not agree to a stop: bob runs a long job';
  const NEXT = 'reboot-hypervisors~20261125T224100Z';

  it('ends the wait by a no: the hypervisor is given back at once, and nobody waits for that server again', async () => {
    await campaign({ owners });
    await until('the wait', CHILD, ({ state }) => state === 'waiting');
    await process.engine.acts.approve(CHILD, NO);
    const { notes } = await until('its end', CHILD, (run) => isOver(run.state));

    expect(cloud.calls).toEqual(['cordon hv1', 'uncordon hv1']);
    expect(noteOf({ notes }, 'server gpu-c')).toBe(`refused: ${WHY}`);
    expect(noteOf({ notes }, 'hypervisor hv1')).toBe(
      `given back: 1 server may not be stopped: gpu-c gpu-… (${WHY})`,
    );

    const next = await campaign({ owners }, NEXT);
    expect(noteOf(next, 'hypervisor hv1')).toContain(
      `held: 1 server may not be stopped: gpu-c gpu-… (${WHY}; asked`,
    );
    expect(await mails()).toHaveLength(2);
  });

  it('may have the site wait for the end of that server all the same, and the others agree', async () => {
    await campaign({ owners: { ...owners, otherwise: 'wait' } });
    await until('the wait', CHILD, ({ state }) => state === 'waiting');
    await process.engine.acts.approve(CHILD, NO);
    for (const id of ['gpu-a', 'gpu-b']) agree(id);
    await until('the refusal', CHILD, (run) => noteOf(run, 'server gpu-c') === `refused: ${WHY}`);
    expect(cloud.calls).toEqual(['cordon hv1']);

    cloud.servers.delete('gpu-c');
    cloud.allocations.delete('gpu-c');
    const { notes } = await until('its end', CHILD, (run) => isOver(run.state));

    expect(noteOf({ notes }, 'hypervisor hv1')).toMatch(/^done: rebooted/);
    expect(cloud.violations).toEqual([]);
  });
});

describe('a wait', () => {
  const NOTED = 'kim noted that its owner agrees to a stop: alice said so on the phone';
  const owners = { ask: true, noticeHours: 0, gatherMinutes: 0 };

  it('is explained server by server: owner, notice, kind, and what was answered', async () => {
    cloud.projects.set('beta', 'Project Beta');
    await campaign({ owners });
    await until('the wait', CHILD, ({ state }) => state === 'waiting');
    await process.engine.acts.approve(CHILD, { key: 'stop gpu-c', answer: 'yes', ...KIM });
    const known = await eventually('what it waits for', async () => {
      await work(process, CHILD);
      const why = await process.engine.runs.why('hypervisor hv1');
      return JSON.stringify(why?.note.sheet ?? '').includes('kim noted') && why;
    });

    const { note, held, queue } = known;
    expect(note.verdict).toBe('waits');
    expect(note.why).toBe(
      'for 3 servers to end, or their owners to agree to a stop; they cannot be moved (PCI device of class gpu)',
    );
    expect(Date.parse(note.until ?? '') - Date.parse(note.since ?? '')).toBe(14 * 86_400_000);
    const told = { at: expect.stringMatching(/^\d{4}-.*Z$/) };
    expect(note.sheet?.rows).toEqual([
      ['gpu-a', 'gpu-…', 'alpha', 'alice@alpha.example', told, null, null, 0, 'no answer yet'],
      ['gpu-b', 'gpu-…', 'alpha', 'alice@alpha.example', told, null, null, 0, 'no answer yet'],
      ['gpu-c', 'gpu-…', 'Project Beta', 'bob@beta.example', told, null, null, 0, NOTED],
    ]);
    expect(note.lines).toEqual([
      `It is disabled (by nightshift ${CHILD}), so no new server lands on it.`,
      ...['gpu-a', 'gpu-b'].map((id) => expect.stringContaining(`nightshift approve ${CHILD} 'stop ${id}'`)),
    ]);
    expect([held?.run, queue]).toEqual([CHILD, []]);
  });

  it('is explained also where nobody is asked', async () => {
    await campaign({});
    const { notes } = await until('the wait', CHILD, ({ state }) => state === 'waiting');

    const note = notes.find(({ subject }) => subject === 'hypervisor hv1');
    expect(note?.sheet?.columns).not.toContain('asked to agree to stop and start');
    expect(note?.sheet?.rows.map(([name, , , owner]) => [name, owner])).toEqual([
      ['gpu-a', 'alice@alpha.example'],
      ['gpu-b', 'alice@alpha.example'],
      ['gpu-c', 'bob@beta.example'],
    ]);
  });

  it('is left to say more of itself than a campaign that finds it', async () => {
    await campaign({ owners });
    await until('the wait', CHILD, ({ state }) => state === 'waiting');
    await campaign({ owners }, 'reboot-hypervisors~20261125T224100Z');

    expect((await process.engine.runs.why('hypervisor hv1'))?.run).toBe(CHILD);
  });
});

describe('two hypervisors that wait for servers of one owner', () => {
  const OTHER = `${CAMPAIGN}~hv2`;

  beforeEach(() => {
    cloud.mayBeOut = 2;
    cloud.hosts.get('hv2')!.kernel = '6.1.0-18';
    cloud.add(server('gpu-d', 'hv2', GPU));
    cloud.add(server('gpu-e', 'hv2', { ...GPU, userId: 'carol' }));
    cloud.users.set('carol', 'carol@gamma.example');
  });

  /** `alice@alpha.example gpu-a gpu-b gpu-d`: whom a mail is about. */
  async function letters() {
    const about = (text: string) => [...new Set(text.match(/gpu-[a-e](?= )/g))].toSorted().join(' ');
    return (await mails()).map(({ to, text }) => `${to.join()} ${about(text)}`).toSorted();
  }

  it('bring that owner one mail about both, and nobody a mail about another’s', async () => {
    const owners = { ask: true, noticeHours: 0, gatherMinutes: 0.003 };
    await campaign({ owners, maxWaiting: 2 });
    const waiting = await eventually('all to be told', async () => {
      const runs = await Promise.all([CHILD, OTHER].map(async (id) => (await work(process, id)).run));
      const subjects = runs.flatMap(({ notes }) => notes.filter(({ verdict }) => verdict === 'told'));
      return subjects.length === 5 && runs;
    });

    expect(await letters()).toEqual([
      'alice@alpha.example gpu-a gpu-b gpu-d',
      'bob@beta.example gpu-c',
      'carol@gamma.example gpu-e',
    ]);
    const [alice] = (await mails()).filter(({ to }) => to[0] === 'alice@alpha.example');
    expect(alice?.subject).toBe('3 of your servers keep 2 hypervisors from their security update');
    expect(waiting.map((run) => noteOf(run, 'server gpu-d')?.slice(0, 5))).toEqual([undefined, 'told:']);
  });

  it('remind nobody who has answered, and the others once, again in one mail', async () => {
    const owners = {
      ask: true,
      noticeHours: 0,
      gatherMinutes: 0.003,
      deadlineDays: 20,
      reminderDays: 19.99999,
    };
    await campaign({ owners, maxWaiting: 2 });
    await eventually('all to be told', async () => {
      for (const id of [CHILD, OTHER]) await work(process, id);
      return (await mails()).length === 3;
    });
    agree('gpu-b');
    await process.engine.acts.approve(OTHER, { key: 'stop gpu-e', answer: 'yes', ...KIM });
    // A day goes by.
    for (const email of ['alice@alpha.example', 'bob@beta.example', 'carol@gamma.example'])
      await process.engine.acts.setRow({ table: 'owner-mails', key: email }, KIM);
    await eventually('reminders', async () => {
      for (const id of [CHILD, OTHER]) await work(process, id);
      return (await mails()).length === 5;
    });

    expect((await letters()).filter((one) => !one.startsWith('carol'))).toEqual([
      'alice@alpha.example gpu-a gpu-b gpu-d',
      'alice@alpha.example gpu-a gpu-d',
      'bob@beta.example gpu-c',
      'bob@beta.example gpu-c',
    ]);
    const reminders = (await mails()).filter(({ subject }) => subject.startsWith('Reminder: '));
    expect(reminders.map(({ to }) => to.join()).toSorted()).toEqual([
      'alice@alpha.example',
      'bob@beta.example',
    ]);
  });
});

describe('servers that are stopped or migrated cold by wish', () => {
  const allow = { cold: true, stop: true };
  const NEXT = 'reboot-hypervisors~20261126T224100Z';
  const THIRD = 'reboot-hypervisors~20261127T224100Z';

  beforeEach(() => {
    cloud.servers.clear();
    cloud.allocations.clear();
    cloud.add(server('db', 'hv1', { metadata: { 'nightshift:drain': 'stop' } }));
    cloud.add(server('web', 'hv1', { metadata: { 'nightshift:drain': 'cold' } }));
  });

  it('hold their hypervisor until their owners were told so many hours before', async () => {
    const first = await campaign({ allow, owners: { noticeHours: 48 } });

    expect(noteOf(first, 'hypervisor hv1')).toMatch(/^held: too early to stop or cold-migrate db/);
    expect((await mails()).map(({ to, subject }) => [...to, subject.slice(0, 22)])).toEqual([
      ['alice@alpha.example', '2 of your servers: mai'],
    ]);

    const second = await campaign({ allow, owners: { noticeHours: 48 } }, NEXT);
    expect(noteOf(second, 'hypervisor hv1')).toMatch(/alice@alpha.example was told .*, so not before /);
    expect(await mails()).toHaveLength(1);
    expect(cloud.calls).toEqual([]);

    await campaign({ allow, owners: { noticeHours: 1e-9 } }, THIRD);
    expect(cloud.calls).toContain('stop db');
    expect(cloud.violations).toEqual([]);
  });
});

describe('live moves', () => {
  it('are announced to the contact of each project, where that is wished', async () => {
    cloud.servers.clear();
    cloud.allocations.clear();
    cloud.add(server('a', 'hv1'));
    cloud.add(server('b', 'hv1', { projectId: 'beta' }));
    cloud.contacts.set('alpha', { email: 'pi@alpha.example', name: 'alpha', by: 'project' });
    const run = await campaign({ owners: { announceMoves: true } });

    const [mail, ...others] = await mails();
    expect([mail?.to, others]).toEqual([['pi@alpha.example'], []]);
    expect(mail?.text).toContain('is moved to another hypervisor while it runs');
    expect(mail?.text).not.toContain('b  b');
    expect(noteOf(run, 'announcement of live moves')).toBe(
      'done: 1 mail for 2 projects; 1 project without a contact',
    );
  });
});
