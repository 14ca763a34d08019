import { describe, expect, it } from 'vitest';
import {
  describeEmptied,
  describeMoves,
  type EmptiedNight,
  emptiedMail,
  type PlannedNight,
} from '../../src/domain/defragment-report.ts';

const PLAN: PlannedNight['plan'] = {
  waves: [[], []],
  emptyBefore: 0,
  emptyAfter: 9,
  bound: 9,
  moves: 61,
  ramMovedMb: 421_888,
  makespanSeconds: 780,
  warnings: [],
};

function planned(more: Partial<PlannedNight['plan']> = {}, night: Partial<PlannedNight> = {}) {
  const emptying = Array.from({ length: 9 }, (_, i) => ({ name: `hv${i + 1}`, servers: 6, gib: 46 }));
  return describeMoves({ plan: { ...PLAN, ...more }, emptying, held: [], stopped: null, ...night });
}

function emptied(more: Partial<EmptiedNight> = {}): EmptiedNight {
  return {
    planned: 6,
    moved: 6,
    movedMb: 49_152,
    emptied: ['hv10', 'hv2'],
    kept: ['hv2'],
    until: '2026-11-25T05:00:00.000Z',
    failed: [],
    dropped: [],
    back: [],
    needYou: [],
    at: new Date('2026-11-24T23:00:00Z'),
    ...more,
  };
}

describe('a plan', () => {
  it.each<{ what: string; more: Partial<PlannedNight['plan']>; headline: string }>([
    {
      what: 'nobody could better',
      more: {},
      headline: '61 moves to empty 9 hypervisors (9 is the most possible).',
    },
    {
      what: 'that might be bettered',
      more: { bound: 11 },
      headline: '61 moves to empty 9 hypervisors (at most 11 are possible).',
    },
    {
      what: 'beside some that are empty',
      more: { emptyBefore: 1, bound: 10 },
      headline:
        '61 moves to empty 9 hypervisors (9 is the most possible). 1 hypervisor stands empty already.',
    },
  ])('$what says what it gains', ({ more, headline }) => {
    expect(planned(more).headline).toBe(headline);
  });

  it.each<{ what: string; more: Partial<PlannedNight['plan']>; headline: string }>([
    {
      what: 'as many are empty as are wanted',
      more: { emptyBefore: 3, bound: 3 },
      headline: 'No hypervisor is to be emptied. 3 hypervisors stand empty already.',
    },
    {
      what: 'nothing is found',
      more: { bound: 2 },
      headline: 'No hypervisor can be emptied (at most 2 could be).',
    },
  ])('says why there is nothing to do when $what', ({ more, headline }) => {
    expect(planned({ moves: 0, ...more }, { emptying: [] })).toEqual({ headline, lines: [] });
  });

  it('says what it takes, what is held and what has stopped it', () => {
    const held = [{ name: 'hv13', why: 'the budget of 61 moves is used up' }];

    expect(
      planned({ warnings: ['hv4 is over-full'] }, { held, stopped: 'reboots are stopped' }).lines,
    ).toEqual([
      'in 2 waves, 412 GiB, ~13 min',
      'warning  hv4 is over-full',
      'held  hv13  the budget of 61 moves is used up',
      'stopped  reboots are stopped',
    ]);
  });

  it('names no more of a kind than a person reads', () => {
    const held = Array.from({ length: 300 }, (_, i) => ({ name: `hv${i}`, why: 'no room' }));

    const { lines } = planned({ moves: 0 }, { held, emptying: [] });

    expect(lines).toHaveLength(21);
    expect(lines.at(-1)).toBe('… and 280 more like these: nightshift show');
  });
});

describe('a night', () => {
  it('is told with every hypervisor and server that it touched', () => {
    const night = emptied({
      failed: [{ name: 'a 3f2a…', why: 'a 3f2a… did not leave hv3' }],
      dropped: [{ name: 'b 91cc…', why: 'it is gone' }],
      back: [{ name: 'hv3', why: 'a 3f2a… did not leave hv3' }],
      needYou: [{ name: 'hv4', why: 'c is in ERROR' }],
      stopped: '4 migrations failed, more than maxFailed=3',
    });

    expect(describeEmptied(night)).toEqual({
      headline: '2 hypervisors emptied, 6 servers moved (48 GiB), 1 did not move, 1 needs you.',
      lines: [
        'Needs you',
        '  hv4  c is in ERROR. It is disabled (by nightshift).',
        'emptied  2: hv2 and hv10',
        'kept empty for reboot-hypervisors until Wed 25 Nov 2026 05:00 UTC  1: hv2',
        'enabled again  hv3  a 3f2a… did not leave hv3',
        'stays  a 3f2a… did not leave hv3',
        'not moved  b 91cc…  it is gone',
        'stopped  4 migrations failed, more than maxFailed=3',
      ],
    });
  });

  it.each<{ what: string; more: Partial<EmptiedNight>; subject: string }>([
    { what: 'that went well', more: {}, subject: '2 hypervisors emptied, 6 servers moved (48 GiB)' },
    {
      what: 'that its gate stopped',
      more: { red: true, moved: 0, movedMb: 0, emptied: [] },
      subject: 'stopped by its gate, no hypervisors emptied, no servers moved (0 GiB)',
    },
    {
      what: 'that was cancelled',
      more: { cancelled: true, emptied: [] },
      subject: 'cancelled, no hypervisors emptied, 6 servers moved (48 GiB)',
    },
  ])('$what is mailed', ({ more, subject }) => {
    expect(emptiedMail(emptied(more))?.subject).toBe(`[nightshift] Tue 24 Nov 2026: ${subject}`);
  });

  it('in which nothing was moved is mailed to nobody', () => {
    expect(emptiedMail(emptied({ moved: 0, movedMb: 0, emptied: [] }))).toBeUndefined();
  });
});
