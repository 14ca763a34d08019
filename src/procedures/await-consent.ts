/** Waits until each server that cannot be moved has ended, or its owner has agreed that it is stopped and started again. */
import type { Context, StepScope } from '../context.ts';
import {
  type Agreements,
  type DrainDecision,
  type DrainPolicy,
  decideDrain,
} from '../domain/drain-policy.ts';
import { DRAIN_KEY } from '../domain/drain-wish.ts';
import type { Server } from '../domain/fleet.ts';
import { type Life, outlookOf, sayOutlook } from '../domain/lifetimes.ts';
import { serverName } from '../domain/names.ts';
import {
  earliestAfter,
  type LastMail,
  mailKey,
  type Notice,
  nextMailAt,
  sayNotice,
  standingNotice,
} from '../domain/owner-notices.ts';
import { sayCount, sayInstant, sayList } from '../domain/say.ts';
import { attempt } from './attempt.ts';
import type { OwnerRules, OwnerSettings } from './owner-settings.ts';
import { LIVES } from './remember-lives.ts';
import { OWNER_MAILS, OWNER_NOTICES, type ToTell, tellOwners } from './tell-owners.ts';

interface ConsentSettings extends Omit<DrainPolicy, 'owners'>, OwnerSettings {
  readonly waitPollSeconds: number;
}

type Consenting = Context<ConsentSettings>;

type Agreed = {
  readonly id: string;
  readonly name: string;
  readonly by: 'owner' | 'operator';
  readonly why: string;
};

type Seen =
  | { readonly is: 'free'; readonly agreed: readonly Agreed[] }
  /** Somebody is to be told who could not be told before. */
  | { readonly is: 'untold' }
  | { readonly is: 'over'; readonly why: string };

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/**
 * Tells the owners, waits for their answers, and tells those who could not be told before, until the deadline.
 * What they agree to is done no sooner than the notice is old enough.
 */
export async function awaitConsent(
  ctx: Consenting,
  name: string,
  { need, rules }: { readonly need: string; readonly rules: OwnerRules },
): Promise<{ readonly agreed: Agreements } | { readonly inVain: string }> {
  const deadline = new Date(ctx.now().getTime() + rules.deadlineDays * DAY_MS);
  const wait = {
    why: `the servers pinned to ${name} to end, or their owners to agree to a stop`,
    // What the deadline comes to is for the look to say.
    withinMs: (rules.deadlineDays + 1) * DAY_MS,
    everyMs: ctx.options.waitPollSeconds * 1000,
  };
  for (let round = 1; ; round += 1) {
    const nth = round === 1 ? '' : `, round ${round}`;
    await tellOwners(ctx, `tell the owners on ${name}${nth}`, {
      letter: 'reboot-consent',
      hypervisor: name,
      why: need,
      noticeHours: rules.noticeHours,
      deadline: deadline.toISOString(),
      servers: (scope) => pinnedToTell(ctx, name, scope),
    });
    // One who could not be told, for whatever reason, is not tried again at once.
    const again = new Date(ctx.now().getTime() + HOUR_MS);
    const seen = await attempt(() =>
      ctx.waitUntil<Seen>(`answers of the owners on ${name}${nth}`, wait, (scope) =>
        look(ctx, name, { scope, deadline, again, noticeHours: rules.noticeHours }),
      ),
    );
    if (!seen.ok) return { inVain: seen.error.message };
    if (seen.value.is === 'over') return { inVain: seen.value.why };
    if (seen.value.is === 'free') return noteAgreed(ctx, seen.value.agreed);
  }
}

function noteAgreed(ctx: Consenting, agreed: readonly Agreed[]): { readonly agreed: Agreements } {
  for (const { name, why } of agreed) ctx.note({ subject: `server ${name}`, verdict: 'agreed', why });
  return { agreed: Object.fromEntries(agreed.map(({ id, by }) => [id, by])) };
}

interface Look {
  readonly scope: StepScope;
  readonly deadline: Date;
  readonly again: Date;
  readonly noticeHours: number;
}

async function look(
  ctx: Consenting,
  name: string,
  { scope, deadline, again, noticeHours }: Look,
): Promise<Seen | undefined> {
  const now = scope.now();
  const aboard = await pinnedAboard(ctx, name);
  if (aboard === undefined) return undefined;
  const notices = Object.fromEntries(await scope.table(OWNER_NOTICES).all<Notice>());
  const agreed: Agreed[] = [];
  const open: string[] = [];
  const untold: Server[] = [];
  for (const { server, decision } of aboard) {
    if (!ASKED.has(decision.does)) {
      open.push(`${serverName(server)} (it ${'why' in decision ? decision.why : 'moves'})`);
      continue;
    }
    const notice = standingNotice(notices, server.id, { now, run: ctx.runId });
    const yes = await agreementOf(server, scope);
    if (notice === undefined) untold.push(server);
    const told = notice === undefined ? 'its owner is not told yet' : sayNotice(notice);
    if (yes === undefined) open.push(`${serverName(server)} (${told})`);
    else if (notice === undefined) open.push(`${serverName(server)} (${told}; ${yes.why})`);
    else if (notice.email !== null && earliestAfter(notice, noticeHours) > now)
      open.push(`${serverName(server)} (${told}, and the notice is not old enough)`);
    else agreed.push(yes);
  }
  if (open.length === 0) return { is: 'free', agreed };
  if (now >= deadline)
    return {
      is: 'over',
      why: `${sayCount(open.length, 'server')} neither ended nor may be stopped by ${sayInstant(deadline, 'UTC')}: ${sayList(open, 3)}`,
    };
  return now >= again && (await maySomebodyBeTold(ctx, untold, scope)) ? { is: 'untold' } : undefined;
}

/** What its owner says on the server itself, or said to an operator. */
async function agreementOf(server: Server, scope: StepScope): Promise<Agreed | undefined> {
  const { id, name } = server;
  const own = server.metadata[DRAIN_KEY];
  if (own === 'stop')
    return { id, name, by: 'owner', why: `its owner agrees to a stop (${DRAIN_KEY} = stop)` };
  // Any other word of its owner is newer than what an operator was told, or contradicts it.
  if (own !== undefined && own !== 'ask') return undefined;
  const said = await scope.answer(`stop ${id}`);
  if (said?.answer !== 'yes') return undefined;
  return { id, name, by: 'operator', why: `${said.by} noted that its owner agrees to a stop: ${said.why}` };
}

async function maySomebodyBeTold(
  { cloud }: Consenting,
  untold: readonly Server[],
  { table, now }: StepScope,
): Promise<boolean> {
  if (untold.length === 0) return false;
  const owners = await cloud.owners(untold);
  const mails = Object.fromEntries(await table(OWNER_MAILS).all<LastMail>());
  return untold.some(({ id }) => {
    const owner = owners[id];
    return owner === undefined || nextMailAt(mails[mailKey(owner.email)], now()) === undefined;
  });
}

async function pinnedToTell(ctx: Consenting, name: string, scope: StepScope): Promise<readonly ToTell[]> {
  const lives = Object.fromEntries(await scope.table(LIVES).all<Life>());
  const aboard = (await pinnedAboard(ctx, name)) ?? [];
  const asked = aboard.filter(({ decision }) => ASKED.has(decision.does));
  return asked.map(({ server }) => ({
    id: server.id,
    name: server.name,
    projectId: server.projectId,
    userId: server.userId,
    metadata: server.metadata,
    how: 'ask',
    why: server.pinned ?? '',
    outlook: sayOutlook(outlookOf(lives, server, scope.now())) ?? null,
  }));
}

type Pinned = { readonly server: Server; readonly decision: DrainDecision };

const ASKED = new Set<DrainDecision['does']>(['pinned', 'stop']);
const GONE = new Set<DrainDecision['does']>(['stays', 'live', 'cold']);

/** Those on a device that are in the way; undefined while a cell is down, which hides what is aboard. */
async function pinnedAboard(
  { cloud, options }: Consenting,
  name: string,
): Promise<readonly Pinned[] | undefined> {
  const pinned: Pinned[] = [];
  for (const { id, status } of (await cloud.occupancy(name)).servers) {
    if (status === 'UNKNOWN') return undefined;
    const server = await cloud.server(id);
    if (server?.pinned === undefined) continue;
    const decision = decideDrain(server, options);
    if (!GONE.has(decision.does)) pinned.push({ server, decision });
  }
  return pinned;
}
