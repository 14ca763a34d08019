import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Case } from '../../src/domain/cases.ts';
import type { Poll } from '../../src/domain/patch-feed.ts';
import { dayAfter, FIRST_POLL, finding, host, Memory, policy, poll, servers } from '../support/polls.ts';

const NAMES = ['web', 'db', 'ml'];
const CVES = ['CVE-2026-1', 'CVE-2026-2', 'CVE-2026-3'];
const TAGS = ['High', 'Critical', 'Low', 'Info'];
const HOUR_MS = 3_600_000;
const REOPEN_MS = 14 * 24 * HOUR_MS;

const reported = fc.record({
  name: fc.constantFrom(...NAMES),
  shown: fc.dictionary(fc.constantFrom(...CVES), fc.constantFrom(...TAGS)),
  facts: fc.record(
    {
      rebootRequired: fc.boolean(),
      securityUpdates: fc.integer({ min: 0, max: 2 }),
      reportedHoursAgo: fc.integer({ min: 0, max: 400 }),
    },
    { requiredKeys: [] },
  ),
});

const look = fc.record({
  afterHours: fc.integer({ min: 1, max: 24 * 10 }),
  complete: fc.boolean(),
  listsClean: fc.boolean(),
  feed: fc.constantFrom('pakiti', 'exporters'),
  hosts: fc.array(reported, { maxLength: 4 }),
});

/** Polls one after the other, of any feeds, complete or not, with whatever they show. */
const history = fc.array(look, { minLength: 1, maxLength: 20 }).map((looks) => {
  let at = FIRST_POLL.getTime();
  return looks.map(({ afterHours, hosts, ...more }): Poll => {
    at += afterHours * HOUR_MS;
    const whole = hosts.map(({ name, shown, facts: { reportedHoursAgo, ...facts } }) => {
      const findings = Object.entries(shown).map(([id, tag]) => finding(id, { tags: [tag] }));
      const lastReport =
        reportedHoursAgo === undefined ? undefined : new Date(at - reportedHoursAgo * HOUR_MS).toISOString();
      return host(name, findings, { ...facts, ...(lastReport !== undefined && { lastReport }) });
    });
    return poll(new Date(at), whole, more);
  });
});

const memory = (afterCompletePolls = 2) =>
  new Memory({ servers: servers(...NAMES), policy: policy({ resolve: { afterCompletePolls } }) });

function casesIn(site: Memory): Map<string, Case> {
  return new Map(
    [...site.rows].flatMap(([id, { cases }]) => cases.map((each) => [`${id} ${each.id}`, each] as const)),
  );
}

/** What each poll makes of what was before it. */
function walk(
  polls: readonly Poll[],
  site: Memory,
  check: (one: Poll, before: Map<string, Case>, after: Map<string, Case>) => void,
) {
  for (const one of polls) {
    const before = casesIn(site);
    site.see(one);
    check(one, before, casesIn(site));
  }
}

describe('over any history of polls', () => {
  it('an incomplete one resolves nothing, and brings nothing nearer to its end', () => {
    fc.assert(
      fc.property(history, (polls) => {
        walk(polls, memory(), ({ complete }, before, after) => {
          if (complete) return;
          for (const [key, { resolvedAt, seenBy, missed }] of before) {
            if (resolvedAt !== undefined) continue;
            const now = after.get(key);
            expect(now).toBeDefined();
            expect(now?.resolvedAt).toBeUndefined();
            for (const feed of seenBy)
              expect(now?.missed?.[feed]?.polls ?? 0).toBeLessThanOrEqual(missed?.[feed]?.polls ?? 0);
          }
        });
      }),
    );
  });

  it('what is resolved was not shown by so many complete polls of each feed that had shown it', () => {
    fc.assert(
      fc.property(history, fc.integer({ min: 1, max: 4 }), (polls, needed) => {
        // Since each feed last showed it, by case and feed: its complete polls.
        const without = new Map<string, Map<string, number>>();
        walk(polls, memory(needed), ({ feed, complete, hosts }, before, after) => {
          for (const [key, { resolvedAt }] of after) {
            const [name, id] = key.split(' ') as [string, string];
            const counts = without.get(key) ?? new Map<string, number>();
            without.set(key, counts);
            const wasOpen = before.get(key)?.resolvedAt === undefined;
            // Twice in one poll: which of them counts, the reports tell.
            const showers = hosts.filter(
              ({ hostname, findings }) =>
                hostname === name && findings.some((each) => each.id === id && !each.tags.includes('Info')),
            );
            if (!CVES.includes(id)) continue;
            if (showers.length > 0 && hosts.filter(({ hostname }) => hostname === name).length === 1)
              counts.set(feed, 0);
            else if (complete && counts.has(feed)) counts.set(feed, counts.get(feed)! + 1);
            if (resolvedAt !== undefined && before.has(key) && wasOpen)
              for (const count of counts.values()) expect(count).toBeGreaterThanOrEqual(needed);
          }
        });
      }),
    );
  });

  it('a finding that comes back in time has the clock that it had, one that comes later a new one', () => {
    fc.assert(
      fc.property(history, (polls) => {
        walk(polls, memory(), ({ takenAt }, before, after) => {
          for (const [key, was] of before) {
            const now = after.get(key);
            if (was.resolvedAt === undefined || now === undefined || now.resolvedAt !== undefined) continue;
            const inTime = Date.parse(takenAt) - Date.parse(was.resolvedAt) <= REOPEN_MS;

            expect(now.since === was.since).toBe(inTime);
            if (inTime && now.rule === was.rule) expect(now.due).toBe(was.due);
          }
        });
      }),
    );
  });

  it('an open finding has one clock: never two cases of one id, its beginning stays, and what makes it due sooner gives time', () => {
    fc.assert(
      fc.property(history, (polls) => {
        const site = memory();
        walk(polls, site, ({ takenAt }, before, after) => {
          for (const { cases } of site.rows.values())
            expect(new Set(cases.map(({ id }) => id)).size).toBe(cases.length);
          for (const [key, now] of after) {
            const was = before.get(key);
            if (was?.resolvedAt === undefined && was !== undefined) expect(now.since).toBe(was.since);
            if (was === undefined || now.due < was.due)
              expect(Date.parse(now.due)).toBeGreaterThan(Date.parse(takenAt));
            expect(now.resolvedAt === undefined).toBe(now.seenBy.length > 0);
          }
        });
      }),
    );
  });

  it('judging the same poll again changes nothing', () => {
    fc.assert(
      fc.property(history, (polls) => {
        const site = memory();
        for (const one of polls) {
          site.see(one);
          const rows = new Map(site.rows);

          expect(site.see(one).next.size).toBe(0);
          expect(site.rows).toEqual(rows);
        }
      }),
    );
  });

  it('a later poll that shows the same changes nothing but what time itself does', () => {
    fc.assert(
      fc.property(history, (polls) => {
        const site = memory();
        for (const one of polls) site.see(one);
        const last = polls.at(-1)!;
        // Long enough for all that is missing to be resolved and forgotten.
        for (let n = 1; n <= 30; n += 1) site.see(later(last, n));

        expect(site.see(later(last, 30.5)).next.size).toBe(0);
      }),
      { numRuns: 40 },
    );
  });

  it('every server is in one state, and the counts add up', () => {
    fc.assert(
      fc.property(history, (polls) => {
        const site = memory();
        for (const one of polls) {
          const { counts, servers: judged } = site.see(one);
          const sum = Object.values(counts.states).reduce((total, count) => total + count, 0);

          expect([sum, counts.servers, judged.size]).toEqual([NAMES.length, NAMES.length, NAMES.length]);
          expect(counts.hosts.matched + counts.hosts.ambiguous + counts.hosts.nobody).toBe(one.hosts.length);
        }
      }),
    );
  });
});

/** The same machines, reporting the same so many days later. */
function later(last: Poll, days: number): Poll {
  const shift = (at: string) => dayAfter(days, new Date(at)).toISOString();
  return {
    ...last,
    takenAt: shift(last.takenAt),
    hosts: last.hosts.map((each) =>
      each.lastReport === undefined ? each : { ...each, lastReport: shift(each.lastReport) },
    ),
  };
}
