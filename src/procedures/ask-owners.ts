/** Asks owners whether their servers may be stopped: one mail an owner for all hypervisors that wait, and one reminder. */
import type { Context, StepScope } from '../context.ts';
import {
  answerOf,
  askingNow,
  type Digest,
  earliestOf,
  type OpenQuestion,
  type Question,
} from '../domain/consent.ts';
import { rebootReason } from '../domain/cordon.ts';
import { decideDrain } from '../domain/drain-policy.ts';
import type { Owner, Server } from '../domain/fleet.ts';
import type { LetterFacts, LetterServer } from '../domain/letters.ts';
import { type Life, outlookOf, sayOutlook } from '../domain/lifetimes.ts';
import {
  type LastMail,
  mailKey,
  type Notice,
  type Refusal,
  standingNotice,
  standingRefusal,
} from '../domain/owner-notices.ts';
import { attempt } from './attempt.ts';
import type { TargetSettings } from './migration-target.ts';
import type { OwnerRules, OwnerSettings } from './owner-settings.ts';
import { type Pinned, pinnedAboard } from './pinned-aboard.ts';
import { LIVES } from './remember-lives.ts';
import { OWNER_MAILS, OWNER_NOTICES, OWNER_REFUSALS } from './tell-owners.ts';

/** Server id → `Question`, of every run that waits. */
export const OWNER_QUESTIONS = 'owner-questions';

export type ConsentSettings = Omit<TargetSettings, 'owners'> &
  OwnerSettings & { readonly waitPollSeconds: number };

export interface AskingOf {
  readonly hypervisor: string;
  /** Why it is rebooted. */
  readonly need: string;
  readonly deadline: Date;
  readonly remindAt: Date | null;
  readonly rules: OwnerRules;
}

type Asked = 'asked' | 'nothing' | 'failed';

/**
 * Puts the questions of a hypervisor beside those of others, and sends its owners what is due, about whichever
 * hypervisor it is: see `askingNow`. A failure is noted and stops nothing, because without a notice nothing is
 * done to a server.
 */
export async function askOwners(
  ctx: Context<ConsentSettings>,
  key: string,
  asking: AskingOf,
): Promise<Asked> {
  if (!ctx.acting) return 'nothing';
  // Two runs that tell the same owner in one moment would each take theirs for the first mail of the day.
  await ctx.lease('owner mails', 'tells owners');
  const asked = await attempt(() =>
    ctx.step<Asked>(key, { effect: 'idempotent' }, (scope) => ask(ctx, scope, asking)),
  );
  await ctx.release('owner mails');
  if (asked.ok) return asked.value;
  ctx.note({ subject: `owners of ${asking.hypervisor}`, verdict: 'not told', why: asked.error.message });
  return 'failed';
}

async function ask(ctx: Context<ConsentSettings>, scope: StepScope, asking: AskingOf): Promise<Asked> {
  const known = await scope.table(OWNER_QUESTIONS).all<Question>();
  const own = await ownQuestions(ctx, scope, { asking, known });
  const others = await standingQuestions(ctx, scope, known);
  const open = await readOpen(ctx, scope, [...own, ...others]);
  const isOwn = ({ question }: OpenQuestion) => question.run === ctx.runId;
  const owners = new Set(open.filter(isOwn).flatMap(({ owner }) => addressOf(owner)));
  const concerned = open.filter(
    (one) => isOwn(one) || addressOf(one.owner).some((address) => owners.has(address)),
  );

  const at = scope.now().toISOString();
  const { digests, unowned } = askingNow(concerned, await momentOf(asking.rules, scope));
  for (const digest of digests) await send(ctx, scope, digest);
  for (const { server, question } of unowned)
    scope
      .table(OWNER_NOTICES)
      .set(server.id, { email: null, by: null, at, run: question.run } satisfies Notice);
  const isAnyNew = own.some(({ server }) => known.get(server.id)?.run !== ctx.runId);
  return isAnyNew || digests.length + unowned.length > 0 ? 'asked' : 'nothing';
}

/** Puts those that are not put yet; of who has refused, and has said nothing else since, nothing is asked. */
async function ownQuestions(
  ctx: Context<ConsentSettings>,
  scope: StepScope,
  { asking, known }: { readonly asking: AskingOf; readonly known: ReadonlyMap<string, Question> },
): Promise<Standing[]> {
  const aboard = (await pinnedAboard(ctx, asking.hypervisor)) ?? [];
  const refusals = Object.fromEntries(await scope.table(OWNER_REFUSALS).all<Refusal>());
  const lives = Object.fromEntries(await scope.table(LIVES).all<Life>());
  const own: Standing[] = [];
  for (const { server, because } of aboard.filter(isAskable)) {
    const said = answerOf(server, await scope.answer(`stop ${server.id}`));
    const refusal = standingRefusal(refusals, server.id, scope.now());
    if (refusal !== undefined && said?.is !== 'yes') continue;
    const before = known.get(server.id);
    const outlook = sayOutlook(outlookOf(lives, server, scope.now())) ?? null;
    const isPut = before?.run === ctx.runId;
    const question = isPut ? before : questionOf(ctx, scope, { ...asking, why: because, outlook });
    if (!isPut) scope.table(OWNER_QUESTIONS).set(server.id, question);
    own.push({ server, question });
  }
  return own;
}

interface Standing {
  readonly server: Server;
  readonly question: Question;
}

/** Those whose owners can say something: what is held for another reason does not end by an answer. */
function isAskable(pinned: Pinned): pinned is Pinned & { readonly because: string } {
  return pinned.because !== undefined;
}

function questionOf(
  { runId }: Context<ConsentSettings>,
  { now }: StepScope,
  { hypervisor, need, deadline, remindAt, rules, why, outlook }: AskingOf & Pick<Question, 'why' | 'outlook'>,
): Question {
  return {
    run: runId,
    hypervisor,
    need,
    why,
    outlook,
    at: now().toISOString(),
    deadline: deadline.toISOString(),
    remindAt: remindAt?.toISOString() ?? null,
    noticeHours: rules.noticeHours,
  };
}

/** What other runs ask and still wait for: their servers are there and in the way, their hypervisors theirs. */
async function standingQuestions(
  { cloud, options, runId }: Context<ConsentSettings>,
  { table }: StepScope,
  known: ReadonlyMap<string, Question>,
): Promise<Standing[]> {
  const standing: Standing[] = [];
  for (const [id, question] of known) {
    if (question.run === runId) continue;
    const { disabled } = await cloud.service(question.hypervisor);
    if (disabled !== rebootReason(question.run)) {
      // Its run has ended and could not say so.
      table(OWNER_QUESTIONS).delete(id);
      continue;
    }
    const server = await cloud.server(id);
    if (server?.hypervisor !== question.hypervisor) continue;
    const { does } = decideDrain(server, options);
    if (does === 'pinned' || does === 'stop') standing.push({ server, question });
  }
  return standing;
}

/** With whatever is known of each now: its owner, what that was told, and what it answered. */
export async function readOpen(
  { cloud }: Context<unknown>,
  { table, answer, now }: StepScope,
  questions: readonly Standing[],
): Promise<OpenQuestion[]> {
  if (questions.length === 0) return [];
  const notices = Object.fromEntries(await table(OWNER_NOTICES).all<Notice>());
  const owners = await cloud.owners(questions.map(({ server }) => server));
  const open = questions.map(async ({ server, question }) => ({
    server,
    question,
    owner: owners[server.id],
    notice: standingNotice(notices, server.id, { now: now(), run: question.run }),
    answer: answerOf(server, await answer(`stop ${server.id}`, question.run)),
  }));
  return Promise.all(open);
}

export async function momentOf({ gatherMinutes }: OwnerRules, { table, now }: StepScope) {
  const mails = Object.fromEntries(await table(OWNER_MAILS).all<LastMail>());
  return { now: now(), mails, gatherMs: gatherMinutes * 60_000 };
}

function addressOf(owner: Owner | undefined): string[] {
  return owner === undefined ? [] : [mailKey(owner.email)];
}

async function send(ctx: Context<ConsentSettings>, scope: StepScope, digest: Digest): Promise<void> {
  const { owner, asked, reminded } = digest;
  const at = scope.now().toISOString();
  const letter = await ctx.letter('reboot-consent', factsOf(digest, scope.now()));
  scope.mail(`reboot-consent to ${mailKey(owner.email)} ${at}`, { to: [owner.email], ...letter });
  scope.table(OWNER_MAILS).set(mailKey(owner.email), { at, run: ctx.runId });
  const notices = scope.table(OWNER_NOTICES);
  for (const { server, question } of asked)
    notices.set(server.id, { email: owner.email, by: owner.by, at, run: question.run } satisfies Notice);
  for (const { server, notice } of reminded)
    notices.set(server.id, { ...notice!, remindedAt: at } satisfies Notice);
}

function factsOf(digest: Digest, now: Date): LetterFacts {
  const { owner, asked, reminded } = digest;
  const all = [...asked, ...reminded];
  const hypervisors = [...Map.groupBy(all, ({ question }) => question.hypervisor)].map(([name, theirs]) => ({
    name,
    why: theirs[0]!.question.need,
    deadline: theirs[0]!.question.deadline,
    servers: theirs.map(asLetterServer),
  }));
  const only = hypervisors.length === 1 ? hypervisors[0] : undefined;
  return {
    owner: { name: owner.name ?? null, by: owner.by },
    hypervisor: only?.name ?? '',
    why: only?.why ?? '',
    servers: all.map(asLetterServer),
    hypervisors,
    reminder: asked.length === 0,
    earliest: earliestOf(digest, now).toISOString(),
    deadline: hypervisors.map(({ deadline }) => deadline).toSorted()[0]!,
  };
}

function asLetterServer({ server: { id, name, projectId }, question }: OpenQuestion): LetterServer {
  return { id, name, projectId, how: 'ask', why: question.why, outlook: question.outlook };
}
