import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { renderReport, renderRuns, renderWhy, type View } from '../../src/cli/render.ts';
import { renderRun } from '../../src/cli/render-run.ts';
import type { RunRecord } from '../../src/engine/runs.ts';

const ID = 'reboot-hypervisors~20261124T224100Z';
const view: View = { zone: 'UTC', width: 120, now: new Date('2026-11-24T22:53:00Z') };

const queued: RunRecord = {
  id: ID,
  job: 'reboot-hypervisors',
  state: 'queued',
  trigger: { kind: 'cron', instant: '2026-11-24T22:41:00Z' },
  options: { limit: 2 },
  acting: true,
  createdAt: '2026-11-24T22:41:00Z',
  definition: 'sha256:abc',
  children: [],
  notes: [],
  steps: [],
  claims: 1,
  resumes: 0,
};

const run: RunRecord = { ...queued, state: 'running', startedAt: '2026-11-24T22:41:01Z' };

const done = {
  state: 'done',
  tries: 1,
  startedAt: '2026-11-24T22:41:01Z',
  endedAt: '2026-11-24T22:41:42Z',
} as const;
const unknown = {
  key: "reboot hv07's host",
  state: 'unknown',
  effect: 'once',
  tries: 1,
  startedAt: '2026-11-24T22:50:00Z',
  why: 'the daemon died\nits boot id was not read',
} as const;

describe('a report', () => {
  it('is its headline, its sheet fitted to the terminal, and its lines as they are', () => {
    const report = {
      headline: '2 hypervisors need a reboot.',
      sheet: {
        columns: ['#', 'hypervisor', 'why'],
        rows: [[1, 'hv03', '6.1.0-18 runs, 6.1.0-28 boots next']],
      },
      lines: ['held  hv19  2 GPU servers cannot move', '  look:  nightshift show\nmore\u001b[2J'],
    };

    expect(renderReport(report, { width: 30, zone: 'UTC' })).toEqual([
      '2 hypervisors need a reboot.',
      '#  hypervisor  why',
      '1  hv03        6.1.0-18 runs,…',
      'held  hv19  2 GPU servers cannot move',
      '  look:  nightshift show',
      'more�[2J',
    ]);
  });

  it('may be its headline alone', () => {
    expect(renderReport({ headline: 'No hypervisor needs a reboot.' }, view)).toEqual([
      'No hypervisor needs a reboot.',
    ]);
  });
});

describe('a list of runs', () => {
  it('has a line for each: who asked, when, for how long, and what became of it', () => {
    const runs: RunRecord[] = [
      {
        ...run,
        state: 'waiting',
        progress: { done: 1, total: 2, unit: 'hypervisors' },
        waiting: { for: '"hypervisor hv07"', since: '2026-11-24T22:50:00Z' },
      },
      {
        ...run,
        id: 'b',
        state: 'failed',
        endedAt: '2026-11-24T22:44:01Z',
        trigger: { kind: 'cli', by: 'kim' },
        error: 'no answer',
      },
      {
        ...run,
        id: 'c',
        state: 'cancelled',
        endedAt: '2026-11-24T22:44:01Z',
        cancel: 'kim: wrong night',
        acting: false,
      },
      { ...queued, id: 'd' },
    ];

    expect(renderRuns(runs, { ...view, zone: 'Europe/Berlin', width: 200 })).toEqual([
      'run                                  state      by    began                      took           what',
      'reboot-hypervisors~20261124T224100Z  waiting    cron  Tue 24 Nov 2026 23:41 CET  12 min so far  1 of 2 hypervisors; waits for "hypervisor hv07"',
      'b                                    failed     kim   Tue 24 Nov 2026 23:41 CET  3 min          no answer',
      'c                                    cancelled  cron  Tue 24 Nov 2026 23:41 CET  3 min          dry run; cancelled by kim: wrong night',
      'd                                    queued     cron  –                          –              –',
    ]);
    expect(renderRuns(runs.slice(0, 2), { ...view, width: 80 })).toEqual([
      'run                                  state    by    took',
      'reboot-hypervisors~20261124T224100Z  waiting  cron  12 min so far',
      '    1 of 2 hypervisors; waits for "hypervisor hv07"',
      'b                                    failed   kim   3 min',
      '    no answer',
    ]);
  });

  it('says so when there are none', () => {
    expect(renderRuns([], view)).toEqual(['No runs.']);
  });
});

describe('a run, whole', () => {
  it('is what it was asked, what it answered, its notes with their reasons, and its steps', () => {
    const whole: RunRecord = {
      ...run,
      state: 'succeeded',
      endedAt: '2026-11-24T22:45:01Z',
      acting: false,
      progress: { done: 2, total: 2, unit: 'hypervisors' },
      claims: 2,
      resumes: 1,
      report: { headline: 'All done.' },
      notes: [
        {
          subject: 'hypervisor hv11',
          verdict: 'held',
          why: 'disabled by somebody else: "disk swap, ask Kim"',
        },
        {
          subject: 'hypervisor hv7',
          verdict: 'waits',
          why: 'a GPU server',
          evidence: 'gpu-a',
          until: '2026-12-04T17:00:00Z',
        },
      ],
      steps: [
        { key: 'plan', effect: 'read', ...done },
        { key: 'cordon hv07', effect: 'idempotent', ...done, state: 'skipped', tries: 0, why: 'already so' },
      ],
    };

    expect(renderRun(whole, view)).toEqual([
      `${ID}  succeeded`,
      '  asked       Tue 24 Nov 2026 22:41 UTC by cron, limit=2',
      '  dry run     nothing is changed',
      '  began       Tue 24 Nov 2026 22:41 UTC',
      '  ended       Tue 24 Nov 2026 22:45 UTC, took 4 min',
      '  progress    2 of 2 hypervisors',
      '  taken up    2 times',
      '  resumed     1 time',
      '  definition  sha256:abc',
      '',
      'All done.',
      '',
      'Notes',
      '  hypervisor hv7   waits  a GPU server; until Fri 4 Dec 2026 17:00 UTC',
      '  hypervisor hv11  held   disabled by somebody else: "disk swap, ask Kim"',
      '',
      '#  step         state    effect      tries  took  why',
      '1  plan         done     read            1  41 s  –',
      '2  cordon hv07  skipped  idempotent      0  41 s  already so',
    ]);
  });

  it('shows of an option that is a script only how it begins', () => {
    const script = `\nif command -v grubby; then\n  ${'grubby --default-kernel; '.repeat(9)}\nfi`;

    const lines = renderRun({ ...run, options: { nextKernel: script, short: 'a\nb' } }, view);

    expect(lines[1]).toBe(
      '  asked       Tue 24 Nov 2026 22:41 UTC by cron, nextKernel=if command -v grubby; then grubby --default-kernel; grubby… short=a b…',
    );
  });

  it('has no note that its report says already, but for those that say more', () => {
    const notes = [
      { subject: 'hypervisor hv03', verdict: 'done', why: 'rebooted in 41 s' },
      { subject: 'hypervisor hv11', verdict: 'held', why: 'disabled by somebody else: "ask Kim"' },
      {
        subject: 'hypervisor hv19',
        verdict: 'waits',
        why: 'a GPU server',
        evidence: 'gpu-a',
        until: '2026-12-04T17:00:00Z',
      },
    ];
    const report = {
      headline: '3 needed a reboot.',
      lines: ['held  hv11  disabled by somebody else: "ask Kim"', 'waits  hv19  a GPU server'],
    };

    const lines = renderRun({ ...run, notes, report }, view);

    expect(lines.slice(lines.indexOf('Notes'))).toEqual([
      'Notes',
      '  hypervisor hv03  done   rebooted in 41 s',
      '  hypervisor hv19  waits  a GPU server; until Fri 4 Dec 2026 17:00 UTC',
    ]);
  });

  it('names the runs that it started, and what they wait for until when', () => {
    const children: RunRecord['children'] = [
      { id: 'a~hv03', state: 'succeeded', for: null, since: '2026-11-24T22:45:00Z', until: null },
      {
        id: 'a~hv19',
        state: 'waiting',
        for: '2 GPU servers cannot move',
        since: '2026-11-24T22:50:00Z',
        until: '2026-12-01T22:50:00Z',
      },
    ];

    expect(renderRun({ ...run, children }, view).slice(-3)).toEqual([
      'started  state      since                      waits for',
      'a~hv03   succeeded  Tue 24 Nov 2026 22:45 UTC  –',
      'a~hv19   waiting    Tue 24 Nov 2026 22:50 UTC  2 GPU servers cannot move, until Tue 1 Dec 2026 22:50 UTC',
    ]);
  });

  it('says once what the step that failed said', () => {
    const failed = {
      key: 'needs',
      effect: 'read',
      ...done,
      state: 'failed',
      why: 'Keystone is away',
    } as const;

    const lines = renderRun(
      { ...run, state: 'failed', error: 'Keystone is away', failedStep: 'needs', steps: [failed] },
      view,
    );

    expect(lines.filter((line) => line.includes('Keystone is away'))).toEqual([
      '  error       needs: Keystone is away',
    ]);
  });

  it('that needs a decision says what is known and which commands decide it, as the shell takes them', () => {
    const lines = renderRun({ ...run, state: 'needs-decision', steps: [unknown] }, view);

    const needs = lines.slice(lines.findIndex((line) => line.startsWith('Needs you')));
    expect(needs).toEqual([
      "Needs you: did 'reboot hv07'\\''s host' happen?",
      '  known         the daemon died',
      '                its boot id was not read',
      `  it did        nightshift decide ${ID} --step 'reboot hv07'\\''s host' --happened yes --reason '…'`,
      `  run it again  nightshift decide ${ID} --step 'reboot hv07'\\''s host' --happened no --reason '…'`,
      `  give it up    nightshift decide ${ID} --step 'reboot hv07'\\''s host' --happened failed --reason '…'`,
    ]);
    const command = needs.at(-1)!.replace(/.*nightshift/, 'printf "%s\\n"');
    expect(spawnSync('sh', ['-c', command], { encoding: 'utf8' }).stdout.split('\n')).toContain(unknown.key);
  });

  it.each([
    {
      what: 'waits for a person to look',
      record: {
        state: 'needs-decision',
        waiting: { for: 'Redis lost some of its past', since: '2026-11-24T22:50:00Z' },
      },
      needs: [
        'Needs you: Redis lost some of its past',
        `  to go on  nightshift resume ${ID}`,
        `  to stop   nightshift kill ${ID}`,
      ],
    },
    {
      what: 'failed at a step',
      record: {
        state: 'failed',
        failedStep: 'drain hv07',
        error: 'no room',
        endedAt: '2026-11-24T22:50:00Z',
      },
      needs: ["Needs you: 'drain hv07' failed", `  to go on  nightshift resume ${ID}`],
    },
    {
      what: 'was dry and failed at a step',
      record: { acting: false, state: 'failed', failedStep: 'needs', error: 'Keystone is away' },
      needs: [],
    },
    { what: 'failed for good', record: { state: 'failed', error: 'no room' }, needs: [] },
    {
      what: 'helps itself',
      record: { state: 'waiting', waiting: { for: 'x', since: '2026-11-24T22:50:00Z' } },
      needs: [],
    },
  ] as const)('that $what ends with what a person can do', ({ record, needs }) => {
    const lines = renderRun({ ...run, ...record }, view);

    const from = lines.findIndex((line) => line.startsWith('Needs you'));
    expect(from < 0 ? [] : lines.slice(from)).toEqual(needs);
  });

  it('says where it failed, what it waits for and who works it', () => {
    const lines = renderRun(
      {
        ...run,
        options: { hosts: ['hv01'], reason: 'kernel', reboot: "sh -c 'reboot'" },
        owner: 'daemon-a',
        error: 'no room',
        failedStep: 'drain hv07',
        cancel: 'kim: stop',
        waiting: { for: 'hv19', since: '2026-11-24T22:50:00Z' },
      },
      view,
    );

    expect(lines.slice(1)).toEqual([
      "  asked       Tue 24 Nov 2026 22:41 UTC by cron, hosts='[\"hv01\"]' reason=kernel reboot='sh -c '\\''reboot'\\'''",
      '  began       Tue 24 Nov 2026 22:41 UTC, 12 min so far',
      '  worked by   daemon-a',
      '  waits       for hv19, since Tue 24 Nov 2026 22:50 UTC',
      '  cancelled   by kim: stop',
      '  error       drain hv07: no room',
      '  definition  sha256:abc',
    ]);
  });
});

describe('why', () => {
  it('answers with the latest word on a subject, and who said it when', () => {
    const note = {
      subject: 'hypervisor hv19',
      verdict: 'waits',
      why: '2 GPU servers cannot move',
      evidence: 'gpu-a\ngpu-b',
      until: '2026-12-04T17:00:00Z',
    };

    expect(renderWhy({ run: ID, at: '2026-11-24T22:58:00Z', note, queue: [] }, view)).toEqual([
      'hypervisor hv19: waits, 2 GPU servers cannot move',
      '  evidence  gpu-a',
      '            gpu-b',
      '  until     Fri 4 Dec 2026 17:00 UTC at the latest',
      `  said by   ${ID}, Tue 24 Nov 2026 22:58 UTC`,
    ]);
  });

  const waiting = {
    subject: 'hypervisor hv19',
    verdict: 'waits',
    why: '1 server to end',
    since: '2026-11-24T22:58:00Z',
    sheet: { columns: ['server', 'told', 'n'], rows: [['gpu-a', { at: '2026-11-24T23:00:00Z' }, 41]] },
    lines: ['It is disabled (by nightshift r1), so no new server lands on it.'],
  } as const;
  const held = { run: 'r1', why: 'drains and reboots it', since: '2026-11-24T22:57:00Z' };

  it('has its table, with instants on the clocks of the reader, and says that nothing else waits', () => {
    const known = { run: 'r1', at: '2026-11-24T23:05:00Z', note: waiting, held, queue: [] };

    expect(renderWhy(known, { ...view, zone: 'Europe/Berlin' })).toEqual([
      'hypervisor hv19: waits since Tue 24 Nov 2026 23:58 CET, 1 server to end',
      '  server  told                        n',
      '  gpu-a   Wed 25 Nov 2026 00:00 CET  41',
      'It is disabled (by nightshift r1), so no new server lands on it.',
      'Nothing else waits for hypervisor hv19.',
      '  said by  r1, Wed 25 Nov 2026 00:05 CET',
    ]);
  });

  it('names the runs that wait for what another has in hand', () => {
    const queue = [{ run: 'r2', why: 'drains and reboots it', since: '2026-11-24T23:01:00Z' }];
    const lines = renderWhy({ run: 'r1', at: '2026-11-24T23:05:00Z', note: waiting, held, queue }, view);

    expect(lines).toContain(
      'Also waits for hypervisor hv19: r2 (drains and reboots it), since Tue 24 Nov 2026 23:01 UTC',
    );
    expect(lines.join()).not.toContain('Nothing else');
  });
});
