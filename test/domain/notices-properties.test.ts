/** What holds of notices over any history of polls and runs. */
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Decision, Notice } from '../../src/domain/notice-round.ts';
import { ALICE, BOB, CONTACT, NoticeSite } from '../support/notices.ts';
import { FIRST_POLL, finding, host, policy, poll, servers } from '../support/polls.ts';

const HOUR_MS = 3_600_000;
const NAMES = ['web', 'db', 'ml'];
const OWNERS = { web: ALICE, db: BOB, ml: { ...ALICE, email: 'Alice@alpha.example' } };
const CVES = ['CVE-2026-1', 'CVE-2026-2', 'CVE-2026-3'];

const POLICY = policy({
  rules: [
    { match: { tags: ['Critical'] }, grace: '2d', remind: 'daily', critical: true },
    { match: {}, grace: '5d', remind: '2d' },
  ],
  exemptions: [
    { cve: 'CVE-2026-3', server: 'db', reason: 'a freeze', approvedBy: 'kim', until: '2026-11-27' },
  ],
  resolve: { afterCompletePolls: 1 },
});

const turn = fc.record({
  /** None: the same instant again. */
  afterHours: fc.constantFrom(0, 0, 1, 5, 11, 24, 24, 48, 100),
  /** Undefined: judged as it was, so a run and no poll. */
  hosts: fc.option(
    fc.dictionary(
      fc.constantFrom(...NAMES),
      fc.dictionary(fc.constantFrom(...CVES), fc.constantFrom('High', 'Critical')),
    ),
    { nil: undefined },
  ),
  complete: fc.boolean(),
  /** The run dies before its rows are kept, and decides again. */
  dies: fc.boolean(),
  limit: fc.constantFrom(1, 2, 100),
  gone: fc.subarray(NAMES, { maxLength: 1 }),
});

type Turn = typeof turn extends fc.Arbitrary<infer T> ? T : never;

/** Every run of a history, with what it sent. */
function runs(turns: readonly Turn[], check: (sent: readonly Notice[], site: NoticeSite) => void): void {
  const site = new NoticeSite({ servers: servers(...NAMES), policy: POLICY }, OWNERS);
  let at = FIRST_POLL.getTime();
  for (const { afterHours, hosts, complete, dies, limit, gone } of turns) {
    at += afterHours * HOUR_MS;
    const now = new Date(at);
    const more = {
      contacts: { alpha: CONTACT },
      maxOwnersPerDay: limit,
      servers: site.site.servers.filter(({ id }) => !gone.includes(id)),
    };
    if (hosts !== undefined) {
      const shown = Object.entries(hosts).map(([name, tags]) =>
        host(
          name,
          Object.entries(tags).map(([id, tag]) => finding(id, { tags: [tag] })),
        ),
      );
      site.judge(poll(now, shown, { complete }));
    }
    const before = dies ? site.ask(now, more) : undefined;
    const { owners, contacts } = site.decide(now, more);
    if (before) expect([...owners, ...contacts]).toEqual([...before.owners, ...before.contacts]);
    check(sentOf([...owners, ...contacts]), site);
  }
}

function sentOf(decisions: readonly Decision[]): Notice[] {
  return decisions.flatMap((one) => ('send' in one ? [one.send] : []));
}

const histories = fc.array(turn, { minLength: 1, maxLength: 25 });

it('nobody gets two notices of one kind in one period, nor two of one id, however often it runs', () => {
  fc.assert(
    fc.property(histories, (turns) => {
      const known = new Set<string>();
      runs(turns, (sent) => {
        for (const { to, kind, period, id } of sent) {
          for (const key of [`${to.email.toLowerCase()} ${kind} ${period}`, id]) {
            expect(known).not.toContain(key);
            known.add(key);
          }
        }
      });
    }),
  );
});

it('no notice claims what is resolved, and what is over is said once, to who was told of it', () => {
  fc.assert(
    fc.property(histories, (turns) => {
      const told = new Set<string>();
      runs(turns, (sent, site) => {
        for (const { to, kind, servers: about } of sent) {
          expect(about.length).toBeGreaterThan(0);
          for (const { server, open, resolved } of about) {
            expect(open.length + resolved.length).toBeGreaterThan(0);
            const cases = site.memory.rows.get(server.id)?.cases ?? [];
            const key = (id: string) => `${to.email.toLowerCase()} ${server.id} ${id}`;
            for (const { finding: one } of open) {
              expect(cases.find(({ id }) => id === one.id)).not.toHaveProperty('resolvedAt');
              expect(one).toHaveProperty('shown');
              if (kind !== 'contact') told.add(key(one.id));
            }
            for (const { id } of resolved) expect(told.delete(key(id))).toBe(true);
          }
        }
      });
    }),
  );
});

it('who is not written to is told why, and what is to be written is written in the end', () => {
  fc.assert(
    fc.property(histories, (turns) => {
      let last: NoticeSite | undefined;
      runs(turns, (_, site) => {
        last = site;
      });
      const site = last!;
      const all = poll(
        new Date('2027-03-01T10:00:00Z'),
        NAMES.map((name) => host(name, CVES)),
      );
      for (const { why } of site.see(all).owners) expect(why).not.toBe('');
      for (const email of ['alice@alpha.example', 'bob@beta.example'])
        expect(Object.values(site.log.get(email)!.sent)).toContain('20270301');
    }),
  );
});
