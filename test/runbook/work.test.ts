import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { RunRecord } from '../../src/engine/runs.ts';
import { server } from '../support/builders.ts';
import { eventually } from '../support/engine.ts';
import { FakeCloud } from '../support/fake-cloud.ts';
import { freePort } from '../support/sshd.ts';
import { HYPERVISORS, openWorld, type World, workToEnd } from './support/world.ts';

const KIM = { by: 'kim', why: 'looked at it' };

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());

let places = 0;
const place = (): string => `place-${++places}`;

/** A command that leaves a line in a file of the world. */
function leave(line: string, file: string): string {
  return `[sh, -c, 'echo "$1" >> "$2"', sh, "${line}", "{{ options.dir }}/${file}"]`;
}

function job(
  steps: string,
  beside = 'targets: { from: hypervisors, where: { aggregate: general } }',
): string {
  return `summary: Try\noptions: { dir: { type: string, required: true }, word: { type: string, default: "a b; $(c) 'd" } }\n${beside}\nsteps:\n${steps}\n`;
}

function stepsOf(run: RunRecord): string[] {
  return run.steps.map(({ key, state }) => `${key}: ${state}`);
}

function notesOf(run: RunRecord): Record<string, string> {
  return Object.fromEntries(run.notes.map(({ subject, verdict, why }) => [subject, `${verdict}: ${why}`]));
}

describe('a dry run', () => {
  it('says which targets and commands there would be, looks only, and changes nothing', async () => {
    const run = await world.run(
      job(
        `  - name: say\n    ssh: ${leave('{{ target.name }} {{ options.word }}', 'dry')}\n    unless: { ssh: [echo, "{{ target.name }}"], stdout: hv2 }
  - wait: { ssh: [grep, -q, x, "{{ options.dir }}/dry"], within: 1m }
finally:
  - mail: { to: operators, template: report }`,
      ),
      { acting: false, place: place() },
    );

    expect(run.state).toBe('succeeded');
    expect(run.report).toEqual({
      headline: '3 hypervisors are in aggregate general: 3 to work on, 1 at a time.',
      sheet: {
        columns: ['#', 'hypervisor', 'would do', 'would not'],
        rows: [
          [1, 'hv1', 'say, wait-2', null],
          [2, 'hv2', 'wait-2', 'say: stdout is "hv2"'],
          [3, 'hv3', 'say, wait-2', null],
        ],
      },
      lines: [
        `steps  say  on each, once: sh -c 'echo "$1" >> "$2"' sh '{{ target.name }} a b; $(c) 'd' ${world.dir}/dry`,
        `steps  wait-2  on each: wait until "grep -q x ${world.dir}/dry" answers as expected, 1 min at most`,
        'finally  finally-mail-1  once: mail the report to operators',
      ],
    });
    expect(run.steps.map(({ effect }) => effect)).toEqual(['read', 'read', 'read', 'read']);
    expect(world.lines('dry')).toEqual([]);
  });

  it.each([
    [
      { aggregates: ['canary'] },
      '3 hypervisors are in aggregate general: 1 to work on, 2 held, 1 at a time.',
    ],
    [false, '3 hypervisors are in aggregate general: 3 to work on, 1 at a time.'],
  ])('shows what it is armed for: %j', async (armed, headline) => {
    const run = await world.run(job('  - ssh: [true]'.replace('true', '"true"')), {
      acting: false,
      place: place(),
      clients: { armed },
    });

    expect(run.report?.headline).toBe(headline);
  });
});

describe('a run', () => {
  it('hands values over as they are, to no shell', async () => {
    const run = await world.run(job(`  - ssh: ${leave('{{ options.word }}', 'values')}\n    on: hv1`, ''), {
      place: place(),
    });

    expect(run.state).toBe('succeeded');
    expect(world.lines('values')).toEqual(["a b; $(c) 'd"]);
  });

  it('works one batch after the other, in the order of the names', async () => {
    const run = await world.run(
      job(
        `  - ssh: ${leave('{{ target.name }}', 'batches')}`,
        'targets: { from: hypervisors, where: { name: "hv*" } }',
      ),
      { place: place() },
    );

    expect(world.lines('batches')).toEqual(['hv1', 'hv2', 'hv3', 'hv10']);
    expect(run.report?.headline).toBe('4 hypervisors: 4 done.');
    expect(run.progress).toEqual({ done: 4, total: 4, unit: 'hypervisors' });
  });

  it('says that nothing fits', async () => {
    const where =
      'targets: { from: hypervisors, where: { aggregate: [none, other], up: false, enabled: true } }';
    const run = await world.run(job('  - ssh: ["false"]', where), { place: place() });

    expect(run.state).toBe('succeeded');
    expect(run.report?.headline).toBe('No hypervisor is in aggregate none or other, down, enabled.');
  });

  it('leaves alone what it is not armed for', async () => {
    const run = await world.run(job(`  - ssh: ${leave('{{ target.name }}', 'armed')}`), {
      place: place(),
      clients: { armed: { aggregates: ['canary'] } },
    });

    expect(world.lines('armed')).toEqual(['hv3']);
    expect(run.report).toMatchObject({
      headline: '3 hypervisors: 1 done, 2 held.',
      lines: ['done  1: hv3', 'held  2 (not armed (outside aggregate canary)): hv1 and hv2'],
    });
    expect(notesOf(run)['hypervisor hv1']).toBe('held: job: not armed (outside aggregate canary)');
  });

  it('skips what is so already', async () => {
    const run = await world.run(
      job('  - { name: act, ssh: ["false"], unless: { ssh: [echo, yes], stdout: "yes" } }'),
      {
        place: place(),
      },
    );

    expect(run.state).toBe('succeeded');
    expect(run.report?.headline).toBe('3 hypervisors: 3 already so.');
    expect(stepsOf(run)).toContain('unless act hv1: skipped');
  });

  it('stops the line when more failed than may, holds the rest with its reason, and puts back all the same', async () => {
    const run = await world.run(
      job(
        `  - name: fail\n    ssh: [sh, -c, '[ "$1" = hv3 ] || { echo "no $1" >&2; exit 3; }', sh, "{{ target.name }}"]
onError:
  - ssh: ${leave('error {{ target.name }}', 'stopped')}
finally:
  - ssh: ${leave('back {{ target.name }}', 'stopped')}
  - mail: { to: operators, template: report }`,
        'targets: { from: hypervisors, where: { name: "hv*" }, maxFailed: 1 }',
      ),
      { place: 'stopped' },
    );
    expect(run.state).toBe('failed');
    expect(run).toMatchObject({ error: 'exit 3: no hv2', failedStep: 'fail hv2' });
    expect(world.lines('stopped')).toEqual(['error hv1', 'back hv1', 'error hv2', 'back hv2']);
    expect(run.report).toEqual({
      headline: '4 hypervisors: 2 held, 2 failed.',
      lines: [
        'failed  hv1  exit 3: no hv1',
        'failed  hv2  exit 3: no hv2',
        'held  2 (not begun: 2 failed, maxFailed is 1): hv3 and hv10',
      ],
    });
    expect(notesOf(run)).toMatchObject({
      'hypervisor hv2': 'needs you: job: exit 3: no hv2',
      'hypervisor hv10': 'held: job: not begun: 2 failed, maxFailed is 1',
    });
  });

  it('goes on past failures that may be, and fails in the end', async () => {
    const run = await world.run(
      job(
        `  - ssh: [sh, -c, '[ "$1" != hv1 ]', sh, "{{ target.name }}"]`,
        'targets: { from: hypervisors, where: { aggregate: general }, maxFailed: 1 }',
      ),
      { place: place() },
    );

    expect(run).toMatchObject({
      state: 'failed',
      error: 'failed: hv1',
      report: { headline: '3 hypervisors: 2 done, 1 failed.' },
    });
  });

  it('goes on past a step whose onError is continue, and says so', async () => {
    const run = await world.run(
      job(
        `  - { name: try, ssh: ["false"], onError: continue }\n  - ssh: ${leave('{{ target.name }}', 'goes-on')}`,
      ),
      { place: place() },
    );

    expect(run.state).toBe('succeeded');
    expect(world.lines('goes-on')).toEqual(['hv1', 'hv2', 'hv3']);
    expect(notesOf(run)['hypervisor hv1']).toBe(
      'done: job: try hv1 failed, and its onError is continue: exit 1: it says nothing',
    );
  });

  it('tries again as often as it is told where repeating does no harm', async () => {
    const run = await world.run(
      job(
        `  - name: third\n    ssh: [sh, -c, 'echo x >> "$1"; [ "$(wc -l < "$1")" -ge 3 ]', sh, "{{ options.dir }}/tries"]
    effect: idempotent\n    retry: { tries: 3, pause: 1s }\n    on: hv1`,
        '',
      ),
      { place: place() },
    );

    expect(run.state).toBe('succeeded');
    expect(run.steps.at(-1)).toMatchObject({ key: 'third', tries: 3 });
  });

  it.each([
    ['exit: [0, 3]', "sh, -c, 'exit 3'", 'succeeded', undefined],
    ['exit: 3', 'echo, hello', 'failed', 'exit 0: hello'],
    ['stdout: { contains: ell }', 'echo, hello', 'succeeded', undefined],
    ['stdout: { matches: "^h.llo$" }', 'echo, hello', 'succeeded', undefined],
    ['stdout: hell', 'echo, hello', 'failed', 'stdout is "hello", not "hell"'],
    ['stderr: { contains: x }', 'echo, hello', 'failed', 'stderr is "", not something with "x"'],
  ])('expects %s of [%s]: %s', async (expect_, command, state, error) => {
    const run = await world.run(job(`  - { ssh: [${command}], expect: { ${expect_} }, on: hv1 }`, ''), {
      place: place(),
    });

    expect(run.state).toBe(state);
    expect(run.error).toBe(error);
  });

  it('waits without holding a worker until it sees what it waits for', async () => {
    const { engine } = await world.process(
      {
        job: job(
          '  - name: seen\n    wait: { ssh: [cat, "{{ options.dir }}/waited"], stdout: go, within: 1m, every: 1s }\n    on: hv1',
          '',
        ),
      },
      { place: place() },
    );
    const id = await engine.create({
      job: 'job',
      options: { dir: world.dir },
      trigger: { kind: 'cli' },
      acting: true,
    });
    expect(await engine.work(id)).toBe('waiting');
    expect((await engine.runs.get(id))?.waiting?.for).toContain('on hv1 to answer as expected');

    await world.run(job(`  - { ssh: ${leave('go', 'waited')}, on: hv1 }`, ''), { place: place() });

    expect((await workToEnd(engine, id)).state).toBe('succeeded');
  });

  it('does not wait for a program that there is not', async () => {
    const run = await world.run(
      job('  - { wait: { ssh: [no-such-program], stdout: x, within: 1d }, on: hv1 }', ''),
      { place: place() },
    );

    expect(run.state).toBe('failed');
    expect(run.error).toContain('"no-such-program" cannot be run on hv1: stdout is ""');
  });

  it('says that a hypervisor cannot be reached, and asks nobody whether a command that was never sent has happened', async () => {
    const run = await world.run(job('  - ssh: ["true"]\n    on: elsewhere.invalid', ''), { place: place() });

    expect(run.state).toBe('failed');
    expect(run.error).toContain('it was not begun: elsewhere.invalid');
  });

  it('asks a person about a command whose end nobody saw', async () => {
    const run = await world.run(job('  - { name: slow, ssh: [sleep, "60"], timeout: 1s, on: hv1 }', ''), {
      place: place(),
    });

    expect(run.state).toBe('needs-decision');
    expect(run.waiting?.for).toContain('a person to say whether "slow" happened');
  });

  it('sees for itself where it is told how', async () => {
    const run = await world.run(
      job(
        `  - name: slow\n    ssh: [sh, -c, 'echo done >> "$1"; sleep 60', sh, "{{ options.dir }}/verified"]
    timeout: 1s\n    verify: { ssh: [cat, "{{ options.dir }}/verified"], stdout: done }\n    on: hv1`,
        '',
      ),
      { place: place() },
    );

    expect(run.state).toBe('succeeded');
    expect(world.lines('verified')).toEqual(['done']);
  });

  it.each([
    ['yes', 'succeeded', '3 hypervisors: 3 done.', 3],
    ['no', 'succeeded', '3 hypervisors: 3 held.', 0],
  ] as const)('goes on as a person answers: %s', async (answer, state, headline, done) => {
    const file = `asked-${answer}`;
    const { engine } = await world.process(
      {
        job: job(
          `  - approval: { question: "All of {{ run.id }}?", within: 1h }\n  - ssh: ${leave('{{ target.name }}', file)}`,
        ),
      },
      { place: place() },
    );
    const id = await engine.create({
      job: 'job',
      options: { dir: world.dir },
      trigger: { kind: 'cli' },
      acting: true,
    });
    expect(await engine.work(id)).toBe('waiting');
    expect((await engine.runs.get(id))?.waiting?.for).toBe(`an answer to "All of ${id}?"`);

    await engine.acts.approve(id, { key: 'approval-1', answer, ...KIM });
    const run = await workToEnd(engine, id);

    expect(run).toMatchObject({ state, report: { headline } });
    expect(world.lines(file)).toHaveLength(done);
    if (answer === 'no')
      expect(run.report?.lines).toEqual(['held  3 (not begun: kim said no: looked at it): hv1, hv2 and hv3']);
  });

  it('asks about each target where the question names it', async () => {
    const { engine } = await world.process(
      {
        job: job(
          `  - approval: { question: "{{ target.name }}?", within: 1h }\n  - ssh: ${leave('{{ target.name }}', 'each')}`,
        ),
      },
      { place: place() },
    );
    const id = await engine.create({
      job: 'job',
      options: { dir: world.dir },
      trigger: { kind: 'cli' },
      acting: true,
    });
    for (const [key, answer] of [
      ['approval-1-hv1', 'yes'],
      ['approval-1-hv2', 'no'],
      ['approval-1-hv3', 'yes'],
    ] as const)
      await engine.acts.approve(id, { key, answer, ...KIM });

    const run = await workToEnd(engine, id);

    expect(world.lines('each')).toEqual(['hv1', 'hv3']);
    expect(run.report?.headline).toBe('3 hypervisors: 2 done, 1 held.');
  });

  it('mails what it was told to, and the report', async () => {
    const { engine } = await world.process(
      {
        job: job(`  - mail: { to: [kim@example.org], subject: "{{ options.word }}", text: "From {{ run.id }}" }
finally:\n  - mail: { to: operators, template: report }`),
      },
      { place: 'mails' },
    );
    const id = await engine.create({
      job: 'job',
      options: { dir: world.dir },
      trigger: { kind: 'cli' },
      acting: true,
    });
    await workToEnd(engine, id);
    await engine.sendMails();

    const mails = world.house.sent.filter(({ messageId }) => messageId.endsWith('@mails>'));
    expect(mails.map(({ to, subject, text }) => ({ to, subject, text }))).toEqual([
      { to: ['kim@example.org'], subject: "a b; $(c) 'd", text: `From ${id}` },
      {
        to: ['ops@example.org'],
        subject: expect.stringMatching(/^\[nightshift\] \w{3} \d+ \w{3} \d{4}: job: 3 hypervisors: 3 done$/),
        text: expect.stringContaining(`nightshift show ${id}`),
      },
    ]);
  });

  it('has another job run, and fails with it', async () => {
    const child =
      'summary: Child\noptions: { word: { type: string, required: true } }\nsteps:\n  - { ssh: [test, "{{ options.word }}", "=", hv1], on: hv1 }';
    const parent = job('  - name: child\n    job: { name: child, options: { word: "{{ target.name }}" } }');
    const { engine } = await world.process({ job: parent, child }, { place: place() });
    const id = await engine.create({
      job: 'job',
      options: { dir: world.dir },
      trigger: { kind: 'cli' },
      acting: true,
    });
    const run = await eventually('the end', async () => {
      for (const { id: open } of (await engine.runs.page({ state: 'queued' })).runs) await engine.work(open);
      await engine.work(id);
      const run = await engine.runs.get(id);
      return run?.state === 'failed' && run;
    });

    expect(run.report?.lines).toEqual([
      `failed  hv2  ${id}~child-hv2 has failed: exit 1: it says nothing`,
      'done  1: hv1',
      'held  hv3  not begun: 1 failed, maxFailed is 0',
    ]);
  });

  it('lets another run have the hypervisor that it has it work on', async () => {
    const options =
      'options: { dir: { type: string, required: true }, name: { type: string, required: true } }';
    const child = `summary: Child\n${options}\ntargets: { from: hypervisors, where: { name: "{{ options.name }}" } }\nsteps:\n  - ssh: ${leave('child on {{ target.name }}', 'lent')}`;
    const parent = job(
      `  - job: { name: child, options: { dir: "{{ options.dir }}", name: "{{ target.name }}" } }\n  - ssh: ${leave('after {{ target.name }}', 'lent')}`,
    );
    const { engine } = await world.process({ job: parent, child }, { place: place() });
    const id = await engine.create({
      job: 'job',
      options: { dir: world.dir },
      trigger: { kind: 'cli' },
      acting: true,
    });
    const run = await eventually('the end', async () => {
      for (const { id: open } of (await engine.runs.page({ job: 'child' })).runs) await engine.work(open);
      await engine.work(id);
      const run = await engine.runs.get(id);
      return run?.state === 'succeeded' && run;
    });

    expect(run.report?.headline).toBe('3 hypervisors: 3 done.');
    expect(world.lines('lent')).toEqual(
      ['hv1', 'hv2', 'hv3'].flatMap((name) => [`child on ${name}`, `after ${name}`]),
    );
  });

  it.each([
    [{}, 0],
    [{ outsideWindow: true }, 3],
  ])('begins nothing outside its window, unless it is told to: %j', async (options, done) => {
    const day = { days: ['mon'], except: [{ from: '2000-01-01', to: '2100-01-01' }] } as const;
    const window = {
      name: 'never',
      zone: 'UTC',
      times: { open: '22:00', startBy: '23:00', backBy: '23:30', ...day },
    };
    const file = `window-${done}`;
    const run = await world.run(job(`  - ssh: ${leave('{{ target.name }}', file)}`), {
      place: place(),
      options,
      clients: { window },
    });

    expect(run.state).toBe('succeeded');
    expect(world.lines(file)).toHaveLength(done);
    if (done === 0)
      expect(run.report?.lines).toEqual(['held  3 (not begun: outside the window never): hv1, hv2 and hv3']);
  });

  it('reboots hypervisors as the procedure does', async () => {
    const cloud = new FakeCloud(HYPERVISORS, [server('a', 'hv1')]);
    cloud.hosts.get('hv3')!.kernel = '6.1.0-28';
    const run = await world.run(job('  - reboot: { pollMs: 1, migrateAtLeastSeconds: 20 }'), {
      place: place(),
      clients: { cloud, host: (name) => cloud.host(name) },
    });

    expect(run.report?.headline).toBe('3 hypervisors: 2 done, 1 already so.');
    expect(cloud.violations).toEqual([]);
    expect(cloud.calls.filter((call) => call.startsWith('reboot'))).toEqual(['reboot hv1', 'reboot hv2']);
  });

  describe('that calls a URL', () => {
    const asked: string[] = [];
    const service = createServer((request, response) => {
      let body = '';
      request.setEncoding('utf8').on('data', (text: string) => (body += text));
      request.on('end', () => {
        asked.push(`${request.method} ${request.url} ${String(request.headers['x-from'])} ${body}`);
        if (request.url === '/silent') return;
        response.statusCode = request.url === '/busy' && asked.length % 3 !== 0 ? 503 : 200;
        response.end('hello');
      });
    });
    let url = '';
    let closed = 0;
    beforeAll(async () => {
      await once(service.listen(0, '127.0.0.1'), 'listening');
      closed = await freePort();
      url = `http://127.0.0.1:${(service.address() as AddressInfo).port}`;
    });
    beforeEach(() => asked.splice(0));
    afterAll(() => {
      service.closeAllConnections();
      service.close();
    });

    it.each([
      [
        '{ url: "URL/x?y={{ options.word }}", headers: { x-from: "{{ run.id }}" } }',
        '',
        'succeeded',
        undefined,
      ],
      ['{ url: URL/x }', 'expect: { status: 204 }', 'failed', 'the answer was 200'],
      ['{ url: URL/x }', 'expect: { body: hell }', 'failed', 'the answer is not "hell"'],
      ['{ method: POST, url: URL/x, body: { a: "{{ options.word }}" } }', '', 'succeeded', undefined],
      ['{ url: URL/busy }', 'retry: { tries: 3, pause: 1s }', 'succeeded', undefined],
      ['{ url: URL/busy }', '', 'failed', 'the answer was 503'],
      [
        '{ method: POST, url: "http://127.0.0.1:CLOSED/x" }',
        '',
        'failed',
        'it was not sent: 127.0.0.1:CLOSED cannot be asked: ECONNREFUSED',
      ],
      ['{ method: POST, url: URL/silent }', 'timeout: 1s', 'needs-decision', undefined],
    ])('%s %s: %s', async (call, more, state, error) => {
      const step = `  - { http: ${call.replace('URL', url).replace('CLOSED', String(closed))}${more === '' ? '' : `, ${more}`} }`;
      const run = await world.run(job(step, ''), { place: place() });

      expect(run.state).toBe(state);
      expect(run.error).toBe(error?.replace('CLOSED', String(closed)));
    });

    it('hands values over as one piece of the URL, and as JSON', async () => {
      const steps = `  - http: { url: "${url}/{{ options.word }}", headers: { x-from: "{{ options.word }}" } }
  - http: { method: PUT, url: "${url}/", body: { word: "{{ options.word }}", same: [true] } }`;
      await world.run(job(steps, ''), { place: place(), options: { word: 'a/b "c"\nd' } });

      expect(asked).toEqual([
        'GET /a%2Fb%20%22c%22%0Ad a/b "c" d ',
        'PUT / undefined {"word":"a/b \\"c\\"\\nd","same":[true]}',
      ]);
    });
  });

  it.each(['cancel', 'freeze'] as const)('heeds a %s between two targets, and puts back', async (act) => {
    const text = job(
      `  - ssh: ${leave('on {{ target.name }}', act)}\n  - wait: { ssh: [test, -e, "{{ options.dir }}/${act}-go"], within: 1h, every: 1s }
finally:\n  - ssh: ${leave('off {{ target.name }}', act)}`,
    );
    const { engine } = await world.process({ job: text }, { place: place() });
    const id = await engine.create({
      job: 'job',
      options: { dir: world.dir },
      trigger: { kind: 'cli' },
      acting: true,
    });
    expect(await engine.work(id)).toBe('waiting');

    if (act === 'cancel') await engine.acts.cancel(id, KIM);
    else {
      await engine.acts.setMode('freeze', KIM);
      await world.run(job(`  - { ssh: ${leave('x', 'freeze-go')}, on: hv1 }`, ''), { place: place() });
    }
    const run = await eventually('the act to be heeded', async () => {
      await engine.work(id);
      const run = await engine.runs.get(id);
      return (run?.state === 'cancelled' || run?.waiting?.for.startsWith('the end of the freeze')) && run;
    });

    expect(world.lines(act)).toEqual(['on hv1', 'off hv1']);
    if (act === 'cancel') {
      expect(run.report?.headline).toBe('3 hypervisors: 3 held.');
      expect(notesOf(run)['hypervisor hv3']).toBe(
        `held: job: not begun: cancelled by kim: looked at it while it waited for "test -e ${world.dir}/cancel-go" on hv1 to answer as expected`,
      );
    }
  });

  it('is resumed at the target that stopped it', async () => {
    const text = job(
      `  - ssh: [sh, -c, '[ "$1" != hv2 ] || [ -e "$2" ]', sh, "{{ target.name }}", "{{ options.dir }}/repaired"]`,
    );
    const { engine } = await world.process({ job: text }, { place: place() });
    const id = await engine.create({
      job: 'job',
      options: { dir: world.dir },
      trigger: { kind: 'cli' },
      acting: true,
    });
    expect((await workToEnd(engine, id)).report?.headline).toBe('3 hypervisors: 1 done, 1 held, 1 failed.');

    const repair = job(`  - { ssh: ${leave('x', 'repaired')}, on: hv1 }`, '');
    expect(await world.run(repair, { place: place() })).toMatchObject({ state: 'succeeded' });
    await engine.acts.resume(id, KIM);

    expect(await workToEnd(engine, id)).toMatchObject({
      state: 'succeeded',
      report: { headline: '3 hypervisors: 3 done.' },
    });
  });

  it('waits for a hypervisor that another run works on', async () => {
    const text = job('  - wait: { ssh: [test, -e, "{{ options.dir }}/let-go"], within: 1h, every: 1s }');
    const { engine } = await world.process({ job: text }, { place: place() });
    const make = () =>
      engine.create({ job: 'job', options: { dir: world.dir }, trigger: { kind: 'cli' }, acting: true });
    const [first, second] = [await make(), await make()];
    await engine.work(first);

    expect(await engine.work(second)).toBe('waiting');

    expect((await engine.runs.get(second))?.waiting?.for).toBe(
      `"hypervisor hv1", which ${first} has (job works on it)`,
    );
  });
});
