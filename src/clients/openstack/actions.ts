/** What Nova notes of the actions that were asked of a server: by whom, and why one failed, in its own words. */
import { z } from 'zod';
import type { ServerAction } from '../../domain/fleet.ts';
import { unlessGone } from './error.ts';
import type { Session } from './session.ts';

const Actions = z.object({
  instanceActions: z.array(
    z.object({ action: z.string(), request_id: z.string(), user_id: z.string().nullish() }),
  ),
});

const MIGRATIONS = new Set(['live-migration', 'migrate']);

/** `details` is there from 2.84 on. */
const Action = z.object({
  instanceAction: z.object({
    events: z
      .array(
        z.object({
          result: z.string().nullish(),
          details: z.string().nullish(),
        }),
      )
      .default([]),
  }),
});

/** Newest first; nothing for a server that is gone. */
export async function listActions(session: Session, serverId: string): Promise<ServerAction[]> {
  const path = `/servers/${serverId}/os-instance-actions`;
  const all = await unlessGone(session({ service: 'compute', method: 'GET', path }, Actions));
  const self = await session.userId();
  return (all?.instanceActions ?? []).map(({ action, request_id: id, user_id: by }) => ({
    id,
    action,
    ours: self !== undefined && by === self,
  }));
}

/** Of the newest live or cold migration; undefined when Nova notes no failure, or (any more) no such server. */
export async function readWhyMigrationFailed(
  session: Session,
  serverId: string,
): Promise<string | undefined> {
  const path = `/servers/${serverId}/os-instance-actions`;
  // Newest first.
  const all = await unlessGone(session({ service: 'compute', method: 'GET', path }, Actions));
  const latest = all?.instanceActions.find(({ action }) => MIGRATIONS.has(action));
  if (latest === undefined) return undefined;
  const of = `${path}/${latest.request_id}`;
  const found = await unlessGone(session({ service: 'compute', method: 'GET', path: of }, Action));
  // Newest first, so innermost first: the conductor's own is the last, and says little.
  const events = found?.instanceAction.events ?? [];
  const cause = events.find(({ result, details }) => result === 'Error' && details);
  return cause?.details?.trim();
}
