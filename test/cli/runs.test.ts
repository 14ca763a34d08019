import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RunRecord } from '../../src/engine/runs.ts';
import { openSite, type Running, type Site } from '../support/nightshift.ts';

let site: Site;
beforeEach(async () => {
  site = await openSite({ settings: 'engine: { leaseMs: 2000, renewMs: 500, reconcileMs: 200 }' });
});
afterEach(() => site.close());

async function daemon(): Promise<Running> {
  const running = site.start('daemon');
  await running.says('nightshift works');
  return running;
}

function stepOf(run: RunRecord, key: string) {
  return run.steps.find((step) => step.key === key);
}

describe('run', () => {
  it('without --go is a dry run, and says how to act', async () => {
    const { exit, out, err } = await site.nightshift('run', 'ring-bell', '-o', 'times=3');

    expect(out).toBe('Dry run: nothing is changed (to act: --go).\nWould ring 3 times.\n');
    expect(err).toBe('');
    expect(exit).toBe(0);
    expect(existsSync(join(site.dir, 'rings'))).toBe(false);
  });

  it('names every yes that is missing', async () => {
    site.write('dry.yaml', 'stateDir: state\n');

    const { out } = await site.nightshift('-c', 'dry.yaml', 'run', 'reboot-hypervisors');

    expect(out).toMatch(
      /^Dry run: nothing is changed \(the configuration says dryRun: true; reboot-hypervisors is not armed; to act: --go\)\.\n/,
    );
  });

  it('works the run itself where no daemon lives, and answers with its report', async () => {
    const { exit, out } = await site.nightshift('run', 'ring-bell', '--go');

    expect(out).toMatch(/^ring-bell~\d{8}T\d{6}Z-\w{4}: acting\.\nRang 2 times\.\nring {2}into\n/);
    expect(exit).toBe(0);
    expect(site.rings()).toEqual(['ring 1', 'ring 2']);
  });

  it('shows the log and each step forward when it is followed', async () => {
    const { out } = await site.nightshift('run', 'ring-bell', '--go', '--follow');

    expect(out.replaceAll(/\d\d:\d\d:\d\d/g, 'HH:MM:SS').replaceAll(/ms=\d+/gi, 'Ms=N')).toContain(
      'HH:MM:SS  ring 2  done  tookMs=N\n',
    );
    expect(out).toContain('2 of 2 rings\n');
  });

  it.skipIf(!existsSync('/usr/bin/script'))('draws a bar on a terminal', async () => {
    const shown = await site.onTerminal('run', 'ring-bell', '--go', '--follow', '-o', 'restMs=500');

    expect(shown).toContain('█████████████░░░░░░░░░░░░░  1/2 rings\r\u001b[K');
    expect(shown.split('\n').filter((line) => line.startsWith('1 of 2'))).toEqual([]);
  });

  it('answers a program with the run, and nothing else', async () => {
    const run = await site.json<RunRecord>('run', 'ring-bell', '--go', '--follow');

    expect(run).toMatchObject({
      job: 'ring-bell',
      state: 'succeeded',
      acting: true,
      trigger: { kind: 'cli', by: 'kim' },
      progress: { done: 2, total: 2, unit: 'rings' },
      report: { headline: 'Rang 2 times.' },
    });
  });

  it('is left to the daemon where one lives, and log -f stays with it to its end', async () => {
    const service = await daemon();

    const { exit, out } = await site.nightshift('run', 'ring-bell', '--go', '-o', 'restMs=1500');
    const [id = ''] = out.split(':');
    const log = await site.nightshift('log', '-f', id);

    expect(out).toContain(`A daemon works it. Its log: nightshift log -f ${id}\n`);
    expect(exit).toBe(0);
    expect(log.out).toMatch(/ring 1 {2}begins[^]*1 of 2 rings[^]*ring 2 {2}done/);
    expect(log.exit).toBe(0);
    expect(site.rings()).toEqual(['ring 1', 'ring 2']);
    service.child.kill('SIGTERM');
    const ended = await service.ended;
    expect(ended.exit).toBe(0);
    expect(
      ended.err
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).message),
    ).toEqual([
      'nightshift starts',
      'nightshift listens',
      'nightshift works',
      'nightshift hands over and ends',
    ]);
  });

  it.each(['SIGINT', 'SIGTERM'] as const)(
    'hands the run over on %s, says how to go on, and resume does',
    async (signal) => {
      const running = site.start('run', 'ring-bell', '--go', '-f', '-o', 'restMs=1000');
      await running.says('ring 1 {2}done');

      running.child.kill(signal);
      const { exit, out, err } = await running.ended;
      const [id = ''] = out.split(':');

      expect(out).toContain(`${id} stays queued, and no daemon works here. Go on: nightshift resume ${id}\n`);
      expect(err).toContain('Handing the run over');
      expect(exit).toBe(75);
      expect(site.rings()).toEqual(['ring 1']);

      const resumed = await site.nightshift('resume', id);

      expect(resumed.out).toContain(`${id} goes on.\nRang 2 times.`);
      expect(resumed.exit).toBe(0);
      expect(site.rings()).toEqual(['ring 1', 'ring 2']);
    },
  );

  it('may be left while a daemon works it', async () => {
    await daemon();
    const running = site.start('run', 'ring-bell', '--go', '-f', '-o', 'restMs=1000');
    await running.says('ring 1 {2}done');

    running.child.kill('SIGINT');
    const { exit, out, err } = await running.ended;

    expect(err).toBe('');
    expect(out).toMatch(/ is running; a daemon works it\. Its log: nightshift log -f ring-bell~/);
    expect(exit).toBe(75);
  });

  it('that another run keeps waiting ends with 3 and says what for', async () => {
    const holder = await site.ring({ trouble: 'unclear' });

    const { exit, out } = await site.nightshift('run', 'ring-bell', '--go');

    expect(out).toContain(`  waits       for "bell", which ${holder} has (rings it), since `);
    expect(out).toMatch(/\n\nNo daemon works here, so once that is over: nightshift resume ring-bell~/);
    expect(exit).toBe(3);
  });

  it('that was killed with its process is taken up by resume once its lease is over', async () => {
    const running = site.start('run', 'ring-bell', '--go', '-f', '-o', 'restMs=700');
    await running.says('ring 1 {2}done');
    running.child.kill('SIGKILL');
    const { out } = await running.ended;
    const [id = ''] = out.split(':');

    const { exit } = await site.nightshift('resume', id);

    expect(exit).toBe(0);
    expect(site.rings()).toEqual(['ring 1', 'ring 2']);
  });
});

describe('a run that needs a decision', () => {
  let id: string;
  beforeEach(async () => {
    id = await site.ring({ trouble: 'unclear' });
  });

  it('says what is known and which commands decide it; its exit code is 3', async () => {
    const [{ out }, log] = await Promise.all([site.nightshift('show', id), site.nightshift('log', '-f', id)]);

    expect(out).toContain("Needs you: did 'ring 2' happen?\n  known         the bell was not heard\n");
    expect(out).toContain(`nightshift decide ${id} --step 'ring 2' --happened yes --reason '…'`);
    expect(log.exit).toBe(3);
  });

  it.each([
    ['yes', 'happened; the run goes on after it', 0, ['ring 1', 'ring 2']],
    ['no', 'did not happen; it will be done again', 0, ['ring 1', 'ring 2', 'ring 2']],
    ['failed', 'did not happen; it counts as failed', 1, ['ring 1', 'ring 2']],
  ])('goes on when a person says %s', async (happened, words, code, rings) => {
    const word = ['--happened', happened, '--reason', 'stood beside it'];
    const decided = await site.nightshift('decide', id, '--step', 'ring 2', ...word);
    const resumed = await site.nightshift('resume', id);

    expect(decided.out).toBe(
      `${id}: "ring 2" ${words}. No daemon works here; go on: nightshift resume ${id}\n`,
    );
    expect(decided.exit).toBe(0);
    expect(resumed.exit).toBe(code);
    expect(site.rings()).toEqual(rings);
    const run = await site.json<RunRecord>('show', id);
    expect(stepOf(run, 'ring 2')?.why ?? '').toMatch(
      happened === 'no' ? /^$/ : /kim decided: .*stood beside it/,
    );
  });

  it('goes on by itself where a daemon lives', async () => {
    await daemon();

    const { out } = await site.nightshift('decide', id, '--step', 'ring 2', '--happened', 'yes');
    const { exit } = await site.nightshift('log', '-f', id);

    expect(out).toBe(`${id}: "ring 2" happened; the run goes on after it.\n`);
    expect(exit).toBe(0);
  });

  it('is refused what makes no sense, in words', async () => {
    const refused = async (...args: string[]): Promise<string> => {
      const { exit, out, err } = await site.nightshift(...args);
      expect({ exit, out }).toEqual({ exit: 2, out: '' });
      return err.trim();
    };

    expect(await refused('decide', id, '--step', 'ring 1', '--happened', 'yes')).toBe(
      `"ring 1" is no step of ${id} with an unknown outcome; what awaits a decision is "ring 2"`,
    );
    expect(await refused('resume', id)).toBe(
      `${id} cannot be resumed: step "ring 2" needs a decision first: nightshift decide ${id} --step 'ring 2' --happened yes|no`,
    );
    await site.nightshift('kill', id);
    expect(await refused('kill', id)).toBe(`${id} has ended already (cancelled)`);
    expect(await refused('cancel', id)).toBe(`${id} has ended already (cancelled)`);
    const done = await site.ring();
    expect(await refused('resume', done)).toBe(
      `${done} cannot be resumed: it has succeeded; start a new run`,
    );
  });

  it('puts back what it holds when it is cancelled, and another run gets the bell', async () => {
    const cancelled = await site.nightshift('cancel', id, '--reason', 'wrong bell');

    expect(cancelled.out).toBe(
      `${id} is asked to stop; it puts back what it holds first. No daemon works here; go on: nightshift resume ${id}\n`,
    );
    expect((await site.nightshift('resume', id)).exit).toBe(1);
    expect(await site.json('show', id)).toMatchObject({ state: 'cancelled', cancel: 'kim: wrong bell' });
    expect((await site.nightshift('run', 'ring-bell', '--go')).exit).toBe(0);
  });

  it('is ended at once by kill, which says that nothing was put back and where to look', async () => {
    const { exit, out } = await site.nightshift('kill', id);

    expect(out).toBe(
      `${id} is ended. No step was under way. Nothing was put back; how to undo what it holds: ${join(site.dir, 'state/handback')}\n`,
    );
    expect(exit).toBe(0);
  });
});

describe('a run that failed', () => {
  it('ends with 1, says what failed, and is resumed from there', async () => {
    const failed = await site.nightshift('run', 'ring-bell', '--go', '-o', 'trouble=for good');
    const [id = ''] = failed.out.split(':');

    expect(failed.exit).toBe(1);
    expect(failed.out).toContain('  error       ring 2: the rope tore\n');
    expect(failed.out).toContain(`Needs you: 'ring 2' failed\n  to go on  nightshift resume ${id}\n`);

    const resumed = await site.nightshift('resume', id, '--reason', 'a new rope');

    expect(resumed.exit).toBe(0);
    expect(site.rings()).toEqual(['ring 1', 'ring 2']);
  });
});

describe('freeze, halt and thaw', () => {
  it('hold back what would disrupt, say so, and let it go on', async () => {
    const frozen = await site.nightshift('freeze', '--reason', 'network works');
    const held = await site.nightshift('run', 'ring-bell', '--go');
    const [id = ''] = held.out.split(':');

    expect(frozen.out).toMatch(
      /^Frozen since .* UTC \(kim: network works\): no new disruption begins, .*thaw\n$/,
    );
    expect(held.out).toContain('waits       for the end of the freeze: kim: network works, since ');
    expect(held.exit).toBe(3);
    expect(existsSync(join(site.dir, 'rings'))).toBe(false);

    expect((await site.nightshift('halt')).out).toMatch(/^Halted since .* \(kim: no reason given\): /);
    expect((await site.nightshift('thaw')).out).toBe('Thawed: jobs may disrupt, as they are armed.\n');
    expect((await site.nightshift('resume', id)).exit).toBe(0);
    expect(site.rings()).toEqual(['ring 1', 'ring 2']);
  });
});

describe('what is known', () => {
  it('is answered from the beginning of a name that nothing else has', async () => {
    const id = await site.ring({ times: 11 });

    const [whole, name, several] = await Promise.all([
      site.nightshift('why', 'bell', '3'),
      site.nightshift('why', '1'),
      site.nightshift('why', 'be'),
    ]);

    expect(whole.out).toMatch(/^bell 3: rung, it was its turn, the 3\. of 11\n {2}said by {2}ring-bell~/);
    expect(name.out).toMatch(/^bell 1: rung/);
    expect(several.err).toBe('"be" may mean bell 1, bell 10, bell 11, bell 2, bell 3 and 6 more\n');
    expect(several.exit).toBe(2);
    expect((await site.nightshift('show', id.slice(0, -2))).exit).toBe(0);
    const second = await site.ring();
    expect((await site.nightshift('show', 'ring-bell')).err).toMatch(
      new RegExp(`^several runs begin with ring-bell: (${id} and ${second}|${second} and ${id})\n$`),
    );
  });

  it('is JSON for programs, whatever is asked', async () => {
    const id = await site.ring();

    expect(await site.json('runs')).toMatchObject([{ id, state: 'succeeded' }]);
    expect(await site.json('runs', '--state', 'failed')).toEqual([]);
    expect(await site.json('show', id)).toMatchObject({ id, notes: [{}, {}], steps: [{}, {}, {}, {}] });
    expect(await site.json('why', 'bell', '1')).toMatchObject({ run: id, note: { verdict: 'rung' } });
    expect(await site.json('jobs')).toContainEqual(
      expect.objectContaining({ name: 'ring-bell', armed: true }),
    );
    expect(await site.json('jobs', 'ring-bell')).toMatchObject({
      takes: [{ name: 'times', default: 2 }, {}, {}, {}],
    });
    expect(await site.json('freeze')).toMatchObject({ mode: 'freeze', why: 'kim: no reason given' });
    expect(await site.json('halt')).toMatchObject({ mode: 'halt' });
    expect(await site.json('thaw')).toMatchObject({ mode: '' });
    expect(await site.json('cancel', id)).toEqual({ error: `${id} has ended already (succeeded)` });
    expect(await site.json('resume', id)).toMatchObject({
      error: expect.stringContaining('start a new run'),
    });
    const doubtful = await site.ring({ trouble: 'unclear' });
    expect(await site.json('decide', doubtful, '--step', 'ring 2', '--happened', 'yes')).toMatchObject({
      run: doubtful,
      state: 'queued',
    });
    expect(await site.json('kill', doubtful)).toMatchObject({ run: doubtful, state: 'cancelled' });
    const { out } = await site.nightshift('--json', 'log', id);
    expect(
      out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).run),
    ).toContain(id);
  });

  it('may be read by a program that has seen enough', async () => {
    const id = await site.ring({ times: 40 });

    const { child, ended } = site.start('log', id);
    child.stdout?.destroy();

    expect(await ended).toMatchObject({ exit: 0, err: '' });
  });
});
