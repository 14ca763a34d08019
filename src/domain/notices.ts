/** Which owners get a mail now about what was judged of their servers, of which kind, and why does nobody else? */
import { atOnce, type InTurns } from './in-turns.ts';
import { noticeClock } from './notice-clock.ts';
import { decideOn } from './notice-decision.ts';
import { type Draft, ownerDraft, type Turn } from './notice-draft.ts';
import { contactDrafts, contactRowNow, escalatedTo } from './notice-escalation.ts';
import { isContactRow, isSpent, keptOf, NO_ROW, type NoticeRow, ownerRow } from './notice-log.ts';
import type { Notices, Round } from './notice-round.ts';

/** Owners decided on without a stop. */
const A_TURN = 100;

/**
 * Decides for every owner, and for contacts of projects where the policy escalates to them. Decided again upon the
 * rows that it gave, nobody is written to twice; upon those of before, the same mails come with the same ids.
 */
export function decideNotices(round: Round): Notices {
  return atOnce(decideInTurns(round));
}

/** The same, in turns. */
export function* decideInTurns(round: Round): InTurns<Notices> {
  const { log, owned, policy } = round;
  const turn: Turn = {
    ...round,
    clock: noticeClock(policy, round.zone, round.now),
    judged: new Map(owned.map(({ judged }) => [judged.id, judged])),
  };
  const byOwner = Map.groupBy(owned, ({ owner }) => ownerRow(owner));
  const drafts: Draft[] = [];
  for (const [key, servers] of byOwner) {
    if (drafts.length % A_TURN === 0) yield;
    drafts.push(ownerDraft(key, servers, turn));
  }
  const owners = decideOn(drafts, turn);
  yield;
  const rows = new Map(owners.map(({ key, row }) => [key, row]));
  const rowOf = (key: string): NoticeRow => {
    const row = rows.get(key);
    return (row === undefined ? log.get(key) : row) ?? NO_ROW;
  };
  const contacts = decideOn(contactDrafts(rowOf, turn), turn);
  yield;
  const operators = policy.escalation.filter(({ to, propose }) => to.includes('operators') || propose);
  return {
    owners,
    contacts,
    operators: escalatedTo(operators, rowOf, turn),
    spent: spentRows(turn, new Set([...owners, ...contacts].map(({ key }) => key))),
  };
}

function spentRows(turn: Turn, decided: ReadonlySet<string>): ReadonlyMap<string, NoticeRow | null> {
  const spent = new Map<string, NoticeRow | null>();
  for (const [key, row] of turn.log) {
    if (decided.has(key)) continue;
    const kept = isContactRow(key) ? contactRowNow(row, turn) : keptOf(row, () => turn.partial === true);
    if (isSpent(kept, turn.clock.period)) spent.set(key, null);
    else if (kept !== row) spent.set(key, kept);
  }
  return spent;
}
