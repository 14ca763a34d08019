/** Writes to owners, and to contacts of projects, what was decided: each mail once, in the step that remembers it. */
import type { Context, StepScope } from '../context.ts';
import {
  type ComplianceDay,
  type ComplianceTrend,
  complianceMail,
  describeCompliance,
  trendOf,
} from '../domain/compliance-report.ts';
import { endingSoon } from '../domain/exemptions.ts';
import type { Letter } from '../domain/letters.ts';
import { isContactRow, type NoticeRow } from '../domain/notice-log.ts';
import type { Decision, Hold } from '../domain/notice-round.ts';
import { mailKey } from '../domain/owner-notices.ts';
import { changedStandings, type OwnerStanding, standingAfter } from '../domain/owner-standing.ts';
import { factsOfNotices } from '../domain/patch-facts.ts';
import { PATCH_MAILED, PATCH_NOTICES, PATCH_OWNERS, PATCH_TRENDS } from '../domain/patch-memory.ts';
import { type Decided, decisionsOf, type Sending, whyNoMails } from './decide-notices.ts';
import { exemptionsIn, type Sights, type Standing, writeRows } from './judge-servers.ts';
import type { PatchSettings } from './patch-settings.ts';

type Ctx = Context<PatchSettings>;

type Sent = {
  readonly to: string;
  readonly kind: string;
  readonly servers: number;
  readonly why: string;
};

/** What a step has posted. */
type Posted = {
  readonly sent: readonly Sent[];
  /** So many are still to be sent. */
  readonly left: number;
  /** Why they are not sent after all. */
  readonly stopped?: string;
};

/** What was decided, as it is journalled. */
type Outlook = {
  readonly toSend: number;
  /** Rows about people who get no mail now. */
  readonly toRemember: number;
  /** Of all owners of findings: how many get none, by why. */
  readonly held: Readonly<Partial<Record<Hold, number>>>;
  readonly report: { readonly headline: string; readonly lines: readonly string[] };
  readonly mail: { readonly subject: string; readonly text: string };
  readonly trend: ComplianceTrend;
  /** It differs from the last one, or a finding came or went. */
  readonly isNew: boolean;
};

export interface Notified {
  readonly outlook: Outlook;
  readonly sent: readonly Sent[];
  /** Notices that are kept back after all, and why. */
  readonly kept?: { readonly count: number; readonly why: string };
}

/** Letters in one step: all of them leave, and are remembered, or none is. */
const MAILS_AT_ONCE = 50;

/**
 * Decides for every owner and, where the run may act, sends. A run that is taken up decides anew upon what was
 * sent by then, so that who has a mail gets no second one, and who has none gets it.
 */
export async function notifyOwners(ctx: Ctx, sights: Sights, standing: Standing): Promise<Notified> {
  const decisions = decisionsOf(ctx, sights, standing);
  const outlook = await ctx.step('decide', { effect: 'read' }, async (scope) => {
    const decided = await decisions.decide(scope);
    await writeStandings(ctx, scope, decided);
    return outlookOf(ctx, scope, decided);
  });
  const sent: Sent[] = [];
  let left = ctx.acting ? outlook.toSend + outlook.toRemember : 0;
  for (let n = 1; left > 0; n += 1) {
    const posted: Posted = await ctx.step(`tell ${n}`, { effect: 'idempotent' }, async (scope) =>
      post(ctx, scope, await decisions.decide(scope), standing),
    );
    settle(decisions.decided, posted);
    sent.push(...posted.sent);
    if (posted.stopped !== undefined)
      return { outlook, sent, kept: { count: posted.left, why: posted.stopped } };
    left = posted.left;
  }
  return { outlook, sent };
}

async function outlookOf(ctx: Ctx, scope: StepScope, decided: Decided): Promise<Outlook> {
  const { sight, notices, answering, queue, rows, round } = decided;
  const { counts, ambiguous, nobody } = sight.judgement;
  const trends = [...(await scope.table(PATCH_TRENDS).all<ComplianceTrend>())];
  const before = trends.toSorted(([a], [b]) => (a < b ? -1 : 1)).at(-1)?.[1];
  const exemptions = [...ctx.options.policy.exemptions, ...(await exemptionsIn(scope))];
  const day: ComplianceDay = {
    at: round.now,
    zone: sight.zone,
    feed: sight.poll.feed,
    warnings: sight.poll.warnings,
    counts,
    ...(before && { before }),
    notices,
    ambiguous,
    nobody,
    unowned: answering.unowned,
    bounced: [...notices.owners, ...notices.contacts].flatMap((one) =>
      'hold' in one && one.hold === 'bounced'
        ? [{ address: one.to.email, why: round.unreachable.get(mailKey(one.to.email)) ?? '' }]
        : [],
    ),
    ending: endingSoon(exemptions, { now: round.now, zone: sight.zone }),
  };
  const trend = trendOf(day);
  const held: Partial<Record<Hold, number>> = {};
  for (const one of notices.owners) if ('hold' in one) held[one.hold] = (held[one.hold] ?? 0) + 1;
  return {
    toSend: queue.length,
    toRemember: rows.size,
    held,
    report: describeCompliance(day),
    mail: complianceMail(day),
    trend,
    isNew:
      counts.opened + counts.resolved > 0 ||
      JSON.stringify({ ...before, at: '' }) !== JSON.stringify({ ...trend, at: '' }),
  };
}

async function post(ctx: Ctx, scope: StepScope, decided: Decided, { takenAt }: Standing): Promise<Posted> {
  const { queue, rows, round, answering, sight } = decided;
  writeRows(scope, sight.unwritten, sight.unwritten.size);
  if (ctx.options.to === undefined) for (const [key, row] of rows) writeRow(scope, key, row);
  const stopped = await whyNoMails(ctx, scope);
  if (stopped !== undefined) return { sent: [], left: queue.length, stopped };
  const factsOf = factsOfNotices(round, { askedAt: takenAt, projects: answering.projects });
  const batch = queue.slice(0, MAILS_AT_ONCE);
  for (const decision of batch) {
    const letter = await ctx.letter('patch-notice', factsOf(decision.send));
    if (ctx.options.to === undefined) await send(ctx, scope, { decided, decision, letter });
    else redirect(scope, decision, { to: ctx.options.to, letter });
  }
  return { sent: batch.map(sentOf), left: queue.length - batch.length };
}

/** The mail, and that it was sent, leave with the same end of a step. */
async function send(
  ctx: Ctx,
  scope: StepScope,
  { decided, decision, letter }: { decided: Decided; decision: Sending; letter: Letter },
): Promise<void> {
  const { key, send: notice } = decision;
  const { id, thread, period, to } = notice;
  scope.mail(id, { to: [to.email], ...letter, id, thread });
  writeRow(scope, key, decision.row);
  const mailed = scope.table(PATCH_MAILED);
  mailed.set(period, ((await mailed.get<number>(period)) ?? 0) + 1);
  if (!isContactRow(key)) scope.table(PATCH_OWNERS).set(key, standingOf(ctx, decision, decided));
}

/** It has no name of its own: what an owner gets later is another mail. */
function redirect(
  scope: StepScope,
  { send: { id, to: owner } }: Sending,
  { to, letter }: { readonly to: string; readonly letter: Letter },
): void {
  scope.mail(id, { to: [to], ...letter, subject: `[for ${owner.email}] ${letter.subject}` });
}

/** For people who ask about an owner; of who gets a mail it is written with the mail. */
async function writeStandings(ctx: Ctx, { table }: StepScope, decided: Decided): Promise<void> {
  if (ctx.options.to !== undefined) return;
  const known = await table(PATCH_OWNERS).all<OwnerStanding>();
  const { notices, answering } = decided;
  const standings = notices.owners.map((decision) => standingOf(ctx, decision, decided));
  const willBeTold = new Set(ctx.acting ? decided.queue.map(({ key }) => key) : []);
  for (const [key, standing] of changedStandings(known, standings, answering)) {
    if (standing === null) table(PATCH_OWNERS).delete(key);
    else if (!willBeTold.has(key)) table(PATCH_OWNERS).set(key, standing);
  }
}

function standingOf(
  { acting, runId }: Ctx,
  decision: Decision,
  { ownedBy, round: { now } }: Decided,
): OwnerStanding {
  return standingAfter(decision, ownedBy.get(decision.key) ?? [], { acting, now, run: runId });
}

function writeRow({ table }: StepScope, key: string, row: NoticeRow | null | undefined): void {
  if (row === null) table(PATCH_NOTICES).delete(key);
  else if (row !== undefined) table(PATCH_NOTICES).set(key, row);
}

function sentOf({ send: { to, kind, servers }, why }: Sending): Sent {
  return { to: to.email, kind, servers: servers.length, why };
}

/** What is done is no more to be done. Nothing was done here where the journal answered. */
function settle(made: Decided | undefined, { sent }: Posted): void {
  made?.queue.splice(0, sent.length);
  made?.rows.clear();
  made?.sight.unwritten.clear();
}
