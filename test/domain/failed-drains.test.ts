import { expect, it } from 'vitest';
import { whyNoMoreDrains } from '../../src/domain/failed-drains.ts';
import type { RebootOutcome } from '../../src/domain/reboot-report.ts';

type Ended = Pick<RebootOutcome, 'name' | 'verdict' | 'cancelled'>;

/** `b`: given back · `c`: given back, its run cancelled · `k`: given back as in a night before · `d`: done · `h`: held. */
function worked(ends: string) {
  const verdicts = { b: 'given back', c: 'given back', k: 'given back', d: 'done', h: 'held' } as const;
  const outcomes = ends.split('').map(
    (end, i): Ended => ({
      name: `hv${i}`,
      verdict: verdicts[end as keyof typeof verdicts],
      ...(end === 'c' && { cancelled: true }),
    }),
  );
  const order = ends.split('').map((end, i) => ({
    name: `hv${i}`,
    ...(end === 'k' && { givenBackAt: '2026-11-23T23:00:00.000Z' }),
  }));
  return { outcomes, order };
}

const IN_A_ROW = '3 drains failed in a row, more than maxGivenBack=2';

it.each([
  { what: 'nothing has ended', ends: '', why: null },
  { what: 'as many failed as may', ends: 'bb', why: null },
  { what: 'one more failed', ends: 'dbbb', why: IN_A_ROW },
  { what: 'others were done between them', ends: 'bbdbbdbb', why: null },
  { what: 'one that was held between them shows nothing', ends: 'bbhb', why: IN_A_ROW },
  { what: 'those that failed before fail again', ends: 'kkkkkk', why: null },
  { what: 'one that failed before is done', ends: 'bbdbb', why: null },
  { what: 'one that failed before fails among fresh ones', ends: 'bkbkb', why: IN_A_ROW },
  { what: 'a person has cancelled some', ends: 'bbcc', why: null },
])('says whether the line stops: $what', ({ ends, why }) => {
  expect(whyNoMoreDrains(worked(ends), 2)).toBe(why);
});

it('stops at the first where none may fail', () => {
  expect(whyNoMoreDrains(worked('b'), 0)).toBe('1 drain failed in a row, more than maxGivenBack=0');
});
