import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  idleDays,
  kindOf,
  type Lives,
  lifetimesOf,
  noteLives,
  outlookOf,
} from '../../src/domain/lifetimes.ts';
import { server } from '../support/builders.ts';

const NOW = new Date('2026-11-24T22:00:00Z');
const DAY_MS = 86_400_000;
const ago = (days: number): string => new Date(NOW.getTime() - days * DAY_MS).toISOString();
const gpu = (name: string, ageDays = 0) =>
  server(name, 'hv19', { pinned: 'PCI device of class gpu', createdAt: ago(ageDays) });
const kind = kindOf(gpu('any'));

/** Lives of so many days each; the negative ones still run. */
function lives(...days: number[]): Lives {
  return Object.fromEntries(
    days.map((length, i) => [
      `life-${i}`,
      { kind, createdAt: ago(Math.abs(length)), seenAt: ago(0), ended: length > 0 },
    ]),
  );
}

describe('noteLives', () => {
  it('learns of a server, sees it live on, and that it has ended', () => {
    const born = noteLives({}, [gpu('a', 3)], NOW);
    const later = new Date(NOW.getTime() + DAY_MS);
    const alive = noteLives(born, [gpu('a', 3), gpu('b')], later);
    const gone = noteLives(alive, [gpu('b')], new Date(later.getTime() + DAY_MS));

    expect(born.a).toEqual({ kind, createdAt: ago(3), seenAt: NOW.toISOString(), ended: false });
    expect(alive.a).toEqual({ kind, createdAt: ago(3), seenAt: later.toISOString(), ended: false });
    expect(gone.a).toEqual({ kind, createdAt: ago(3), seenAt: later.toISOString(), ended: true });
    expect(gone.b?.ended).toBe(false);
  });

  it('takes one for alive again that is back after it was not seen', () => {
    const gone = noteLives(noteLives({}, [gpu('a', 3)], NOW), [], NOW);

    expect(noteLives(gone, [gpu('a', 3)], NOW).a?.ended).toBe(false);
  });

  it('changes nothing the second time', () => {
    const once = noteLives(lives(3, -4), [gpu('a')], NOW);

    expect(noteLives(once, [gpu('a')], NOW)).toEqual(once);
  });
});

describe('lifetimesOf', () => {
  it('tells how long its kind lives in all, however old it is itself', () => {
    const of = lives(1, 2, 3, 4, 5, 6, 7, 8, 9, 10);

    expect(lifetimesOf(of, gpu('old', 6))).toEqual({ medianDays: 5, ninetyDays: 9, endings: 10 });
    expect(outlookOf(of, gpu('old', 6), NOW).medianDays).toBe(2);
    expect(lifetimesOf(of, server('other', 'hv19')).endings).toBe(0);
  });
});

describe('outlookOf', () => {
  it.each([
    { what: 'five of equal length', of: lives(4, 4, 4, 4, 4), median: 4, ninety: 4 },
    { what: 'half of them short', of: lives(1, 1, 1, 9, 9, 9), median: 1, ninety: 9 },
    { what: 'ten in a row', of: lives(1, 2, 3, 4, 5, 6, 7, 8, 9, 10), median: 5, ninety: 9 },
    // 5/6 · 4/5 · 2/3 live beyond day 4: the one that still runs counts until day 3.
    { what: 'one that still runs', of: lives(1, 2, -3, 4, 5, 6), median: 4, ninety: 6 },
    { what: 'the longest still running', of: lives(1, 2, 3, 4, 5, -30, -30), median: 4, ninety: undefined },
  ])('tells a new server from $what', ({ of, median, ninety }) => {
    const outlook = outlookOf(of, gpu('new'), NOW);

    expect(outlook.medianDays).toBe(median);
    expect(outlook.ninetyDays).toBe(ninety);
  });

  it('judges one that has lived for long by those that lived as long', () => {
    const of = lives(1, 1, 1, 1, 10, 10, 10, 10, 10);

    expect(outlookOf(of, gpu('old', 6), NOW)).toEqual({ medianDays: 4, ninetyDays: 4, endings: 5 });
  });

  it('says nothing where too few have ended, or none of its kind', () => {
    const nothing = { medianDays: undefined, ninetyDays: undefined };

    expect(outlookOf(lives(1, 2, 3, 4), gpu('new'), NOW)).toEqual({ ...nothing, endings: 4 });
    expect(outlookOf(lives(1, 2, 3, 4, 5), server('other', 'hv1', { pinned: 'vTPM' }), NOW)).toEqual({
      ...nothing,
      endings: 0,
    });
  });

  it('never ends before now, and the median not after the ninth of ten', () => {
    const days = fc.double({ min: 0.01, max: 400, noNaN: true });
    const life = fc.tuple(days, fc.boolean()).map(([length, ended]) => (ended ? length : -length));
    fc.assert(
      fc.property(fc.array(life, { maxLength: 40 }), days, (all, age) => {
        const { medianDays = 0, ninetyDays } = outlookOf(lives(...all), gpu('one', age), NOW);

        expect(medianDays).toBeGreaterThanOrEqual(-1e-6);
        expect(ninetyDays ?? Number.POSITIVE_INFINITY).toBeGreaterThanOrEqual(medianDays);
      }),
    );
  });
});

describe('idleDays', () => {
  const left = (medianDays: number | undefined) => ({ medianDays, ninetyDays: undefined, endings: 9 });

  it.each([
    { of: [], days: 0 },
    { of: [left(3)], days: 3 },
    { of: [left(3), left(10)], days: 17 },
    { of: [left(3), left(undefined)], days: Number.POSITIVE_INFINITY },
  ])('of $of are $days', ({ of, days }) => expect(idleDays(of)).toBe(days));
});
