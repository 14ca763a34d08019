/** Polls of a feed for tests, and what is remembered after several of them. */
import { judge } from '../../src/domain/case-history.ts';
import type { CaseState, Cases, Judgement } from '../../src/domain/cases.ts';
import { type Policy, PolicySchema } from '../../src/domain/compliance.ts';
import type { Exemption } from '../../src/domain/exemptions.ts';
import type { Server } from '../../src/domain/fleet.ts';
import type { Finding, Poll, ReportedHost } from '../../src/domain/patch-feed.ts';
import { server } from './builders.ts';

/** Fri 20 Nov 2026, 09:00 in London and in UTC. */
export const FIRST_POLL = new Date('2026-11-20T09:00:00Z');
const DAY_MS = 86_400_000;

export function dayAfter(days: number, from = FIRST_POLL): Date {
  return new Date(from.getTime() + days * DAY_MS);
}

/** Terms that are easy to reckon with: 14 days, for `Critical` 7, for a reboot 5 working days, for silence 7. */
export function policy(more: Record<string, unknown> = {}): Policy {
  return PolicySchema.parse({
    timezone: 'Europe/London',
    rules: [
      { match: { tags: ['Critical'] }, grace: '7d' },
      { match: { rebootRequired: true }, grace: '5wd' },
      { match: { notReportingFor: '7d' }, grace: '7d' },
      { match: { tags: ['Low'] }, grace: '60d' },
      { match: { tags: ['High'] }, grace: '14d' },
      { match: { pendingSecurity: true }, grace: '30d' },
    ],
    ...more,
  });
}

export function finding(id: string, more: Partial<Finding> = {}): Finding {
  return { id, tags: ['High'], ...more };
}

/** A host that is called like a server of `servers`, with these CVEs. */
export function host(
  hostname: string,
  findings: readonly (string | Finding)[] = [],
  more: Partial<ReportedHost> = {},
) {
  const whole = findings.map((each) => (typeof each === 'string' ? finding(each) : each));
  return { hostname, findings: whole, ...more };
}

/** Complete, of a feed that lists only hosts with findings. */
export function poll(takenAt: Date, hosts: readonly ReportedHost[], more: Partial<Poll> = {}): Poll {
  return {
    feed: 'pakiti',
    takenAt: takenAt.toISOString(),
    complete: true,
    warnings: [],
    listsClean: false,
    hosts,
    ...more,
  };
}

export function servers(...names: readonly string[]): Server[] {
  return names.map((name) => server(name, 'hv1', { createdAt: '2026-01-01T00:00:00Z' }));
}

export interface Site {
  readonly servers: readonly Server[];
  readonly policy: Policy;
  readonly exemptions?: readonly Exemption[];
}

/** What is remembered from poll to poll, as tables would hold it: as JSON. */
export class Memory {
  #rows: Cases = new Map();
  readonly site: Site;

  constructor(site: Site) {
    this.site = site;
  }

  get rows(): Cases {
    return this.#rows;
  }

  /** Judges a poll right when it was taken, and remembers what it changes. */
  see(one: Poll, { now = new Date(one.takenAt), ...site }: Partial<Site> & { now?: Date } = {}): Judgement {
    const judgement = judge(this.#rows, { ...this.site, ...site, poll: one, zone: 'UTC', now });
    const rows = new Map(this.#rows);
    for (const [id, row] of judgement.next)
      if (row === null) rows.delete(id);
      else rows.set(id, JSON.parse(JSON.stringify(row)) as CaseState);
    this.#rows = rows;
    return judgement;
  }
}
