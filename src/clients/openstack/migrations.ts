/** Nova's migrations: their records, the progress of one that runs, and its end before its time. */
import { z } from 'zod';
import type { Migration, MigrationProgress } from '../../domain/fleet.ts';
import { isFinal } from '../../domain/migration.ts';
import { OpenStackError, unlessGone } from './error.ts';
import { readPages } from './pages.ts';
import type { Call, Session } from './session.ts';
import { utc } from './time.ts';

const Row = z.object({
  id: z.union([z.number(), z.string()]).transform(String),
  uuid: z.string(),
  instance_uuid: z.string(),
  migration_type: z.string().nullish(),
  status: z.string(),
  source_node: z.string().nullish(),
  source_compute: z.string().nullish(),
  dest_node: z.string().nullish(),
  created_at: z.string(),
  updated_at: z.string().nullish(),
});

function toMigration(row: z.infer<typeof Row>): Migration {
  return {
    id: row.id,
    uuid: row.uuid,
    serverId: row.instance_uuid,
    kind: row.migration_type ?? 'migration',
    status: row.status,
    from: row.source_node ?? row.source_compute ?? '',
    ...(row.dest_node && { to: row.dest_node }),
    createdAt: utc(row.created_at),
    updatedAt: utc(row.updated_at ?? row.created_at),
  };
}

/** Newest first, those of one server or those from or to one compute service's host. */
export async function listMigrations(
  session: Session,
  of: { readonly instance_uuid: string } | { readonly host: string },
): Promise<Migration[]> {
  const rows = await readPages(
    session,
    { service: 'compute', method: 'GET', path: '/os-migrations', query: of, everyCell: true },
    { key: 'migrations', row: Row },
  );
  return rows
    .map(toMigration)
    .toSorted((a, b) => b.createdAt.localeCompare(a.createdAt) || Number(b.id) - Number(a.id));
}

const bytes = z.number().nullish();
const Progress = z.object({
  migration: z.object({
    memory_total_bytes: bytes,
    memory_processed_bytes: bytes,
    memory_remaining_bytes: bytes,
    disk_total_bytes: bytes,
    disk_processed_bytes: bytes,
    disk_remaining_bytes: bytes,
  }),
});

/** Zeros until the hypervisor has reported; undefined when the live migration is not under way. */
export async function readProgress(
  session: Session,
  serverId: string,
  migrationId: string,
): Promise<MigrationProgress | undefined> {
  const path = `/servers/${serverId}/migrations/${migrationId}`;
  const answer = await unlessGone(session({ service: 'compute', method: 'GET', path }, Progress));
  if (answer === undefined) return undefined;
  const { migration } = answer;
  return {
    totalBytes: (migration.memory_total_bytes ?? 0) + (migration.disk_total_bytes ?? 0),
    processedBytes: (migration.memory_processed_bytes ?? 0) + (migration.disk_processed_bytes ?? 0),
    remainingBytes: (migration.memory_remaining_bytes ?? 0) + (migration.disk_remaining_bytes ?? 0),
  };
}

/**
 * Asks Nova to let a running live migration finish at any price; what is over already is left so. Retryable
 * OpenStackError while it does not run yet.
 */
export async function forceComplete(session: Session, serverId: string, migrationId: string): Promise<void> {
  const path = `/servers/${serverId}/migrations/${migrationId}`;
  const body = { force_complete: null };
  await unlessOver(session, { serverId, migrationId }, { method: 'POST', path: `${path}/action`, body });
}

/**
 * Asks Nova to abort a live migration; what is over already, or gone, is left so. Retryable
 * OpenStackError when it is in one of the short states that cannot be aborted.
 */
export async function abort(session: Session, serverId: string, migrationId: string): Promise<void> {
  const path = `/servers/${serverId}/migrations/${migrationId}`;
  await unlessOver(session, { serverId, migrationId }, { method: 'DELETE', path });
}

async function unlessOver(
  session: Session,
  { serverId, migrationId }: { serverId: string; migrationId: string },
  call: Omit<Call, 'service'>,
): Promise<void> {
  try {
    await session({ service: 'compute', ...call }, z.unknown());
  } catch (error) {
    const isRefusal = error instanceof OpenStackError && [400, 404, 409].includes(error.status ?? 0);
    if (!isRefusal) throw error;
    const record = (await listMigrations(session, { instance_uuid: serverId })).find(
      ({ id }) => id === migrationId,
    );
    if (record === undefined || isFinal(record)) return;
    throw new OpenStackError(`${error.message} (the migration is ${record.status})`, {
      retryable: true,
      cause: error,
    });
  }
}
