/** Which of the notices that have something to say may go now, and why do the others stay? */

import { plainName } from './names.ts';
import type { NoticeClock } from './notice-clock.ts';
import { type Draft, dueOf, type News, type Turn } from './notice-draft.ts';
import {
  isContactRow,
  isSpent,
  keptOf,
  NOTICE_KINDS,
  type NoticeKind,
  type NoticeRow,
  noticeId,
  type ToldOf,
  toldOf,
} from './notice-log.ts';
import type { Decision, Hold, Notice } from './notice-round.ts';
import { mailKey } from './owner-notices.ts';
import { sayCount } from './say.ts';

type Held = { readonly hold: Hold; readonly why: string; readonly until?: Date };

/** The worst first; who had a mail today takes nobody's place. */
export function decideOn(drafts: readonly Draft[], turn: Turn): Decision[] {
  const { log, clock, maxOwnersPerDay } = turn;
  let left = maxOwnersPerDay - writtenToday(log.entries(), clock);
  return drafts.toSorted(byWeight).map((draft) => {
    const { key, to, next } = draft;
    const decided = kindFor(draft, turn);
    const takesPlace = !isContactRow(key) && sentToday(draft, clock).length === 0;
    const rest = { key, to, ...(next && { next }) };
    if ('hold' in decided) return { ...rest, ...decided, ...rowOf(draft, draft.row, clock) };
    if (takesPlace && left <= 0) {
      const why = `${maxOwnersPerDay} owners were written to today, and others are worse`;
      return { ...rest, hold: 'too many', why, ...rowOf(draft, draft.row, clock) };
    }
    if (takesPlace) left -= 1;
    const send = noticeOf(draft, decided.kind, clock);
    return { ...rest, send, why: decided.why, ...rowOf(draft, afterwards(draft.row, send, clock), clock) };
  });
}

function kindFor(draft: Draft, turn: Turn): Held | { readonly kind: NoticeKind; readonly why: string } {
  const { clock, broken, unreachable } = turn;
  if (draft.news.length === 0) return draft.idle;
  const bounced = unreachable.get(mailKey(draft.to.email));
  if (bounced !== undefined)
    return { hold: 'bounced', why: `mail to ${draft.to.email} does not arrive: ${bounced}` };
  if (broken !== undefined) return { hold: 'broken', why: broken };
  const critical = draft.news.filter((one) => one.critical);
  const sent = sentToday(draft, clock);
  const kind = sent.length === 0 ? heaviest(draft.news) : extraKind(critical, sent, turn);
  if (kind === undefined) return { hold: 'sent', why: 'a notice was sent today' };
  const closed = clock.closed(critical.length > 0 ? 'critical' : 'usual');
  return closed ?? { kind, why: sayNews(draft.news) };
}

/** A second mail of a day says what cannot wait, and is of a kind that the day has not had. */
function extraKind(
  critical: readonly News[],
  sent: readonly NoticeKind[],
  { policy }: Turn,
): NoticeKind | undefined {
  if (critical.length === 0 || !policy.digest.criticalImmediately) return undefined;
  const own = heaviest(critical);
  return own === 'contact' ? undefined : [own, 'worse' as const].find((kind) => !sent.includes(kind));
}

function heaviest(news: readonly News[]): NoticeKind {
  return NOTICE_KINDS.find((kind) => news.some((one) => one.kind === kind))!;
}

function sentToday({ row }: Pick<Draft, 'row'>, { period }: NoticeClock): NoticeKind[] {
  return NOTICE_KINDS.filter((kind) => row.sent[kind] === period);
}

function writtenToday(rows: Iterable<readonly [string, NoticeRow]>, clock: NoticeClock): number {
  return [...rows].filter(([key, row]) => !isContactRow(key) && sentToday({ row }, clock).length > 0).length;
}

/** `CVE-2026-1234 on web-1 was not told before, and 2 more findings` */
function sayNews(news: readonly News[]): string {
  const kind = heaviest(news);
  const { finding, server, why } = news.find((one) => one.kind === kind)!;
  const first = `${plainName(finding)} on ${plainName(server)} ${why}`;
  return news.length === 1
    ? first
    : `${first}, and ${sayCount(news.length - 1, 'more finding', 'more findings')}`;
}

function noticeOf({ to, row, servers }: Draft, kind: NoticeKind, { period }: NoticeClock): Notice {
  const thread = row.thread === undefined ? [] : [row.thread];
  return { id: noticeId(to, kind, period), thread, kind, period, to, servers };
}

/** What was told is told now; what is over need not be remembered. */
function afterwards(row: NoticeRow, { id, kind, servers }: Notice, { period, at }: NoticeClock): NoticeRow {
  const over = new Map(
    servers.map(({ server, resolved }) => [server.id, new Set(resolved.map((one) => one.id))]),
  );
  const kept = keptOf(row, (server, finding) => !over.get(server)?.has(finding));
  const told: Record<string, ToldOf[string]> = { ...kept.told };
  for (const { server, open } of servers) {
    if (open.length === 0) continue;
    const now = open.map(({ finding: { id } }) => [
      id,
      { first: toldOf(row, server.id, id)?.first ?? at, at },
    ]);
    told[server.id] = { ...told[server.id], ...Object.fromEntries(now) };
  }
  const thread = Object.keys(told).length === 0 ? {} : { thread: row.thread ?? id };
  return { sent: { ...row.sent, [kind]: period }, ...thread, told };
}

/** Only where it differs from the log. */
function rowOf({ before }: Draft, row: NoticeRow, { period }: NoticeClock): Pick<Decision, 'row'> {
  if (isSpent(row, period)) return before === undefined ? {} : { row: null };
  return row === before ? {} : { row };
}

/** What cannot wait, then what is due first, then who has most; the same order for the same drafts. */
function byWeight(a: Draft, b: Draft): number {
  return (
    weigh(a) - weigh(b) || compare(firstDue(a), firstDue(b)) || size(b) - size(a) || compare(a.key, b.key)
  );
}

function weigh({ news }: Draft): number {
  return news.some(({ critical }) => critical) ? 0 : 1;
}

function firstDue({ servers: [worst] }: Draft): string {
  return worst === undefined ? '9999' : dueOf(worst);
}

function size({ servers }: Draft): number {
  return servers.reduce((sum, { open }) => sum + open.length, 0);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
