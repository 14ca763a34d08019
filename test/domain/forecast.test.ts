import { describe, expect, it } from 'vitest';
import { type Course, finishedAt, forecastOf, spreadOf } from '../../src/domain/forecast.ts';
import { describeForecast } from '../../src/domain/forecast-report.ts';

const FROM = '2026-11-24T12:00:00.000Z';

/** Ten that needed it, all done on the second of December, unless told otherwise. */
function course(own: Partial<Course> = {}): Course {
  return {
    seed: 1,
    from: FROM,
    nights: 6,
    end: 'done',
    needed: 10,
    done: 10,
    unfinished: [],
    lastBackAt: '2026-12-02T01:00:00.000Z',
    moves: 100,
    movedGib: 400,
    died: 0,
    headroom: { freeGib: 100, share: 0.4, at: FROM },
    mails: 3,
    ownersMailed: 2,
    calls: 0,
    ...own,
  };
}

const left = (...names: string[]) => names.map((hypervisor) => ({ hypervisor, why: `held: ${hypervisor}` }));

describe('half and nine in ten', () => {
  it.each([
    { numbers: [7], p50: 7, p90: 7 },
    { numbers: [2, 1], p50: 1, p90: 2 },
    { numbers: [5, 4, 3, 2, 1, 6, 7, 8, 9, 10], p50: 5, p90: 9 },
    { numbers: [1, Number.POSITIVE_INFINITY], p50: 1, p90: Number.POSITIVE_INFINITY },
  ])('of $numbers are $p50 and $p90', ({ numbers, ...spread }) => {
    expect(spreadOf(numbers)).toEqual(spread);
  });

  it('of what is free are the lower ones', () => {
    const shares = [0.5, 0.4, 0.3];
    const courses = shares.map((share) => course({ headroom: { freeGib: 1, share, at: FROM } }));

    expect(forecastOf(courses).headroomShare).toEqual({ p50: 0.4, p90: 0.3 });
  });
});

/** None was given back. */
function idle(own: Partial<Course>): Course {
  const { lastBackAt: _, ...others } = course({ done: 0, ...own });
  return others;
}

describe('all is done that can be', () => {
  it.each<{ what: string; given: Course; at: string | undefined }>([
    { what: 'when the last one was back', given: course(), at: '2026-12-02T01:00:00.000Z' },
    {
      what: 'when the last one was back, though some never will be',
      given: course({ end: 'nothing changes', unfinished: left('hv1') }),
      at: '2026-12-02T01:00:00.000Z',
    },
    {
      what: 'as much later as what is left takes, where the nights did not suffice',
      given: course({
        end: 'no more nights',
        lastBackAt: '2026-11-26T12:00:00.000Z',
        done: 4,
        unfinished: left('a', 'b'),
      }),
      at: '2026-11-27T12:00:00.000Z',
    },
    { what: 'at once where nothing is to do', given: idle({ needed: 0 }), at: FROM },
    {
      what: 'never where the nights did not suffice for one',
      given: idle({ end: 'no more nights', unfinished: left('a') }),
      at: undefined,
    },
  ])('$what', ({ given, at }) => {
    const found = finishedAt(given);

    expect(Number.isFinite(found) ? new Date(found).toISOString() : undefined).toBe(at);
  });
});

describe('people read', () => {
  it.each<{ what: string; courses: Partial<Course>[]; headline: string }>([
    {
      what: 'of one that is done',
      courses: [{}],
      headline: '10 hypervisors need a reboot: 10 done in 6 nights, finished on Wed 2 Dec 2026.',
    },
    {
      what: 'of one that leaves some',
      courses: [{ end: 'nothing changes', done: 8, unfinished: left('a', 'b') }],
      headline:
        '10 hypervisors need a reboot: 8 done in 6 nights, finished on Wed 2 Dec 2026; 2 cannot finish.',
    },
    {
      what: 'of one that had too few nights',
      courses: [
        {
          end: 'no more nights',
          nights: 2,
          done: 5,
          lastBackAt: '2026-11-25T23:00:00.000Z',
          unfinished: left('a', 'b', 'c', 'd', 'e'),
        },
      ],
      headline:
        '10 hypervisors need a reboot: 5 done in 2 nights; 5 still to do, finished on Fri 27 Nov 2026 at this pace.',
    },
    {
      what: 'of several',
      courses: [
        { lastBackAt: '2026-12-01T01:00:00.000Z', nights: 5 },
        { lastBackAt: '2026-12-03T01:00:00.000Z' },
      ],
      headline:
        '10 hypervisors need a reboot: finished between 1 and 3 Dec 2026, in 5 to 6 nights (half of 2 rehearsals, nine in ten).',
    },
    {
      what: 'of several that had too few nights',
      courses: [4, 5].map((done) => ({
        end: 'no more nights' as const,
        nights: 2,
        done,
        lastBackAt: '2026-11-25T23:00:00.000Z',
        unfinished: left('a', 'b', 'c', 'd', 'e', 'f').slice(0, 10 - done),
      })),
      headline:
        '10 hypervisors need a reboot: 5 to 6 still to do after 2 nights, finished between 27 and 28 Nov 2026 at this pace (half of 2 rehearsals, nine in ten).',
    },
    {
      what: 'of none that needs it',
      courses: [{ needed: 0, done: 0 }],
      headline: 'Nothing needs a reboot.',
    },
  ])('$what', ({ courses, headline }) => {
    const forecast = forecastOf(courses.map((own) => course(own)));

    expect(describeForecast(forecast, 'UTC').headline).toBe(headline);
  });

  it('why some are not finished, alike reasons once and those of most rehearsals first', () => {
    const alike = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((hypervisor) => ({ hypervisor, why: 'no turn' }));
    const forecast = forecastOf([
      course({ unfinished: [...left('hv1'), ...alike] }),
      course({ seed: 2, unfinished: left('hv1') }),
    ]);

    expect(describeForecast(forecast, 'UTC').unfinished.rows).toEqual([
      ['hv1', 'held: hv1', 2],
      ['a, b, c, d, e and 2 more', 'no turn', 1],
    ]);
  });
});
