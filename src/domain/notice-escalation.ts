/** What do contacts of projects and operators hear of servers whose owners were told? */
import type { EscalationStep } from './compliance.ts';
import type { Owner } from './fleet.ts';
import { byDue, claimed, type Draft, type News, type Turn, worstFirst } from './notice-draft.ts';
import { contactRow, keptOf, NO_ROW, type NoticeRow, ownerRow, toldOf } from './notice-log.ts';
import { isClaimable } from './notice-news.ts';
import type { Escalated, NoticeFinding, NoticeServer, Owned } from './notice-round.ts';
import { mailKey } from './owner-notices.ts';

/** The row of an owner as it is after this round. */
export type RowOf = (key: string) => NoticeRow;

/** A finding for which a step counts by now, and since when. */
interface Reached extends NoticeFinding {
  readonly steps: readonly EscalationStep[];
  /** Of the first of them and of the last, milliseconds since 1970. */
  readonly since: number;
  readonly last: number;
}

/** Only where there is something that the contact was not told yet. */
export function contactDrafts(rowOf: RowOf, turn: Turn): Draft[] {
  const steps = turn.policy.escalation.filter(({ to }) => to.includes('projectContacts'));
  const readers = new Map<string, { to: Owner; reached: (readonly [Owned, Reached[]])[] }>();
  for (const owned of turn.owned) {
    const to = turn.contacts[owned.server.projectId];
    if (to === undefined || mailKey(to.email) === mailKey(owned.owner.email)) continue;
    const reached = reachedOf(owned, steps, { rowOf, turn });
    if (reached.length === 0) continue;
    const reader = readers.get(contactRow(to)) ?? { to, reached: [] };
    readers.set(contactRow(to), reader);
    reader.reached.push([owned, reached]);
  }
  return [...readers]
    .map(([key, { to, reached }]) => contactDraft(key, to, reached, turn))
    .filter(({ news }) => news.length > 0);
}

function contactDraft(
  key: string,
  to: Owner,
  reached: readonly (readonly [Owned, Reached[]])[],
  turn: Turn,
): Draft {
  const before = turn.log.get(key);
  const row = contactRowNow(before ?? NO_ROW, turn);
  const news = reached.flatMap(([{ server }, findings]) =>
    findings.flatMap(({ finding, last }): News[] => {
      const told = toldOf(row, server.id, finding.id);
      if (told !== undefined && Date.parse(told.at) >= last) return [];
      const critical = finding.rule?.critical === true;
      return [{ kind: 'contact', critical, finding: finding.id, server: server.name, why: 'is escalated' }];
    }),
  );
  const servers = reached.map(([owned, open]): NoticeServer => ({ ...owned, open, resolved: [] }));
  const idle = { hold: 'grace', why: 'was told' } as const;
  return { key, to, before, row, servers: servers.toSorted(worstFirst), news, idle };
}

/** What the policy has operators look at by now, or proposes to them; the same every day until it is over. */
export function escalatedTo(operators: readonly EscalationStep[], rowOf: RowOf, turn: Turn): Escalated[] {
  return turn.owned.flatMap((owned): Escalated[] => {
    const findings = reachedOf(owned, operators, { rowOf, turn });
    if (findings.length === 0) return [];
    const since = Math.min(...findings.map((one) => one.since));
    const propose = [
      ...new Set(findings.flatMap(({ steps }) => steps.flatMap((step) => step.propose ?? []))),
    ];
    return [{ owned, findings, propose, since: new Date(since).toISOString() }];
  });
}

/** Of what can be claimed and its owner was told, that for which one of the steps counts by now. */
function reachedOf(
  { server, judged, owner }: Owned,
  steps: readonly EscalationStep[],
  { rowOf, turn }: { rowOf: RowOf; turn: Turn },
): Reached[] {
  if (judged.findings.length === 0 || turn.pilot?.has(server.projectId) === false) return [];
  const row = rowOf(ownerRow(owner));
  const { clock } = turn;
  const found = judged.findings.flatMap((finding): Reached[] => {
    const told = toldOf(row, server.id, finding.id);
    if (told === undefined || !isClaimable(finding)) return [];
    const reached = steps.flatMap((step) => {
      const at = clock.stepAt(step.at, finding.due, told.first);
      return at <= clock.now.getTime() ? [{ step, at }] : [];
    });
    if (reached.length === 0) return [];
    const moments = reached.map(({ at }) => at);
    return [
      {
        ...claimed(finding, told, clock),
        steps: reached.map(({ step }) => step),
        since: Math.min(...moments),
        last: Math.max(...moments),
      },
    ];
  });
  return found.toSorted(byDue);
}

/** What is told of servers that are no more, and what is over, need not be remembered. */
export function contactRowNow(row: NoticeRow, { judged, partial }: Turn): NoticeRow {
  return keptOf(row, (server, id) => {
    const found = judged.get(server);
    if (found === undefined) return partial === true;
    const isOpen = found.findings.some((finding) => finding.id === id && finding.standing !== 'resolved');
    return isOpen || found.leftAlone !== undefined;
  });
}
