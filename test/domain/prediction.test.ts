import { expect, it } from 'vitest';
import { predictSeconds } from '../../src/domain/prediction.ts';
import { recordOf, type Took } from '../../src/domain/reboot-record.ts';

const ENDED = {
  at: '2026-11-24T23:00:00Z',
  verdict: 'done',
  why: 'rebooted',
  kernel: '6.1.0-28',
  run: 'r',
  errors: 0,
} as const;
const hv1 = { name: 'hv1', drainSeconds: 100, backSeconds: 1800 };

function took(bootSeconds: number, [drainSeconds, plannedSeconds] = [0, 0]): Took {
  return { bootSeconds, drainSeconds, plannedSeconds };
}

function fleetThat(...all: Took[]) {
  return Object.fromEntries(all.map((one, i) => [`hv${i + 10}`, { ...ENDED, took: [one] }]));
}

it.each([
  { what: 'nobody has been measured', records: {}, seconds: 200 + 1800 },
  { what: 'too few have', records: fleetThat(took(60, [10, 20]), took(70, [10, 20])), seconds: 200 + 1800 },
  {
    what: 'ten have: the worst but one counts',
    records: fleetThat(...[10, 20, 30, 40, 50, 60, 70, 80, 90, 1000].map((s) => took(s, [s, 100]))),
    seconds: 90 + 90,
  },
  {
    what: 'its own boots are known: they say more than those of others',
    records: {
      ...fleetThat(...Array.from({ length: 10 }, () => took(60, [100, 100]))),
      hv1: { ...ENDED, took: [took(900), took(1200), took(1000)] },
    },
    seconds: 100 + 1200,
  },
])('predicts the worst of ten when $what', ({ records, seconds }) => {
  expect(predictSeconds(records, hv1)).toBe(seconds);
});

it('remembers the last ten durations of a hypervisor, and those also when a reboot fails', () => {
  let record = recordOf(undefined, { ...ENDED, took: took(1) });
  for (let i = 2; i <= 12; i += 1) record = recordOf(record, { ...ENDED, took: took(i) });
  const failed = recordOf(record, { ...ENDED, verdict: 'failed', why: 'it does not come back' });

  expect(record.took.map(({ bootSeconds }) => bootSeconds)).toEqual([3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
  expect(failed).toMatchObject({ verdict: 'failed', took: record.took });
});
