/**
 * Live-migrates one server off a hypervisor and judges the outcome by the world: the migration's final
 * record, the server and Placement together. Nova's "accepted" means little, and a server may show its
 * new place while its migration still runs.
 */
import type { Context, StepScope } from '../context.ts';
import { decideDrain } from '../domain/drain-policy.ts';
import { PermanentError } from '../domain/failure.ts';
import type { Cloud, Migration } from '../domain/fleet.ts';
import { isFinal } from '../domain/migration.ts';
import { serverName } from '../domain/names.ts';
import { sayDuration } from '../domain/say.ts';
import { poll } from './pause.ts';

export interface MigrateSettings {
  /** What live migration is expected to move, memory and disk together. */
  readonly mbPerSecond: number;
  /** No migration is given less time than this. */
  readonly migrateAtLeastSeconds: number;
  readonly pollMs: number;
}

export type Guest = {
  readonly id: string;
  readonly name: string;
  readonly ramMb: number;
  readonly diskGb: number;
  /** Its newest migration before we touched it: what is newer is the one that we asked for. */
  readonly newest: string | null;
};

export interface Move {
  readonly guest: Guest;
  readonly from: string;
  /** Of the step, unique in the run. */
  readonly key: string;
}

/** How it came that the server does not run on the hypervisor any more. */
export type Migrated =
  | { readonly how: 'moved'; readonly to: string }
  | { readonly how: 'deleted' | 'stopped' };

type Standing =
  | { readonly is: 'over'; readonly value: Migrated }
  | { readonly is: 'running'; readonly migration: Migration }
  /** Neither over nor ours to ask yet; it ends by itself. */
  | { readonly is: 'pending'; readonly why: string }
  /** `hasCause`: Nova may know more. */
  | { readonly is: 'failed'; readonly why: string; readonly hasCause?: true }
  | { readonly is: 'here' };

type Scope = Pick<StepScope, 'signal' | 'revoked' | 'skipped' | 'log' | 'timers'>;

const ABORT_MS = 3 * 60_000;

/**
 * Moves a running server. A migration under way is joined, also one that an earlier owner of this run
 * began. Past its time, or when the run is cancelled or halted, the migration is aborted. Permanent
 * error when the server stays; deleted or stopped meanwhile is as good as moved.
 */
export async function migrate(ctx: Context<MigrateSettings>, move: Move): Promise<Migrated> {
  const { guest, from, key } = move;
  const withinMs = allowedMs(guest, ctx.options);
  return ctx.step<Migrated>(
    key,
    {
      effect: 'verify',
      disruptive: true,
      inputs: { newest: guest.newest },
      timeoutMs: withinMs + ABORT_MS + 60_000,
      async verify() {
        const standing = await standingOf(ctx.cloud, from, guest.id, guest.newest);
        return standing.is === 'over' ? { happened: 'yes', value: standing.value } : { happened: 'no' };
      },
    },
    (scope) => moveAway(ctx, move, { scope, withinMs }),
  );
}

/** Time for its memory and disk at the expected speed, doubled because memory is written meanwhile. */
function allowedMs({ ramMb, diskGb }: Guest, settings: MigrateSettings): number {
  const seconds = (2 * (ramMb + diskGb * 1024)) / settings.mbPerSecond;
  return Math.max(settings.migrateAtLeastSeconds, seconds) * 1000;
}

async function moveAway(
  ctx: Context<MigrateSettings>,
  { guest, from }: Move,
  { scope, withinMs }: { scope: Scope; withinMs: number },
): Promise<Migrated> {
  const { cloud, options } = ctx;
  const stuck = `${serverName(guest)} did not leave ${from}`;
  const newest = await withoutCancelled(cloud, guest);
  let asked = false;
  let pending = 'Nova accepted the migration, and none appeared';

  const { timers } = scope;
  const signal = AbortSignal.any([scope.signal, scope.revoked]);
  const look = async (): Promise<Migrated | undefined> => {
    const standing = await standingOf(cloud, from, guest.id, newest);
    if (standing.is === 'over') return standing.value;
    if (standing.is === 'failed') {
      const cause = standing.hasCause ? await causeOf(ctx, guest, { signal, timers }) : '';
      throw new PermanentError(`${stuck}: ${standing.why}${cause}`);
    }
    if (standing.is === 'pending') pending = standing.why;
    if (standing.is === 'here' && !asked) {
      await cloud.liveMigrate(guest.id);
      asked = true;
      scope.log.info('Nova is asked to move it', { server: guest.name });
    }
    return undefined;
  };

  const watching = poll(look, { everyMs: options.pollMs, withinMs, signal, timers });
  const moved = await watching.catch((error: unknown) => {
    if (scope.revoked.aborted && !scope.signal.aborted) return undefined;
    throw error;
  });
  const ended = moved ?? (await abort(ctx, { guest, from, newest }, scope));
  if ('how' in ended) {
    if (ended.how === 'moved') scope.log.info('it has moved', { server: guest.name, to: ended.to });
    else scope.skipped(`it was ${ended.how} meanwhile`);
    return ended;
  }
  scope.revoked.throwIfAborted();
  const late = ended.aborted ? 'its migration was aborted' : pending;
  throw new PermanentError(`${stuck}: not moved within ${sayDuration(withinMs)}; ${late}`);
}

/** Ends the migration under way, if there is one; it may still come out as moved. */
async function abort(
  { cloud, options }: Context<MigrateSettings>,
  { guest, from, newest }: Pick<Move, 'guest' | 'from'> & { newest: string | null },
  scope: Scope,
): Promise<Migrated | { readonly aborted: boolean }> {
  let aborted = false;
  const settle = async (): Promise<Migrated | { aborted: boolean } | undefined> => {
    const standing = await standingOf(cloud, from, guest.id, newest);
    if (standing.is === 'over') return standing.value;
    if (standing.is !== 'running') return { aborted };
    if (!aborted) await cloud.abortMigration(guest.id, standing.migration.id);
    aborted = true;
    return undefined;
  };
  const { signal, timers } = scope;
  const ended = await poll(settle, { everyMs: options.pollMs, withinMs: ABORT_MS, signal, timers });
  if (ended !== undefined) return ended;
  throw new PermanentError(
    `the migration of ${serverName(guest)} off ${from} can be neither finished nor aborted`,
  );
}

/** What we, or a person, cancelled before is no verdict on the next try. */
async function withoutCancelled(cloud: Cloud, { id, newest }: Guest): Promise<string | null> {
  const [latest] = await cloud.migrations(id);
  return latest?.status === 'cancelled' ? latest.id : newest;
}

/** The server is read before its migrations: what is final afterwards was not begun in between. */
async function standingOf(cloud: Cloud, from: string, id: string, newest: string | null): Promise<Standing> {
  const server = await cloud.server(id);
  if (server === undefined) return { is: 'over', value: { how: 'deleted' } };
  const [latest] = await cloud.migrations(id);

  if (latest !== undefined && !isFinal(latest)) {
    if (latest.kind === 'live-migration') return { is: 'running', migration: latest };
    return { is: 'pending', why: `its ${latest.kind} is under way (${latest.status})` };
  }
  if (server.hypervisor !== from && server.hypervisor !== '') {
    const still = await holds(cloud, from, latest === undefined ? [id] : [id, latest.uuid]);
    if (still)
      return { is: 'pending', why: `it is on ${server.hypervisor}, and Placement still books it on ${from}` };
    return { is: 'over', value: { how: 'moved', to: server.hypervisor } };
  }
  const decision = decideDrain(server);
  if (decision.does === 'stays') return { is: 'over', value: { how: 'stopped' } };
  if (latest !== undefined && latest.id !== newest) {
    if (latest.status === 'completed') {
      return {
        is: 'pending',
        why: `its migration ${latest.id} is completed, and Nova still has it on ${from}`,
      };
    }
    return { is: 'failed', why: `its migration ${latest.id} ended as ${latest.status}`, hasCause: true };
  }
  if (decision.does === 'held' || decision.does === 'pinned')
    return { is: 'failed', why: `it ${decision.why}` };
  return decision.does === 'waits' ? { is: 'pending', why: `it ${decision.why}` } : { is: 'here' };
}

/**
 * In Nova's words, where it has any; they may come a moment after the migration's end. That it cannot be
 * asked for them is no other failure.
 */
async function causeOf(
  { cloud, options }: Context<MigrateSettings>,
  { id }: Guest,
  { signal, timers }: Pick<Scope, 'signal' | 'timers'>,
): Promise<string> {
  const looking = poll(() => cloud.whyMigrationFailed(id), {
    everyMs: options.pollMs,
    withinMs: 2 * options.pollMs,
    signal,
    timers,
  });
  const said = await looking.catch(() => undefined);
  return said === undefined ? '' : `; Nova says: ${said.replace(/\.$/, '')}`;
}

async function holds(cloud: Cloud, hypervisor: string, consumers: readonly string[]): Promise<boolean> {
  const places = await Promise.all(consumers.map((consumer) => cloud.allocatedOn(consumer)));
  return places.flat().includes(hypervisor);
}
