import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  agreementOf,
  bootsOf,
  compareShadow,
  countShadow,
  type ShadowCase,
  type ShadowNight,
  shadowNight,
  VERDICTS,
} from '../../src/domain/shadow.ts';
import { describeShadow } from '../../src/domain/shadow-report.ts';
import { needsNone, needsReboot } from '../support/builders.ts';

type Night = {
  readonly do?: readonly string[];
  readonly later?: readonly string[];
  readonly wait?: readonly string[];
  readonly hold?: readonly string[];
  /** `hv1:2` is hv1 in its second boot. */
  readonly boots: readonly string[];
};

function at(day: number): string {
  return new Date(Date.UTC(2026, 10, 23 + day, 22, 30)).toISOString();
}

function bootsIn(words: readonly string[]) {
  return Object.fromEntries(
    words.map((word) => {
      const [name = '', bootId = '', bootedAt] = word.split(/[:=]/);
      return [name, { bootId, running: '6.1.0-18', ...(bootedAt && { bootedAt: at(Number(bootedAt)) }) }];
    }),
  );
}

/** Nights one after the other from Tue 24 Nov on. */
function nightsOf(...nights: readonly Night[]): ShadowNight[] {
  return nights.map(({ do: order = [], later = [], wait = [], hold = [], boots }, n) => ({
    run: `r~${n + 1}`,
    at: at(n + 1),
    order: order.map((name) => ({ name, why: 'old kernel', seconds: 60 })),
    later,
    waits: wait.map((name) => ({ name, why: 'gpu-a' })),
    held: hold.map((name) => ({ name, why: 'disk swap' })),
    boots: bootsIn(boots),
  }));
}

function compare(nights: readonly Night[], now?: readonly string[]): string[] {
  const look = now && { at: at(nights.length + 1), boots: bootsIn(now) };
  return compareShadow(nightsOf(...nights), look).map(({ name, verdict }) => `${name} ${verdict}`);
}

describe('what we would have done, and what they did', () => {
  it.each<[string, Night, string, string]>([
    ['we would have, they did', { do: ['hv1'], boots: ['hv1:1'] }, 'hv1:2', 'both'],
    ['we would have, they did not', { do: ['hv1'], boots: ['hv1:1'] }, 'hv1:1', 'only we'],
    ['its turn was to come, they did', { later: ['hv1'], boots: ['hv1:1'] }, 'hv1:2', 'sooner'],
    ['its turn was to come, they did not', { later: ['hv1'], boots: ['hv1:1'] }, 'hv1:1', 'open'],
    ['we held it, they did', { hold: ['hv1'], boots: ['hv1:1'] }, 'hv1:2', 'only they'],
    ['we held it, they did not', { hold: ['hv1'], boots: ['hv1:1'] }, 'hv1:1', 'left'],
    ['we would have waited, they did', { wait: ['hv1'], boots: ['hv1:1'] }, 'hv1:2', 'only they'],
    ['we would have waited, they did not', { wait: ['hv1'], boots: ['hv1:1'] }, 'hv1:1', 'left'],
    ['it needed none, they did', { boots: ['hv1:1'] }, 'hv1:2', 'only they'],
    ['it was not seen again', { do: ['hv1'], boots: ['hv1:1'] }, 'hv2:1', 'unseen'],
    ['it could not be asked on our night', { hold: ['hv1'], boots: [] }, 'hv1:1', 'unseen'],
  ])('%s', (_, night, now, verdict) => {
    expect(compare([night], [now])).toEqual([`hv1 ${verdict}`]);
  });

  it('is nothing where none was needed and none was made', () => {
    expect(compare([{ boots: ['hv1:1'] }], ['hv1:1'])).toEqual([]);
  });

  it('is not judged by the night itself', () => {
    expect(compare([{ do: ['hv1'], hold: ['hv2'], boots: ['hv1:1', 'hv2:1'] }])).toEqual([
      'hv1 unseen',
      'hv2 unseen',
    ]);
  });
});

it('gives the place of what would have been rebooted to the next one on the night after', () => {
  const nights = [
    { do: ['hv1'], later: ['hv2', 'hv3'], boots: ['hv1:1', 'hv2:1', 'hv3:1'] },
    { do: ['hv1'], later: ['hv2', 'hv3'], boots: ['hv1:1', 'hv2:1', 'hv3:1'] },
  ];

  expect(compare(nights, ['hv1:2', 'hv2:2', 'hv3:2'])).toEqual(['hv1 both', 'hv2 both', 'hv3 sooner']);
  expect(compare(nights.slice(0, 1), ['hv1:2', 'hv2:2', 'hv3:2'])).toEqual([
    'hv1 both',
    'hv2 sooner',
    'hv3 sooner',
  ]);
});

it('counts each boot by itself', () => {
  const nights = [
    { do: ['hv1'], boots: ['hv1:1'] },
    { hold: ['hv1'], boots: ['hv1:2'] },
  ];

  expect(compare(nights, ['hv1:3'])).toEqual(['hv1 only they', 'hv1 both']);
});

it('bridges a night on which a host could not be asked', () => {
  const nights = [
    { do: ['hv1'], boots: ['hv1:1'] },
    { hold: ['hv1'], boots: [] },
  ];

  expect(compare(nights, ['hv1:1'])).toEqual(['hv1 only we']);
  expect(compare(nights, ['hv1:2'])).toEqual(['hv1 both']);
});

describe('when they did it', () => {
  const nights = nightsOf({ do: ['hv1'], boots: ['hv1:1'] });
  const theirs = (now: string): ShadowCase['theirs'] =>
    compareShadow(nights, { at: at(3), boots: bootsIn([now]) })[0]?.theirs;

  it('is told by the host’s clock', () => {
    expect(theirs('hv1:2=2')).toEqual({ from: at(2), to: at(2) });
  });

  it.each(['hv1:2', 'hv1:2=0', 'hv1:2=9'])(
    'is between two looks when the clock says nothing of use: %s',
    (now) => {
      expect(theirs(now)).toEqual({ from: at(1), to: at(3) });
    },
  );
});

it('remembers of a plan what it takes to compare it', () => {
  const plan = {
    order: [{ name: 'hv1', why: 'old kernel', drainSeconds: 61.2, guests: 3 }],
    waits: [{ name: 'hv2', why: 'gpu-a' }],
    held: [{ name: 'hv3', why: 'disk swap' }],
    later: ['hv4'],
    stopped: null,
  };
  const needs = { hv1: needsReboot(), hv3: { need: 'unclear', why: '?' } as const, hv5: needsNone() };

  const night = shadowNight(plan, needs, { run: 'r', at: at(1) });

  expect(night).toEqual({
    run: 'r',
    at: at(1),
    order: [{ name: 'hv1', why: 'old kernel', seconds: 62 }],
    waits: plan.waits,
    held: plan.held,
    later: ['hv4'],
    boots: {
      hv1: { bootId: 'boot-1', running: '6.1.0-18' },
      hv5: { bootId: 'boot-1', running: '6.1.0-28' },
    },
  });
  expect(bootsOf(needs)).toEqual(night.boots);
});

it('holds everything on a night on which nothing would have been begun', () => {
  const plan = {
    order: [{ name: 'hv1', why: 'old kernel', drainSeconds: 1 }],
    waits: [],
    held: [],
    later: [],
    stopped: 'a breaker is open',
  };

  const night = shadowNight(plan, {}, { run: 'r', at: at(1) });

  expect([night.order, night.held]).toEqual([[], [{ name: 'hv1', why: 'a breaker is open' }]]);
});

const NAMES = ['hv1', 'hv2', 'hv3'];
const someNight = fc.record({
  says: fc.array(fc.constantFrom('do', 'later', 'wait', 'hold', 'none'), { minLength: 3, maxLength: 3 }),
  /** Whether it was rebooted since the night before, and whether it can be asked. */
  rebooted: fc.array(fc.boolean(), { minLength: 3, maxLength: 3 }),
  seen: fc.array(fc.boolean(), { minLength: 3, maxLength: 3 }),
});

it('has every reboot and every boot that was spoken of in one case, and the counts add up', () => {
  fc.assert(
    fc.property(fc.array(someNight, { minLength: 1, maxLength: 6 }), ([...raw]) => {
      const boot = [1, 1, 1];
      const seenIn = NAMES.map(() => new Set<number>());
      const nights = raw.map(({ says, rebooted, seen }) => {
        const saying = (word: string) => NAMES.filter((_, n) => says[n] === word);
        const boots = NAMES.flatMap((name, n) => {
          if (rebooted[n]) boot[n]! += 1;
          if (!seen[n]) return [];
          seenIn[n]!.add(boot[n]!);
          return [`${name}:${boot[n]}`];
        });
        return {
          do: saying('do'),
          later: saying('later'),
          wait: saying('wait'),
          hold: saying('hold'),
          boots,
        };
      });

      const cases = compareShadow(nightsOf(...nights));

      const counts = countShadow(cases);
      expect(VERDICTS.reduce((sum, verdict) => sum + counts[verdict], 0)).toBe(cases.length);
      const { agreed, judged } = agreementOf(cases);
      expect(agreed <= judged && judged + counts.open + counts.unseen === cases.length).toBe(true);
      // A boot that was seen and followed by another one that was seen has ended.
      const ended = seenIn.reduce((sum, boots) => sum + Math.max(0, boots.size - 1), 0);
      expect(cases.filter(({ theirs }) => theirs !== undefined)).toHaveLength(ended);
      for (const { ours, theirs } of cases) {
        if (theirs !== undefined) expect(theirs.from <= theirs.to).toBe(true);
        if (theirs !== undefined && ours !== undefined) expect(ours <= theirs.to).toBe(true);
      }
    }),
    { numRuns: 500 },
  );
});

describe('the report', () => {
  it('says how far we agree, where not and why, and how long they took', () => {
    const nights = nightsOf({
      do: ['hv1', 'hv2'],
      later: ['hv3'],
      wait: ['hv4'],
      hold: ['hv5'],
      boots: ['hv1:1', 'hv2:1', 'hv3:1', 'hv4:1', 'hv5:1'],
    });
    const now = { at: at(4), boots: bootsIn(['hv1:2=2', 'hv2:1', 'hv3:1', 'hv4:1', 'hv5:2=3']) };
    const cases = compareShadow(nights, now);

    const { headline, sheet, lines } = describeShadow({ nights, cases }, 20);

    expect(headline).toBe('1 night since Tue 24 Nov 2026: 50 % agreed, 2 of 4; 1 not judged yet.');
    expect(sheet?.rows).toEqual([
      ['rebooted by them, as we would have', 1],
      ['rebooted by them before its turn came', 0],
      ['left alone by both', 1],
      ['only we would have rebooted', 1],
      ['only they rebooted', 1],
      ['its turn has not come yet', 1],
      ['could not be asked, then or since', 0],
    ]);
    expect(lines).toEqual([
      'only they rebooted  1',
      '  hv5  disk swap; theirs Thu 26 Nov 2026 22:30 UTC',
      'only we would have rebooted  1',
      '  hv2  old kernel; ours Tue 24 Nov 2026 22:30 UTC, drained in ~1 min',
      'rebooted by them, as we would have  1',
      '  hv1  old kernel; ours Tue 24 Nov 2026 22:30 UTC, drained in ~1 min; theirs Wed 25 Nov 2026 22:30 UTC; 24 h later',
      'left alone by both  1',
      '  hv4  gpu-a',
      'its turn has not come yet  1',
      '  hv3  it needed a reboot',
      'after the night on which we would have, they took 24 h in the middle and 24 h at most',
    ]);
  });

  it.each<[string, Night[], string]>([
    [
      'there is no night',
      [],
      'No night is recorded: a campaign records one when its schedule starts it and it is not armed.',
    ],
    [
      'nothing is to be compared',
      [{ boots: ['hv1:1'] }],
      '1 night since Tue 24 Nov 2026: no reboot was needed, and none was made.',
    ],
    [
      'nobody has looked since',
      [{ do: ['hv1'], boots: ['hv1:1'] }],
      '1 night since Tue 24 Nov 2026: 1 case, none to be judged yet.',
    ],
  ])('says in a line when %s', (_, given, headline) => {
    const nights = nightsOf(...given);

    expect(describeShadow({ nights, cases: compareShadow(nights) }, 20).headline).toBe(headline);
  });
});
