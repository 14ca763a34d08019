/** Which owners get a mail now about what was judged of their servers, of which kind, and why does nobody else? */
import { noticeClock } from './notice-clock.ts';
import { decideOn } from './notice-decision.ts';
import { ownerDraft, type Turn } from './notice-draft.ts';
import { contactDrafts, contactRowNow, escalatedTo } from './notice-escalation.ts';
import { isContactRow, isSpent, keptOf, NO_ROW, type NoticeRow, ownerRow } from './notice-log.ts';
import type { Notices, Round } from './notice-round.ts';

/**
 * Decides for every owner, and for contacts of projects where the policy escalates to them. Decided again upon the
 * rows that it gave, nobody is written to twice; upon those of before, the same mails come with the same ids.
 */
export function decideNotices(round: Round): Notices {
  const { log, owned, policy } = round;
  const turn: Turn = {
    ...round,
    clock: noticeClock(policy, round.zone, round.now),
    judged: new Map(owned.map(({ judged }) => [judged.id, judged])),
  };
  const byOwner = Map.groupBy(owned, ({ owner }) => ownerRow(owner));
  const owners = decideOn(
    [...byOwner].map(([key, servers]) => ownerDraft(key, servers, turn)),
    turn,
  );
  const rows = new Map(owners.map(({ key, row }) => [key, row]));
  const rowOf = (key: string): NoticeRow => {
    const row = rows.get(key);
    return (row === undefined ? log.get(key) : row) ?? NO_ROW;
  };
  const contacts = decideOn(contactDrafts(rowOf, turn), turn);
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
