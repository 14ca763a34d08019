/** What people see of runs, from their records alone. */
import { describe, expect, it } from 'vitest';
import { widthOf } from '../../src/cli/table.ts';
import { layOut, moving, NOTHING_TOLD, tell } from '../../src/demo/picture.ts';
import type { RunRecord, StepView } from '../../src/engine/runs.ts';

const ID = 'reboot-hypervisors~20261124T223000Z';
const HEADLINE = '14 hypervisors need a reboot. Tonight 12, held 2, not tonight 0.';

function run(about: Partial<RunRecord> = {}): RunRecord {
  return {
    id: ID,
    job: 'reboot-hypervisors',
    state: 'running',
    trigger: { kind: 'cron', instant: '2026-11-24T22:30:00Z' },
    options: {},
    acting: true,
    createdAt: '2026-11-21T10:00:00.000Z',
    definition: 'sha256:0',
    children: [],
    notes: [],
    steps: [step('plan', '22:30', '22:30')],
    claims: 1,
    resumes: 0,
    ...about,
  };
}

function step(key: string, from: string, to?: string): StepView {
  const at = (time: string) => `2026-11-24T${time}:00.000Z`;
  const ended = to === undefined ? {} : { endedAt: at(to) };
  return { key, state: to ? 'done' : 'begun', effect: 'read', tries: 1, startedAt: at(from), ...ended };
}

const report = { headline: HEADLINE };
const held = { subject: 'hypervisor hv11', verdict: 'held', why: 'disabled by somebody else' };
const waits = { subject: 'hypervisor hv23', verdict: 'waits', why: '2 servers cannot move' };
const CHILD = { id: `${ID}~hv3`, parent: ID, job: 'reboot-hypervisor' };
const done = { subject: 'hypervisor hv3', verdict: 'done', why: 'rebooted in 2 min' };

function told(...runs: RunRecord[]): string[] {
  return tell(NOTHING_TOLD, runs).lines.flatMap((line) => layOut(line, Number.POSITIVE_INFINITY));
}

describe('what is said once', () => {
  it.each<{ what: string; runs: RunRecord[]; lines: string[] }>([
    { what: 'nothing of a run that has not said anything', runs: [run({ steps: [] })], lines: [] },
    {
      what: 'how a run begins, in its own words',
      runs: [run({ report })],
      lines: [`22:30  reboot-hypervisors  ${HEADLINE}`],
    },
    {
      what: 'each note, when the last step about its subject ended, with the names below each other',
      runs: [
        run({
          report,
          notes: [done, held],
          steps: [
            step('plan', '22:30', '22:30'),
            step('reboot hv3', '22:31', '22:32'),
            step('uncordon hv3', '22:34', '22:34'),
            step('cordon hv33', '22:35', '22:36'),
          ],
        }),
      ],
      lines: [
        `22:30  reboot-hypervisors  ${HEADLINE}`,
        '22:30    hv11  held   disabled by somebody else',
        '22:34    hv3   done   rebooted in 2 min',
      ],
    },
    {
      what: 'how a run ends, when its last step did',
      runs: [run({ report, state: 'succeeded', steps: [step('plan', '22:30', '23:41')] })],
      lines: [`22:30  reboot-hypervisors  ${HEADLINE}`, '23:41  reboot-hypervisors  succeeded'],
    },
    {
      what: 'why a run failed that had nothing else to say',
      runs: [run({ state: 'failed', error: 'no cloud' })],
      lines: ['22:30  reboot-hypervisors  failed. no cloud'],
    },
    {
      what: 'what a person has to decide',
      runs: [
        run({
          report,
          state: 'needs-decision',
          waiting: {
            for: 'a person to say whether "reboot hv3" happened',
            since: '2026-11-21T10:00:00.000Z',
          },
        }),
      ],
      lines: [
        `22:30  reboot-hypervisors  ${HEADLINE}`,
        '22:30    needs you: a person to say whether "reboot hv3" happened',
      ],
    },
    {
      what: 'that a run of an earlier demo goes on',
      runs: [run({ report, progress: { done: 1, total: 12, unit: 'hypervisors' } })],
      lines: ['22:30  reboot-hypervisors  goes on after 1 step; what is done stays done'],
    },
    {
      what: 'that nothing is changed',
      runs: [run({ report, acting: false })],
      lines: [`22:30  reboot-hypervisors (dry run)  ${HEADLINE}`],
    },
    {
      what: 'in one breath what a run and those that it started have said',
      runs: [
        run({ report, state: 'succeeded', notes: [held, done], steps: [step('plan', '22:30', '22:36')] }),
        run({ ...CHILD, state: 'succeeded', notes: [done], steps: [step('uncordon hv3', '22:34', '22:35')] }),
        run({ ...CHILD, id: `${ID}~hv23`, state: 'waiting', notes: [waits] }),
      ],
      lines: [
        `22:30  reboot-hypervisors  ${HEADLINE}`,
        '22:30    hv11  held   disabled by somebody else',
        '22:30    hv23  waits  2 servers cannot move',
        '22:35    hv3   done   rebooted in 2 min',
        '22:36  reboot-hypervisors  succeeded',
      ],
    },
  ])('is $what', ({ runs, lines }) => {
    expect(told(...runs)).toEqual(lines);
  });

  it('is not said again, and comes in the order in which it happens', () => {
    const first = tell(NOTHING_TOLD, [run({ report, notes: [held] })]);
    const again = tell(first.told, [run({ report, notes: [held] })]);
    const later = tell(again.told, [run({ report: { headline: 'other' }, notes: [held, done] })]);

    expect(again.lines).toEqual([]);
    expect(later.lines.map(({ text }) => text.trim())).toEqual(['hv3   done   rebooted in 2 min']);
  });

  it('names the run anew when another one had the word', () => {
    const other = run({ id: 'defragment~20261124T220000Z', job: 'defragment', report });
    const first = tell(NOTHING_TOLD, [other, run({ report })]);
    const more = tell(first.told, [{ ...other, notes: [done] }, run({ report, notes: [held] })]);

    expect(more.lines.map(({ text }) => text)).toEqual([
      'defragment',
      '  hv3  done   rebooted in 2 min',
      'reboot-hypervisors',
      '  hv11  held   disabled by somebody else',
    ]);
  });

  it('lets nobody steer the terminal', () => {
    const evil = { subject: 'server \u001b[2J', verdict: 'held', why: 'a\u001b[31m\nb' };

    const said = told(run({ report, notes: [evil] })).join('');

    expect(['\u001b', '\n'].filter((sign) => said.includes(sign))).toEqual([]);
  });
});

describe('what changes', () => {
  it.each<{ what: string; about: Partial<RunRecord>; lines: string[] }>([
    {
      what: 'the steps under way, ids in short',
      about: {
        progress: { done: 3, total: 12, unit: 'hypervisors' },
        steps: [
          step('plan', '22:30', '22:30'),
          step('migrate 3f2a0000-1111-4222-8333-444455556666 off hv07', '22:31'),
        ],
      },
      lines: ['       ███░░░░░░░  3/12 hypervisors', '       migrate 3f2a… off hv07'],
    },
    {
      what: 'the number of steps where nothing else is known',
      about: {},
      lines: ['       1 step', '       '],
    },
    {
      what: 'what a run waits for',
      about: { state: 'waiting', waiting: { for: 'the lease fleet', since: '' } },
      lines: ['       1 step', '       waits for the lease fleet'],
    },
    { what: 'nothing of a run that is over', about: { state: 'failed' }, lines: [] },
  ])('is $what', ({ about, lines }) => {
    expect(moving([run(about)], 30)).toEqual(lines);
  });

  it('is what those do that a waiting run started, unless they wait, too', () => {
    const reboot = step('reboot hv3', '22:31');
    const runs = [
      run({ state: 'waiting', waiting: { for: 'the end of hv3', since: '' } }),
      run({ ...CHILD, steps: [reboot] }),
      run({ ...CHILD, id: `${ID}~hv23`, state: 'waiting', steps: [step('end of servers', '22:31')] }),
    ];

    expect(moving(runs, 30)).toEqual(['       1 step', '       reboot hv3']);
  });
});

describe('a line', () => {
  const line = {
    time: '22:30',
    text: '  hv11  held   two servers cannot leave now: they cannot be moved',
    hang: 15,
  };

  it.each([40, 60, 80, 200])('fits on a terminal of %i columns and loses nothing', (width) => {
    const rows = layOut(line, width);

    expect(rows.filter((row) => widthOf(row) > width)).toEqual([]);
    expect(rows.map((row) => row.trim()).join(' ')).toBe(`22:30  ${line.text}`);
  });

  it('goes on below its text', () => {
    expect(layOut(line, 52)).toEqual([
      '22:30    hv11  held   two servers cannot leave now:',
      '                      they cannot be moved',
    ]);
  });
});
