/** Stops a server for the reboot of its hypervisor, as its owner wishes, and starts it again afterwards. */
import type { Context } from '../context.ts';
import { decideDrain } from '../domain/drain-policy.ts';
import { PermanentError } from '../domain/failure.ts';
import type { Cloud } from '../domain/fleet.ts';
import { serverName } from '../domain/names.ts';
import { sayCount, sayList } from '../domain/say.ts';
import { whoActed } from '../domain/who-acted.ts';
import { attempt } from './attempt.ts';
import type { Moved } from './cordon.ts';
import type { Guest, Move } from './guest.ts';
import { type MigrateSettings, timeFor } from './migrate.ts';
import { turnOf } from './migration-target.ts';
import { poll } from './pause.ts';

export type Stopped = { readonly how: 'stopped' | 'deleted' };

/** A server that we stopped, or were about to stop. */
interface ToStart {
  readonly id: string;
  readonly name: string;
  /** The newest action of it before we asked. */
  readonly action: string | null;
}

const START_MS = 10 * 60_000;

/**
 * Asks the guest to shut down where it is; the way back is written down first. Whether we or somebody else
 * stopped it is told by Nova's actions when it is to be started again. Permanent error when it still runs.
 */
export async function stopGuest(ctx: Context<MigrateSettings>, { guest, from, key }: Move): Promise<Stopped> {
  const withinMs = timeFor(guest, ctx.options);
  return ctx.step<Stopped>(
    key,
    {
      effect: 'verify',
      disruptive: true,
      inputs: { action: guest.action },
      timeoutMs: withinMs + 60_000,
      async verify() {
        const how = await isDown(ctx.cloud, guest);
        return how === undefined ? { happened: 'no' } : { happened: 'yes', value: { how } };
      },
    },
    async (scope) => {
      const { signal, revoked, timers, log } = scope;
      const whyItWaits = turnOf(ctx, guest, scope);
      let asked = false;
      let pending = 'it does not shut down';
      const look = async (): Promise<Stopped['how'] | undefined> => {
        const how = await isDown(ctx.cloud, guest);
        if (how !== undefined || asked) return how;
        // From here on it is seen through: whoever puts things back starts it again.
        revoked.throwIfAborted();
        const server = await ctx.cloud.server(guest.id);
        const decision = server && decideDrain(server, ctx.options);
        if (decision === undefined) return 'deleted';
        if (decision.does === 'waits') pending = `it ${decision.why}`;
        else if (decision.does !== 'stop')
          throw new PermanentError(
            `${serverName(guest)} is not stopped: ${'why' in decision ? `it ${decision.why}` : 'what its owner wishes has changed'}`,
          );
        const waits = await whyItWaits();
        pending = waits ?? pending;
        if (waits !== undefined || decision.does === 'waits') return undefined;
        await ctx.handback.write(subjectOf(guest), [
          `# ${guest.name} on ${from} is stopped for a reboot, as its owner wishes`,
          `openstack server start ${guest.id}`,
        ]);
        await ctx.cloud.stop(guest.id);
        asked = true;
        pending = 'it does not shut down';
        log.info('it is asked to stop, as its owner wishes', { server: guest.name });
        return undefined;
      };
      const how = await poll(look, { everyMs: ctx.options.pollMs, withinMs, signal, timers });
      if (how === undefined) throw new PermanentError(`${serverName(guest)} is not stopped: ${pending}`);
      return { how };
    },
  );
}

/**
 * Starts the server where it is, unless somebody acted on it since we stopped it: then it is theirs, and the
 * way back is theirs too. Asked again, it waits for what it asked for before. Permanent error when it does not run.
 */
async function startAgain(
  ctx: Context<{ readonly pollMs: number }>,
  name: string,
  guest: ToStart,
): Promise<void> {
  const { id } = guest;
  const options = { effect: 'idempotent', timeoutMs: START_MS + 5 * 60_000 } as const;
  const said = await ctx.step<string | null>(`start ${id} on ${name}`, options, async (scope) => {
    const { signal, timers, log } = scope;
    const look = async (): Promise<string | undefined> => {
      const server = await ctx.cloud.server(id);
      if (server === undefined) return 'it was deleted meanwhile';
      if (server.task !== undefined) return undefined;
      const acted = whoActed(await ctx.cloud.actions(id), guest.action);
      if (acted.is === 'nobody') return 'it was not stopped by us';
      if (acted.is === 'somebody')
        return `somebody acted on it since (${acted.action}), so it is left as it is`;
      if (server.status === 'ACTIVE') return STARTED;
      if (server.status !== 'SHUTOFF')
        throw new PermanentError(`${serverName(guest)} is in ${server.status}`);
      if (acted.started) throw new PermanentError(`${serverName(guest)} does not stay up`);
      await ctx.cloud.start(id);
      log.info('it is asked to start again', { server: guest.name });
      return undefined;
    };
    const ended = await poll(look, { everyMs: ctx.options.pollMs, withinMs: START_MS, signal, timers });
    if (ended === undefined) throw new PermanentError(`${serverName(guest)} does not start`);
    await ctx.handback.clear(subjectOf(guest));
    if (ended === STARTED) return null;
    scope.skipped(ended);
    return ended;
  });
  ctx.note({
    subject: `server ${guest.name}`,
    verdict: said === null ? 'started again' : 'left',
    why: said ?? `it was stopped for the reboot of ${name}, as its owner wishes`,
  });
}

/** Every server that a drain stopped; the first error of those that do not start, after all were tried. */
export async function startAllAgain(
  ctx: Context<{ readonly pollMs: number }>,
  name: string,
  touched: readonly Moved[],
): Promise<Error | undefined> {
  const errors: Error[] = [];
  for (const guest of touched.filter(({ by }) => by === 'stop')) {
    const started = await attempt(() => startAgain(ctx, name, guest));
    if (!started.ok) errors.push(started.error);
  }
  return errors[0];
}

/** `1 server is stopped for it: db-1 3f2a…`; undefined when there is none. */
export function sayStopped(touched: ReadonlyMap<string, Moved>): string | undefined {
  const names = [...touched.values()].filter(({ by }) => by === 'stop').map(serverName);
  if (names.length === 0) return undefined;
  const are = names.length === 1 ? 'is' : 'are';
  return `${sayCount(names.length, 'server')} ${are} stopped for it: ${sayList(names, 3)}`;
}

const STARTED = 'started';

/** Undefined while it runs, or while something is being done to it. */
async function isDown(cloud: Cloud, { id }: Pick<Guest, 'id'>): Promise<Stopped['how'] | undefined> {
  const server = await cloud.server(id);
  if (server === undefined) return 'deleted';
  return decideDrain(server).does === 'stays' ? 'stopped' : undefined;
}

function subjectOf({ name, id }: { readonly name: string; readonly id: string }): string {
  return `server ${name} ${id}`;
}
