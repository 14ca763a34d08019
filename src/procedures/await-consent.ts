/** Waits until each server that cannot be moved has ended, or its owner has agreed that it is stopped and started again. */
import type { Context, StepScope } from '../context.ts';
import {
  type Answer,
  answerOf,
  askingNow,
  mayBeDue,
  type Question,
  remindAt,
  type Standing,
  sayAnswer,
  standingOf,
} from '../domain/consent.ts';
import type { Agreements } from '../domain/drain-policy.ts';
import type { Server } from '../domain/fleet.ts';
import { serverName } from '../domain/names.ts';
import {
  type LastMail,
  mailKey,
  type Notice,
  nextMailAt,
  type Refusal,
  standingNotice,
  standingRefusal,
} from '../domain/owner-notices.ts';
import { sayCount, sayInstant, sayList } from '../domain/say.ts';
import {
  type AskingOf,
  askOwners,
  type ConsentSettings,
  momentOf,
  OWNER_QUESTIONS,
  readOpen,
} from './ask-owners.ts';
import { attempt } from './attempt.ts';
import { asCourtesy, noteWait, type Term } from './note-wait.ts';
import type { OwnerRules } from './owner-settings.ts';
import { type Pinned, pinnedAboard } from './pinned-aboard.ts';
import { OWNER_MAILS, OWNER_NOTICES, OWNER_REFUSALS, sayLater, sayTold } from './tell-owners.ts';

type Consenting = Context<ConsentSettings & { readonly waitDays: number }>;

type Agreed = {
  readonly id: string;
  readonly name: string;
  readonly by: 'owner' | 'operator';
  readonly why: string;
};

type Refused = { readonly id: string; readonly name: string; readonly why: string };

type Seen =
  | { readonly is: 'free'; readonly agreed: readonly Agreed[] }
  /** Somebody is to be asked or reminded. */
  | { readonly is: 'untold' }
  /** An operator has noted that they may not be stopped. */
  | { readonly is: 'refused'; readonly refused: readonly Refused[] }
  | { readonly is: 'over'; readonly why: string };

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/**
 * Asks the owners, waits for their answers, reminds them once, until the deadline or an operator's no. What they agree
 * to is done no sooner than the notice is old enough; where one does not agree, `otherwise` says how it goes on.
 */
export async function awaitConsent(
  ctx: Consenting,
  name: string,
  { need, rules }: { readonly need: string; readonly rules: OwnerRules },
): Promise<{ readonly agreed: Agreements } | { readonly inVain: string }> {
  const since = ctx.now();
  const after = (days: number): Date => new Date(since.getTime() + days * DAY_MS);
  const deadline = after(rules.deadlineDays);
  const mostDays =
    rules.otherwise === 'wait' ? Math.max(rules.deadlineDays, ctx.options.waitDays) : rules.deadlineDays;
  const asking: AskingOf = { hypervisor: name, need, deadline, remindAt: remindAt(deadline, rules), rules };
  const wait = {
    why: `the servers pinned to ${name} to end, or their owners to agree to a stop`,
    // What the deadline comes to is for the look to say.
    withinMs: (mostDays + 1) * DAY_MS,
    everyMs: ctx.options.waitPollSeconds * 1000,
  };
  let isExpected = false;
  for (let round = 1; ; round += 1) {
    const nth = round === 1 ? '' : `, round ${round}`;
    const asked = await askOwners(ctx, `tell the owners on ${name}${nth}`, asking);
    // One who could not be told, for whatever reason, is not tried again at once.
    const isVain: boolean = asked === 'failed' || (isExpected && asked === 'nothing');
    const again: Date = new Date(ctx.now().getTime() + (isVain ? HOUR_MS : 0));
    const seen = await attempt(() =>
      ctx.waitUntil<Seen>(`answers of the owners on ${name}${nth}`, wait, (scope) =>
        look(ctx, name, { scope, asking, again, term: { since, until: after(mostDays) } }),
      ),
    );
    if (!seen.ok) return { inVain: seen.error.message };
    if (seen.value.is === 'over') return { inVain: seen.value.why };
    if (seen.value.is === 'free') return noteAgreed(ctx, seen.value.agreed);
    if (seen.value.is === 'refused')
      await rememberRefused(ctx, `remember who refused on ${name}${nth}`, seen.value.refused);
    isExpected = seen.value.is === 'untold';
  }
}

/** No question of this run is open any more; repeating it finds none. */
export async function dropQuestions(ctx: Context<unknown>, { table }: StepScope): Promise<void> {
  for (const [id, { run }] of await table(OWNER_QUESTIONS).all<Question>())
    if (run === ctx.runId) table(OWNER_QUESTIONS).delete(id);
}

function noteAgreed(ctx: Consenting, agreed: readonly Agreed[]): { readonly agreed: Agreements } {
  for (const { name, why } of agreed) ctx.note({ subject: `server ${name}`, verdict: 'agreed', why });
  return { agreed: Object.fromEntries(agreed.map(({ id, by }) => [id, by])) };
}

/** So that no other run asks them again. */
async function rememberRefused(ctx: Consenting, key: string, refused: readonly Refused[]): Promise<void> {
  await ctx.step(key, { effect: 'idempotent' }, async ({ table, now }) => {
    for (const { id, why } of refused) {
      table(OWNER_REFUSALS).set(id, { why, at: now().toISOString() } satisfies Refusal);
      table(OWNER_QUESTIONS).delete(id);
    }
  });
  for (const { name, why } of refused) ctx.note({ subject: `server ${name}`, verdict: 'refused', why });
}

interface Look {
  readonly scope: StepScope;
  readonly asking: AskingOf;
  readonly again: Date;
  readonly term: Term;
}

/** A server that is in the way, and where its question stands; held ones are in nobody's hands here. */
interface Judged {
  readonly server: Server;
  readonly why: string;
  readonly isHeld: boolean;
  readonly notice: Notice | undefined;
  readonly answer: Answer | undefined;
  readonly standing: Standing;
}

async function look(ctx: Consenting, name: string, at: Look): Promise<Seen | undefined> {
  const { scope, asking, again, term } = at;
  const { rules, deadline } = asking;
  const aboard = await pinnedAboard(ctx, name);
  if (aboard === undefined) return undefined;
  const judged = await judge(ctx, scope, { aboard: aboard.filter(isInTheWay), rules });
  const open = judged.filter(({ standing }) => standing.is !== 'agreed');
  if (open.length === 0) return { is: 'free', agreed: judged.flatMap(asAgreed) };
  const refused = judged.flatMap(asRefused);
  const fresh = refused.filter((one) => one.fresh);
  if (fresh.length > 0)
    return { is: 'refused', refused: fresh.map(({ id, name, why }) => ({ id, name, why })) };
  if (refused.length > 0 && rules.otherwise === 'give-back')
    return {
      is: 'over',
      why: `${sayCount(refused.length, 'server')} may not be stopped: ${listed(judged, 'refused')}`,
    };
  if (scope.now() >= term.until) {
    const by = sayInstant(rules.otherwise === 'wait' ? term.until : deadline, 'UTC');
    const why = `${sayCount(open.length, 'server')} neither ended nor may be stopped by ${by}: ${listed(judged)}`;
    return { is: 'over', why };
  }
  if (scope.now() >= again && (await isSomebodyToBeAsked(ctx, scope, { judged, rules })))
    return { is: 'untold' };
  await asCourtesy(scope, async () => {
    await noteWait(ctx, scope, { name, ...term, servers: judged.map(asInTheWay) });
    await noteServers(ctx, scope, judged);
  });
  return undefined;
}

const GONE = new Set<Pinned['decision']['does']>(['stays', 'live', 'cold']);

function isInTheWay({ decision }: Pinned): boolean {
  return !GONE.has(decision.does);
}

async function judge(
  { runId }: Consenting,
  { table, now, answer }: StepScope,
  { aboard, rules }: { readonly aboard: readonly Pinned[]; readonly rules: OwnerRules },
): Promise<Judged[]> {
  const notices = Object.fromEntries(await table(OWNER_NOTICES).all<Notice>());
  const refusals = Object.fromEntries(await table(OWNER_REFUSALS).all<Refusal>());
  const judged = aboard.map(async ({ server, decision, because }): Promise<Judged> => {
    const notice = standingNotice(notices, server.id, { now: now(), run: runId });
    if (because === undefined) {
      const why = 'why' in decision ? `it ${decision.why}` : 'it moves';
      const standing = { is: 'open', why } as const;
      return { server, why: server.pinned ?? '', isHeld: true, notice, answer: undefined, standing };
    }
    const said = answerOf(server, await answer(`stop ${server.id}`));
    const refusal = standingRefusal(refusals, server.id, now());
    const standing = standingOf(
      { answer: said, notice, refusal },
      { now: now(), noticeHours: rules.noticeHours },
    );
    return { server, why: because, isHeld: false, notice, answer: said, standing };
  });
  return Promise.all(judged);
}

function asAgreed({ server: { id, name }, standing }: Judged): Agreed[] {
  return standing.is === 'agreed' ? [{ id, name, by: standing.answer.by, why: standing.answer.why }] : [];
}

function asRefused({ server: { id, name }, standing }: Judged) {
  return standing.is === 'refused' ? [{ id, name, why: standing.why, fresh: standing.fresh }] : [];
}

function listed(judged: readonly Judged[], only?: Standing['is']): string {
  const said = judged.flatMap(({ server, standing }) =>
    standing.is === 'agreed' || (only !== undefined && standing.is !== only)
      ? []
      : [`${serverName(server)} (${standing.why})`],
  );
  return sayList(said, 3);
}

/** Judged as it will be when they are asked; Keystone is asked for those alone that may be due. */
async function isSomebodyToBeAsked(
  ctx: Consenting,
  scope: StepScope,
  { judged, rules }: { readonly judged: readonly Judged[]; readonly rules: OwnerRules },
): Promise<boolean> {
  const known = await scope.table(OWNER_QUESTIONS).all<Question>();
  const askable = judged.filter(({ isHeld, standing }) => !isHeld && standing.is !== 'refused');
  const mine = askable.map((one) => ({ ...one, question: known.get(one.server.id) }));
  if (mine.some(({ question }) => question?.run !== ctx.runId)) return true;
  const pending = mine.flatMap(({ server, question, notice, answer }) =>
    question !== undefined && mayBeDue(question, { notice, answer, now: scope.now() })
      ? [{ server, question }]
      : [],
  );
  if (pending.length === 0) return false;
  const { digests, unowned } = askingNow(await readOpen(ctx, scope, pending), await momentOf(rules, scope));
  return digests.length + unowned.length > 0;
}

function asInTheWay({ server, why, isHeld, notice, answer, standing }: Judged) {
  const asked = isHeld && standing.is === 'open' ? standing.why : sayAnswer(standing, { answer, notice });
  return { server, why, notice, asked, isOpen: !isHeld && standing.is === 'open' && answer === undefined };
}

/** Who was told, who is told later because of an earlier mail, and for whom somebody else has to ask. */
async function noteServers(ctx: Consenting, scope: StepScope, judged: readonly Judged[]): Promise<void> {
  const untold = judged.filter(
    ({ isHeld, notice, standing }) => !isHeld && !notice && standing.is === 'open',
  );
  const owners = untold.length === 0 ? {} : await ctx.cloud.owners(untold.map(({ server }) => server));
  const mails = Object.fromEntries(await scope.table(OWNER_MAILS).all<LastMail>());
  for (const { server, notice, isHeld, standing } of judged) {
    if (isHeld || standing.is === 'refused') continue;
    const subject = `server ${server.name}`;
    const email = owners[server.id]?.email;
    const next = email === undefined ? undefined : nextMailAt(mails[mailKey(email)], scope.now());
    if (notice !== undefined) ctx.note({ subject, ...sayAsked(notice) });
    else if (email !== undefined && next !== undefined) ctx.note({ subject, ...sayLater(email, next) });
  }
}

function sayAsked(notice: Notice): { verdict: string; why: string } {
  const { verdict, why } = sayTold(notice);
  const how = `; nightshift approve … 'stop <server id>' agrees to a stop for its owner`;
  return { verdict, why: why + (notice.email === null ? how : ', and asked to agree to stop and start') };
}
