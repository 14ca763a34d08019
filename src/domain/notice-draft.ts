/** What would a notice to an owner say, and what of it is new? */
import type { JudgedFinding, JudgedServer } from './cases.ts';
import type { Owner } from './fleet.ts';
import type { NoticeClock } from './notice-clock.ts';
import { keptOf, NO_ROW, type NoticeKind, type NoticeRow, type Told, toldOf } from './notice-log.ts';
import { isClaimable, type Moment, type Say, sayOf } from './notice-news.ts';
import type { Hold, NoticeFinding, NoticeServer, Owned, Round } from './notice-round.ts';
import { sayCount } from './say.ts';

/** A round with its clock, and with what it judges by server id. */
export interface Turn extends Round {
  readonly clock: NoticeClock;
  readonly judged: ReadonlyMap<string, JudgedServer>;
}

export interface News {
  readonly kind: NoticeKind;
  readonly critical: boolean;
  readonly finding: string;
  readonly server: string;
  /** Completes "CVE-2026-1234 on web-1 …". */
  readonly why: string;
}

/** A notice before it is asked whether it may go. */
export interface Draft {
  readonly key: string;
  readonly to: Owner;
  /** As it is in the log; absent where it is not. */
  readonly before: NoticeRow | undefined;
  /** The same without what there is no more. */
  readonly row: NoticeRow;
  readonly servers: readonly NoticeServer[];
  readonly news: readonly News[];
  /** Why there are no news, where there are none. */
  readonly idle: { readonly hold: Hold; readonly why: string };
  readonly next?: Moment;
}

/** `owned`: all that one owner has. */
export function ownerDraft(key: string, owned: readonly Owned[], turn: Turn): Draft {
  const before = turn.log.get(key);
  const row = keptOf(before ?? NO_ROW, stillThere(owned, turn));
  const within = owned.filter(({ server }) => turn.pilot?.has(server.projectId) ?? true);
  const said = within.flatMap((one) =>
    one.judged.findings.map((finding) => {
      const told = toldOf(row, one.server.id, finding.id);
      const say = sayOf(finding, told, { steps: turn.policy.escalation, clock: turn.clock });
      return { one, finding, told, say };
    }),
  );
  const isOpen = owned.some(({ judged }) => judged.findings.some(({ standing }) => standing === 'open'));
  const servers = [...Map.groupBy(said, ({ one }) => one)].map(
    ([one, findings]): NoticeServer => ({
      ...one,
      open: findings
        .flatMap(({ finding, told, say }) => {
          if (!isClaimable(finding)) return [];
          return [{ ...claimed(finding, told, turn.clock), ...('news' in say && { news: say.news }) }];
        })
        .toSorted(byDue),
      resolved: findings.flatMap(({ finding, say }) => (isNews(say, 'resolved') ? [finding] : [])),
    }),
  );
  const news = said.flatMap(({ one, finding, say }): News[] => {
    // While something is open, what is over is said beside it.
    if (!('news' in say) || (say.news === 'resolved' && isOpen)) return [];
    const critical = finding.rule?.critical === true && say.news !== 'resolved';
    return [{ kind: say.news, critical, finding: finding.id, server: one.server.name, why: say.why }];
  });
  const next = nextOf(said.map(({ say }) => say));
  return {
    key,
    to: owned[0]!.owner,
    before,
    row,
    servers: servers.filter(({ open, resolved }) => open.length + resolved.length > 0).toSorted(worstFirst),
    news,
    idle: whyIdle(
      said.map(({ say }) => say),
      owned.length - within.length,
    ),
    ...(next && { next }),
  };
}

/** Findings that are due first first. */
export function byDue(a: NoticeFinding, b: NoticeFinding): number {
  return compare(a.finding.due, b.finding.due) || compare(a.finding.id, b.finding.id);
}

/** Servers with the finding that is due first first; those without any open one last. */
export function worstFirst(a: NoticeServer, b: NoticeServer): number {
  return compare(dueOf(a), dueOf(b)) || b.open.length - a.open.length || compare(a.server.id, b.server.id);
}

export function dueOf({ open: [first] }: NoticeServer): string {
  return first?.finding.due ?? '9999';
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

/** What is told of others' servers, and of findings that are forgotten, need not be remembered. */
function stillThere(owned: readonly Owned[], { partial }: Round) {
  const known = new Map(owned.map(({ judged }) => [judged.id, judged]));
  return (server: string, id: string): boolean => {
    const judged = known.get(server);
    if (judged === undefined) return partial === true;
    return judged.leftAlone !== undefined || judged.findings.some((finding) => finding.id === id);
  };
}

/** `told`: when its owner was told; undefined: now. */
export function claimed(finding: JudgedFinding, told: Told | undefined, clock: NoticeClock): NoticeFinding {
  const toldAt = told?.first ?? clock.at;
  return { finding, askedBy: clock.askedBy(finding.due, toldAt), toldAt, overdue: finding.due <= clock.at };
}

function isNews(say: Say, kind: NoticeKind): boolean {
  return 'news' in say && say.news === kind;
}

function nextOf(says: readonly Say[]): Moment | undefined {
  const moments = says.flatMap((say) => ('next' in say && say.next ? [say.next] : []));
  return moments.reduce<Moment | undefined>(
    (first, each) => (first && first.at <= each.at ? first : each),
    undefined,
  );
}

/** `outside`: servers in projects that are not written to. What has time and was told says more than the rest. */
function whyIdle(says: readonly Say[], outside: number): Draft['idle'] {
  const count = (quiet: string) => says.filter((say) => 'quiet' in say && say.quiet === quiet).length;
  const [grace, hidden, exempt] = [count('grace'), count('not shown'), count('exempt')];
  if (grace > 0) return { hold: 'grace', why: `${sayCount(grace, 'finding')} told, and there is time` };
  if (hidden > 0)
    return { hold: 'not shown', why: `the latest report does not show ${sayCount(hidden, 'open finding')}` };
  if (exempt > 0) return { hold: 'exempt', why: `${sayCount(exempt, 'finding')} exempt` };
  if (outside > 0)
    return { hold: 'pilot', why: `${sayCount(outside, 'server')} outside the projects of the pilot` };
  return { hold: 'nothing', why: 'nothing is asked' };
}
