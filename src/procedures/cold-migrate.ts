/** Migrates one server cold, as its owner wishes, and confirms what we began ourselves. */
import type { Context } from '../context.ts';
import { PermanentError } from '../domain/failure.ts';
import type { Migration } from '../domain/fleet.ts';
import { serverName } from '../domain/names.ts';
import { sayDuration } from '../domain/say.ts';
import { causeOf, type Migrated, type Move, type Scope, standingOf } from './guest.ts';
import { type MigrateSettings, timeFor } from './migrate.ts';
import { turnOf } from './migration-target.ts';
import { poll } from './pause.ts';

const SETTLE_MS = 10 * 60_000;

/**
 * The guest is shut down, moved and started again by Nova, then the end that it left is given up. Joins what
 * an earlier owner of this run began. Nova cannot abort it: a run that is cancelled meanwhile sees it through.
 * Permanent error when the server stays, or when the migration is not ours to confirm.
 */
export async function migrateCold(ctx: Context<MigrateSettings>, move: Move): Promise<Migrated> {
  const { guest, from, key } = move;
  const withinMs = timeFor(guest, ctx.options);
  return ctx.step<Migrated>(
    key,
    {
      effect: 'verify',
      disruptive: true,
      inputs: { newest: guest.newest },
      timeoutMs: withinMs + 2 * SETTLE_MS,
      async verify() {
        const standing = await standingOf(ctx, from, guest);
        return standing.is === 'over' ? { happened: 'yes', value: standing.value } : { happened: 'no' };
      },
    },
    (scope) => moveCold(ctx, move, { scope, withinMs }),
  );
}

async function moveCold(
  ctx: Context<MigrateSettings>,
  { guest, from }: Move,
  { scope, withinMs }: { scope: Scope; withinMs: number },
): Promise<Migrated> {
  const { cloud, options } = ctx;
  const stuck = `${serverName(guest)} did not leave ${from}`;
  const { signal, timers, revoked } = scope;
  let pending = 'Nova accepted the migration, and none appeared';
  const whyItWaits = turnOf(ctx, guest, scope);
  let asked = false;
  let confirmed = false;

  const look = async (): Promise<Migrated | undefined> => {
    const standing = await standingOf(ctx, from, guest);
    switch (standing.is) {
      case 'over':
        return standing.value;
      case 'failed': {
        const cause = standing.migration ? await causeOf(ctx, guest, { signal, timers }) : '';
        throw new PermanentError(`${stuck}: ${standing.why}${cause}`);
      }
      case 'pending':
        pending = standing.why;
        return undefined;
      case 'running':
        pending = `its ${standing.migration.kind} ${standing.migration.id} is ${standing.migration.status}`;
        if (standing.migration.status === 'finished' && !confirmed) await confirm(standing.migration);
        return undefined;
      case 'here': {
        if (asked) return undefined;
        revoked.throwIfAborted();
        const waits = await whyItWaits();
        pending = waits ?? pending;
        if (waits !== undefined) return undefined;
        await cloud.coldMigrate(guest.id, guest.target ?? undefined);
        asked = true;
        scope.log.info('Nova is asked to move it cold, as its owner wishes', {
          server: guest.name,
          to: guest.target,
        });
        return undefined;
      }
    }
  };

  const confirm = async (migration: Migration): Promise<void> => {
    const server = await cloud.server(guest.id);
    if (server?.status !== 'VERIFY_RESIZE' || server.task !== undefined) return;
    const last = (await cloud.actions(guest.id)).find(({ action }) => action === 'migrate');
    if (last?.ours !== true)
      throw new PermanentError(`${stuck}: somebody else has migrated it cold, and must confirm that`);
    await cloud.confirmResize(guest.id);
    confirmed = true;
    scope.log.info('its migration is confirmed', { server: guest.name, to: migration.to });
  };

  const ended = await poll(look, { everyMs: options.pollMs, withinMs: withinMs + SETTLE_MS, signal, timers });
  if (ended === undefined)
    throw new PermanentError(`${stuck}: not moved within ${sayDuration(withinMs + SETTLE_MS)}; ${pending}`);
  if (ended.how === 'moved') scope.log.info('it has moved', { server: guest.name, to: ended.to });
  else scope.skipped(`it was ${ended.how} meanwhile`);
  return ended;
}
