/** Tells owners what a campaign does to their servers: of stops and cold migrations before, of live moves on the night. */
import type { Context, StepScope } from '../context.ts';
import { type DrainPolicy, decideDrain } from '../domain/drain-policy.ts';
import type { Owner, Server } from '../domain/fleet.ts';
import type { LetterServer } from '../domain/letters.ts';
import { type LastMail, mailKey, nextMailAt } from '../domain/owner-notices.ts';
import type { RebootPlan } from '../domain/reboot-order.ts';
import { sayCount } from '../domain/say.ts';
import { attempt } from './attempt.ts';
import type { OwnerSettings } from './owner-settings.ts';
import { OWNER_MAILS, type ToTell, tellOwners } from './tell-owners.ts';

type Ctx = Context<OwnerSettings & Omit<DrainPolicy, 'owners'>>;

/** One mail an owner; those who had one within a day are told by the next campaign. A freeze or cancellation holds none back. */
export async function tellOwnersOf(ctx: Ctx, { held, order }: RebootPlan): Promise<void> {
  const { owners } = ctx.options;
  if (owners === undefined) return;
  const untold = new Set(held.flatMap(({ tell = [] }) => tell));
  if (untold.size > 0)
    await tellOwners(ctx, 'tell the owners', {
      noticeHours: owners.noticeHours,
      servers: async () => {
        const { servers } = await ctx.cloud.fleet();
        return servers.filter(({ id }) => untold.has(id)).flatMap((server) => asTold(ctx, server));
      },
    });
  const drained = new Set(order.map(({ name }) => name));
  if (drained.size > 0) await announceMoves(ctx, ({ hypervisor }) => drained.has(hypervisor));
}

function asTold(ctx: Ctx, server: Server): ToTell[] {
  const { does } = decideDrain(server, ctx.options);
  if (does !== 'stop' && does !== 'cold') return [];
  const { userId, metadata } = server;
  return [{ ...asNamed(server, does), userId, metadata }];
}

function asNamed({ id, name, projectId }: Server, how: LetterServer['how']): LetterServer {
  return { id, name, projectId, how, why: '', outlook: null };
}

/**
 * One mail to each project's contact of those servers that move while they run, where the site announces that. It
 * is a courtesy, so that whatever goes wrong with it is noted and no more.
 */
export async function announceMoves(ctx: Ctx, moves: (server: Server) => boolean): Promise<void> {
  if (!ctx.options.owners?.announceMoves) return;
  await ctx.lease('owner mails', 'tells owners');
  const options = { effect: 'idempotent' } as const;
  const said = await attempt(() =>
    ctx.step('announce the moves', options, (scope) => announce(ctx, scope, moves)),
  );
  await ctx.release('owner mails');
  ctx.note({
    subject: 'announcement of live moves',
    verdict: said.ok ? 'done' : 'failed',
    why: said.ok ? said.value : said.error.message,
  });
}

async function announce(ctx: Ctx, scope: StepScope, moves: (server: Server) => boolean): Promise<string> {
  const now = scope.now();
  const { servers } = await ctx.cloud.fleet();
  const moving = servers.filter(
    (server) => moves(server) && decideDrain(server, ctx.options).does === 'live',
  );
  const projects = Map.groupBy(moving, ({ projectId }) => projectId);
  const contacts = await ctx.cloud.projectContacts([...projects.keys()]);
  const known = [...projects].flatMap(([id, aboard]) => {
    const contact = contacts[id];
    return contact === undefined ? [] : [{ contact, aboard }];
  });
  const mails = Object.fromEntries(await scope.table(OWNER_MAILS).all<LastMail>());
  let told = 0;
  for (const [address, theirs] of Map.groupBy(known, ({ contact }) => mailKey(contact.email))) {
    if (nextMailAt(mails[address], now) !== undefined) continue;
    const { contact } = theirs[0]!;
    const aboard = theirs.flatMap((one) => one.aboard);
    scope.mail(`moves to ${address}`, {
      to: [contact.email],
      ...(await letterOf(ctx, contact, aboard, now)),
    });
    scope.table(OWNER_MAILS).set(address, { at: now.toISOString(), run: ctx.runId });
    told += 1;
  }
  return `${sayCount(told, 'mail')} for ${sayCount(projects.size, 'project')}; ${sayCount(projects.size - known.length, 'project')} without a contact`;
}

async function letterOf(ctx: Ctx, { name, by }: Owner, aboard: readonly Server[], now: Date) {
  return ctx.letter('reboot-notice', {
    owner: { name: name ?? null, by },
    hypervisor: '',
    why: '',
    servers: aboard.map((server) => asNamed(server, 'live')),
    hypervisors: [],
    reminder: false,
    earliest: now.toISOString(),
    deadline: now.toISOString(),
  });
}
