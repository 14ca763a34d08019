import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Clients } from '../../src/context.ts';
import type { Json } from '../../src/engine/job.ts';
import { hypervisor, server, size } from '../support/builders.ts';
import { DEFRAGMENT_JOBS } from '../support/defragment-jobs.ts';
import { eventually, type House, openHouse, type TestEngine } from '../support/engine.ts';
import { FakeCloud } from '../support/fake-cloud.ts';
import { openProcess, type Worked, type World, work } from '../support/run-job.ts';

const ID = 'defragment-hypervisors~20261124T220000Z';
const QUICK = { pollMs: 1, migrateAtLeastSeconds: 20, iterations: 20, maxFailed: 3 };

let house: House;
let place = 0;
let cloud: FakeCloud;
let world: World;
beforeAll(async () => {
  house = await openHouse();
});
afterAll(() => house.close());

/** Four hypervisors with one, two, three and four guests; room for all of them on two. */
beforeEach(() => {
  place += 1;
  const guests = [1, 2, 3, 4].flatMap((count, i) =>
    Array.from({ length: count }, (_, n) => server(`${'abcd'[i]}${n + 1}`, `hv${i + 1}`)),
  );
  cloud = new FakeCloud(
    ['hv1', 'hv2', 'hv3', 'hv4'].map((name) => hypervisor(name)),
    guests,
  );
  cloud.mayBeOut = 4;
  world = { cloud, handback: new Map(), armed: true };
});

async function open(): Promise<TestEngine<Clients>> {
  return openProcess(house, DEFRAGMENT_JOBS, world, { place: `defragment-${place}` });
}

async function start(process: TestEngine<Clients>, options: Record<string, Json> = {}, acting = true) {
  return process.engine.create({
    job: 'defragment-hypervisors',
    id: ID,
    options: { ...QUICK, ...options },
    trigger: { kind: 'cli', by: 'kim' },
    acting,
  });
}

async function night(options: Record<string, Json> = {}): Promise<Worked> {
  const process = await open();
  return work(process, await start(process, options));
}

function whyOf({ run }: Worked, subject: string): string | undefined {
  const note = run.notes.find((each) => each.subject === subject);
  return note && `${note.verdict}: ${note.why}`;
}

function emptyOnes(): string[] {
  return [...cloud.hosts.keys()].filter((name) => cloud.running(name).length === 0);
}

function names({ run }: Worked, verdict: string): string[] {
  return run.notes.flatMap((note) => (note.verdict === verdict ? [note.subject] : [])).toSorted();
}

describe('defragment-hypervisors', () => {
  it('empties what it can, and keeps for the campaign what the others can spare', async () => {
    const worked = await night();

    expect(worked.outcome).toBe('succeeded');
    expect(emptyOnes()).toEqual(['hv1', 'hv2', 'hv3']);
    expect(cloud.violations).toEqual([]);
    expect(worked.run.report?.headline).toBe('3 hypervisors emptied, 6 servers moved (48 GiB).');
    expect(worked.run.progress).toEqual({ done: 6, total: 6, unit: 'moves' });
    expect(names(worked, 'kept')).toEqual(['hypervisor hv1', 'hypervisor hv2']);
    expect(whyOf(worked, 'hypervisor hv3')).toBe(
      'emptied: not kept: no headroom: 1 hypervisor would be left in nova, and 1 may fail (keepEmpty)',
    );
    expect([...world.handback.keys()]).toEqual(['hypervisor hv1', 'hypervisor hv2']);
  });

  it('closes a hypervisor before its first server leaves, and names each target', async () => {
    await night({ keepEmpty: 0 });

    const closed = cloud.calls.filter((call) => call.startsWith('cordon'));
    expect(closed.toSorted()).toEqual(['cordon hv1', 'cordon hv2', 'cordon hv3']);
    const moves = cloud.calls.filter((call) => call.startsWith('migrate'));
    expect(moves).toHaveLength(6);
    for (const move of moves) expect(move).toMatch(/^migrate \w+ to hv4$/);
    expect(cloud.calls.indexOf('cordon hv1')).toBeLessThan(cloud.calls.indexOf('migrate a1 to hv4'));
  });

  it('explains in a dry run what it would do, and changes nothing', async () => {
    const process = await open();

    const { outcome, run } = await work(process, await start(process, {}, false));

    expect(outcome).toBe('succeeded');
    expect(cloud.calls).toEqual([]);
    expect(run.report).toEqual({
      headline: '6 moves to empty 3 hypervisors (3 is the most possible).',
      sheet: {
        columns: ['#', 'hypervisor', 'servers', 'GiB'],
        rows: [
          [1, 'hv1', 1, 8],
          [2, 'hv2', 2, 16],
          [3, 'hv3', 3, 24],
        ],
      },
      lines: [
        expect.stringMatching(/^in \d waves, 48 GiB, ~/),
        expect.stringMatching(/^held {2}hv4 {2}no room for 10 of its 10 servers elsewhere/),
      ],
    });
  });

  it('moves nothing when it is run once more', async () => {
    const process = await open();
    await work(process, await start(process, { keepEmpty: 0 }));
    const calls = cloud.calls.length;

    const id = `${ID}-again`;
    const trigger = { kind: 'cli', by: 'kim' } as const;
    const options = { ...QUICK, keepEmpty: 0 };
    await process.engine.create({ job: 'defragment-hypervisors', id, options, trigger, acting: true });
    const { run } = await work(process, id);

    expect(run.report?.headline).toMatch(/^No hypervisor/);
    expect(cloud.calls.slice(calls)).toEqual([]);
  });

  it('leaves the campaign hypervisors that it reboots without a move', async () => {
    const process = await open();
    await work(process, await start(process));
    const calls = cloud.calls.length;

    const options = { pollMs: 1, stopWithinSeconds: 20, limit: 3 };
    const trigger = { kind: 'cli', by: 'kim' } as const;
    const id = 'reboot-hypervisors~1';
    await process.engine.create({ job: 'reboot-hypervisors', id, options, trigger, acting: true });
    const { run } = await work(process, id);

    expect(run.report?.headline).toBe('4 needed a reboot: 3 done, 1 not tonight.');
    expect(cloud.calls.slice(calls).filter((call) => call.startsWith('migrate'))).toEqual([]);
    expect(cloud.calls.slice(calls).filter((call) => call.startsWith('reboot'))).toEqual([
      'reboot hv1',
      'reboot hv2',
      'reboot hv3',
    ]);
    expect(cloud.violations).toEqual([]);
    expect(world.handback).toEqual(new Map());
  });

  it('empties only what needs a reboot, where it works for the campaign', async () => {
    for (const name of ['hv1', 'hv2', 'hv4']) cloud.hosts.get(name)!.kernel = '6.1.0-28';

    const { run } = await night();

    expect(emptyOnes()).toEqual(['hv3']);
    expect(run.report?.headline).toBe('1 hypervisor emptied, 3 servers moved (24 GiB).');
  });

  it('empties nothing where nothing needs a reboot', async () => {
    for (const { name } of cloud.hosts.values()) cloud.hosts.get(name)!.kernel = '6.1.0-28';

    const { run } = await night();

    expect(run.report?.headline).toBe('No hypervisor is to be emptied.');
    expect(cloud.calls).toEqual([]);
  });

  it.each<{ wanted: number | 'max'; empty: string[] }>([
    { wanted: 1, empty: ['hv1'] },
    { wanted: 2, empty: ['hv1', 'hv2'] },
    { wanted: 'max', empty: ['hv1', 'hv2', 'hv3'] },
  ])('empties as many as are wanted: $wanted', async ({ wanted, empty }) => {
    await night({ wanted, keepEmpty: 0 });

    expect(emptyOnes()).toEqual(empty);
  });

  it('asks no host which kernel it runs, where a number is wanted', async () => {
    const { run } = await night({ wanted: 1 });

    expect(run.steps.map(({ key }) => key)).not.toContain('needs');
  });

  it('keeps to the budget of moves', async () => {
    const { run } = await night({ maxMoves: 3, keepEmpty: 0 });

    expect(cloud.calls.filter((call) => call.startsWith('migrate'))).toHaveLength(3);
    expect(emptyOnes()).toEqual(['hv1', 'hv2']);
    expect(run.report?.headline).toBe('2 hypervisors emptied, 3 servers moved (24 GiB).');
  });

  it('plans anew around a server that does not move, and gives its hypervisor back', async () => {
    cloud.faults.set('c1', 'rolled back');

    const worked = await night({ keepEmpty: 0 });

    expect(worked.outcome).toBe('succeeded');
    expect(emptyOnes()).toEqual(['hv1', 'hv2']);
    expect(whyOf(worked, 'server c1')).toMatch(
      /^stays: c1 c1… did not leave hv3: its migration \d+ ended as failed/,
    );
    expect(cloud.hosts.get('hv3')?.disabled).toBeUndefined();
    expect(cloud.calls.filter((call) => call.startsWith('migrate c1'))).toHaveLength(1);
    expect(worked.run.report?.lines).toContainEqual(expect.stringMatching(/^enabled again {2}hv3 {2}/));
  });

  it('sends nobody elsewhere whose target was refused', async () => {
    cloud.faults.set('a1', 'refused');

    await night({ keepEmpty: 0 });

    expect(cloud.calls.filter((call) => call.startsWith('migrate a1'))).toEqual(['migrate a1 to hv4']);
    expect(cloud.servers.get('a1')?.hypervisor).toBe('hv1');
  });

  it('stops when more migrations failed than may, and keeps what is empty', async () => {
    for (const id of ['a1', 'b1', 'c1']) cloud.faults.set(id, 'rolled back');

    const { outcome, run } = await night({ maxFailed: 0, keepEmpty: 0 });

    expect(outcome).toBe('succeeded');
    expect(run.report?.lines?.at(-1)).toMatch(/^stopped {2}\d+ migrations? failed, more than maxFailed=0$/);
    expect([...cloud.hosts.values()].filter(({ disabled }) => disabled !== undefined)).toEqual([]);
  });

  it('leaves a hypervisor disabled whose server did not come out whole, and says who is needed', async () => {
    cloud.faults.set('a1', 'left in ERROR');

    const worked = await night({ keepEmpty: 0, gate: { errorServers: false } });

    expect(worked.outcome).toBe('failed');
    expect(worked.run.error).toBe('left disabled for a person: hv1');
    expect(whyOf(worked, 'hypervisor hv1')).toMatch(/^needs you: .*a1 a1… is in ERROR/);
    expect(cloud.hosts.get('hv1')?.disabled).toContain('reserved for reboot-hypervisors');
    expect([...world.handback.keys()]).toContain('hypervisor hv1');
  });

  describe('when migrations take as long as they like', () => {
    /** In the order in which they are asked to move. */
    function onMove(act: (id: string, nth: number) => void): readonly string[] {
      const asked: string[] = [];
      cloud.onCall = (call) => {
        const [, id] = /^migrate (\w+)/.exec(call) ?? [];
        if (id === undefined) return;
        asked.push(id);
        act(id, asked.length);
      };
      return asked;
    }

    it('lets all others overtake one that takes long', async () => {
      cloud.faults.set('a1', 'stuck');
      const asked = onMove((_, nth) => {
        if (nth === 6) cloud.faults.delete('a1');
      });

      const { run } = await night({ keepEmpty: 0 });

      expect(run.report?.headline).toBe('3 hypervisors emptied, 6 servers moved (48 GiB).');
      expect(asked).toHaveLength(6);
      expect(asked.at(-1)).not.toBe('a1');
      expect(cloud.violations).toEqual([]);
    });

    it('begins nothing more once one has failed, and sees through what is under way', async () => {
      const asked = onMove((id, nth) => cloud.faults.set(id, nth === 1 ? 'rolled back' : 'stuck'));
      const process = await open();
      const id = await start(process, { keepEmpty: 0, maxFailed: 0 });
      const working = work(process, id);

      await eventually('the failure', async () =>
        (await process.engine.runs.get(id))?.notes.some(({ verdict }) => verdict === 'stays'),
      );
      cloud.faults.delete(asked[1]!);
      const { run } = await working;

      expect(asked).toHaveLength(2);
      expect(cloud.servers.get(asked[1]!)?.hypervisor).toBe('hv4');
      expect(run.report?.lines?.at(-1)).toBe('stopped  1 migration failed, more than maxFailed=0');
    });
  });

  describe('while it is at work', () => {
    /** Something happens to the cloud as soon as the first hypervisor is closed. */
    function meanwhile(act: () => void): void {
      cloud.onCall = () => {
        cloud.onCall = () => {};
        act();
      };
    }

    it('drops a server that is gone, and goes on with the others', async () => {
      meanwhile(() => {
        cloud.servers.delete('b2');
        cloud.allocations.delete('b2');
      });

      const worked = await night({ keepEmpty: 0 });

      expect(emptyOnes()).toEqual(['hv1', 'hv2', 'hv3']);
      expect(whyOf(worked, 'server b2')).toBe('not moved: it is gone');
      expect(worked.run.progress).toEqual({ done: 6, total: 6, unit: 'moves' });
    });

    it('plans anew around a server that its owner has locked', async () => {
      meanwhile(() => (cloud.servers.get('c2')!.locked = true));

      await night({ keepEmpty: 0 });

      expect(emptyOnes()).toEqual(['hv1', 'hv2']);
      expect(cloud.hosts.get('hv3')?.disabled).toBeUndefined();
      expect(cloud.calls).not.toContain('migrate c2 to hv4');
    });

    it('leaves alone what a person disables', async () => {
      meanwhile(() => (cloud.hosts.get('hv4')!.disabled = 'disk swap, ask Kim'));

      const { outcome } = await night({ keepEmpty: 0 });

      expect(outcome).toBe('succeeded');
      expect(cloud.hosts.get('hv4')?.disabled).toBe('disk swap, ask Kim');
      expect(cloud.violations).toEqual([]);
    });

    it('moves on a server that came before its hypervisor was closed', async () => {
      cloud.onCall = (call) => {
        if (!call.startsWith('migrate')) return;
        cloud.onCall = () => {};
        const free = ['hv1', 'hv2', 'hv3'].find((name) => cloud.hosts.get(name)?.disabled === undefined);
        cloud.add(server('late', free ?? 'hv1'));
      };

      await night({ keepEmpty: 0 });

      expect(emptyOnes()).toEqual(['hv1', 'hv2', 'hv3']);
      expect(cloud.calls).toContain('migrate late to hv4');
    });

    it('waits through a freeze before it looks at anything more, and goes on after it', async () => {
      const process = await open();
      cloud.onCall = (call) => {
        if (!call.startsWith('migrate')) return;
        cloud.onCall = () => {};
        void process.engine.acts.setMode('freeze', { by: 'kim', why: 'a switch is down' });
      };
      const id = await start(process, { keepEmpty: 0 });
      const frozen = await work(process, id);
      const asked = cloud.calls.filter((call) => call.startsWith('migrate')).length;
      expect(frozen.outcome).toBe('waiting');
      expect(asked).toBeLessThan(6);

      await process.engine.acts.setMode('', { by: 'kim', why: 'repaired' });
      const { outcome } = await work(process, id);

      expect(outcome).toBe('succeeded');
      expect(emptyOnes()).toEqual(['hv1', 'hv2', 'hv3']);
    });

    it.each(['frozen', 'killed'])(
      'is given back what it had closed when it is %s until too late',
      async (how) => {
        const process = await open();
        cloud.onCall = (call) => {
          if (!call.startsWith('migrate')) return;
          cloud.onCall = () => {};
          const kim = { by: 'kim', why: 'a switch is down' };
          if (how === 'killed') void process.engine.acts.kill(ID, kim);
          else void process.engine.acts.setMode('freeze', kim);
        };
        await work(process, await start(process, { keepEmpty: 0 }));
        expect([...cloud.hosts.values()].filter(({ disabled }) => disabled !== undefined)).not.toEqual([]);

        // As the run's own child does in the morning.
        const id = 'return-reserved~1';
        const options = { run: ID, until: '2020-11-24T05:00:00.000Z' };
        const trigger = { kind: 'cli', by: 'kim' } as const;
        await process.engine.create({ job: 'return-reserved', id, options, trigger, acting: true });
        const { outcome } = await work(process, id);

        expect(outcome).toBe('succeeded');
        expect([...cloud.hosts.values()].filter(({ disabled }) => disabled !== undefined)).toEqual([]);
        expect(world.handback).toEqual(new Map());
      },
    );

    it('leaves enabled what a person has enabled', async () => {
      cloud.onCall = (call) => {
        if (!call.startsWith('migrate a1')) return;
        cloud.onCall = () => {};
        cloud.hosts.get('hv1')!.disabled = undefined;
      };

      const worked = await night({ keepEmpty: 0 });

      expect(cloud.hosts.get('hv1')?.disabled).toBeUndefined();
      expect(whyOf(worked, 'hypervisor hv1')).toBe('given back: somebody has enabled it meanwhile');
      expect(cloud.calls.filter((call) => call.endsWith('cordon hv1'))).toEqual(['cordon hv1']);
    });

    it('gives everything back at once when it is cancelled', async () => {
      const process = await open();
      let asked = 0;
      cloud.onCall = (call) => {
        if (!call.startsWith('migrate')) return;
        asked += 1;
        if (asked === 3) void process.engine.acts.cancel(ID, { by: 'kim', why: 'not tonight' });
      };

      const { outcome, run } = await work(process, await start(process, { keepEmpty: 0 }));

      expect(outcome).toBe('cancelled');
      expect([...cloud.hosts.values()].filter(({ disabled }) => disabled !== undefined)).toEqual([]);
      expect(world.handback).toEqual(new Map());
      expect(run.report?.lines?.at(-1)).toMatch(/^stopped {2}cancelled by kim/);
    });
  });

  it('asks before it moves anything, where the site wants that', async () => {
    const process = await open();
    const id = await start(process, { approval: { hours: 1 }, keepEmpty: 0 });
    const { run } = await work(process, id);
    expect(run.waiting?.for).toContain('May 6 servers be moved, to empty hv1, hv2 and hv3?');
    expect(cloud.calls).toEqual([]);

    await process.engine.acts.approve(id, { key: 'moves', answer: 'yes', by: 'kim', why: 'go on' });
    await work(process, id);

    expect(emptyOnes()).toEqual(['hv1', 'hv2', 'hv3']);
  });

  it('moves nothing where a person says no', async () => {
    const process = await open();
    const id = await start(process, { approval: { hours: 1 } });
    await work(process, id);

    await process.engine.acts.approve(id, { key: 'moves', answer: 'no', by: 'kim', why: 'exam week' });
    const { run } = await work(process, id);

    expect(run.report?.lines).toEqual(['stopped  kim said no: exam week']);
    expect(cloud.calls).toEqual([]);
  });

  it('touches one member of a cluster at a time', async () => {
    const member = { metadata: { 'nightshift:cluster': 'db' } };
    const members = ['a1', 'b1', 'b2', 'c1', 'c2', 'c3'];
    for (const id of members) Object.assign(cloud.servers.get(id)!, member);
    const together: number[] = [];
    cloud.onCall = (call) => {
      if (!members.some((id) => call.startsWith(`migrate ${id} `))) return;
      const moving = members.filter((id) => cloud.servers.get(id)?.task !== undefined);
      together.push(moving.length);
    };

    await night({ keepEmpty: 0 });

    expect(emptyOnes()).toEqual(['hv1', 'hv2', 'hv3']);
    // Each is asked before it is seen to move itself.
    expect(together).toEqual([0, 0, 0, 0, 0, 0]);
  });

  it('leaves alone what is not armed, claimed, or not to be moved', async () => {
    world = { ...world, armed: { aggregates: ['canary'] } };

    const { run } = await night({ keepEmpty: 0 });

    expect(run.report?.headline).toBe('No hypervisor is to be emptied.');
    expect(cloud.calls).toEqual([]);
  });

  it('does nothing while Nova cannot see some servers', async () => {
    cloud.cellDown.set('hv3', 'unknown');

    const { outcome, run } = await night();

    expect(outcome).toBe('failed');
    expect(run.error).toContain('Nova cannot see 3 servers: a cell is down');
    expect(cloud.calls).toEqual([]);
  });

  it('counts a hypervisor with stopped servers only as empty, and leaves those where they are', async () => {
    cloud.add(server('off', 'hv1', { status: 'SHUTOFF', size: size(8) }));

    await night({ keepEmpty: 0 });

    expect(emptyOnes()).toEqual(['hv1', 'hv2', 'hv3']);
    expect(cloud.servers.get('off')).toMatchObject({ status: 'SHUTOFF', hypervisor: 'hv1' });
  });

  it('mails operators once what was done', async () => {
    const process = await open();
    const before = house.sent.length;

    await work(process, await start(process));
    await process.engine.sendMails();

    const mails = house.sent.slice(before);
    expect(mails).toHaveLength(1);
    expect(mails[0]?.subject).toMatch(
      /^\[nightshift\] \w{3} \d+ \w{3} \d{4}: 3 hypervisors emptied, 6 servers moved \(48 GiB\)$/,
    );
    expect(mails[0]?.text).toContain('kept empty for reboot-hypervisors until');
  });

  it('tells the contacts of projects whose servers move, where the site announces that', async () => {
    cloud.contacts.set('alpha', { email: 'pi@alpha.example', by: 'project' });
    const process = await open();
    const before = house.sent.length;

    await work(process, await start(process, { owners: { announceMoves: true } }));
    await process.engine.sendMails();

    const told = house.sent.slice(before).filter(({ to }) => to.includes('pi@alpha.example'));
    expect(told).toHaveLength(1);
    expect(told[0]?.subject).toContain('6 of your servers');
  });
});
