/** A guest of a hypervisor under drain, and where it stands: judged by its record, the server and Placement together. */
import type { Context, StepScope } from '../context.ts';
import { type DrainPolicy, decideDrain } from '../domain/drain-policy.ts';
import type { Cloud, Migration } from '../domain/fleet.ts';
import { isFinal } from '../domain/migration.ts';
import { poll } from './pause.ts';

export type Guest = {
  readonly id: string;
  readonly name: string;
  readonly ramMb: number;
  readonly diskGb: number;
  /** Its newest migration before we touched it: what is newer is the one that we asked for. */
  readonly newest: string | null;
  readonly by: 'live' | 'cold' | 'stop';
  /** The newest action that Nova notes of it, asked for only where it is to be stopped. */
  readonly action: string | null;
  /** The cluster whose members are touched one at a time; null for who is alone. */
  readonly cluster: string | null;
  /** Where it is to go, chosen for all guests together; null: where the scheduler likes. */
  readonly target: string | null;
  /** What was measured on its hypervisor, or what the site expects. */
  readonly mbPerSecond: number;
};

export interface Move {
  readonly guest: Guest;
  readonly from: string;
  /** Of the step, unique in the run. */
  readonly key: string;
  /** It goes to its target or stays: no other place is as good. */
  readonly onlyThere?: true;
}

/** How it came that the server does not run on the hypervisor any more. */
export type Migrated =
  | { readonly how: 'moved'; readonly to: string }
  | { readonly how: 'deleted' | 'stopped' };

export type Standing =
  | { readonly is: 'over'; readonly value: Migrated }
  | { readonly is: 'running'; readonly migration: Migration }
  /** Neither over nor ours to ask yet; it ends by itself. */
  | { readonly is: 'pending'; readonly why: string }
  /** `migration`: the one that failed; Nova may know more of it. */
  | { readonly is: 'failed'; readonly why: string; readonly migration?: Migration }
  | { readonly is: 'here' };

export type Scope = Pick<StepScope, 'signal' | 'revoked' | 'skipped' | 'log' | 'timers' | 'now' | 'table'>;

/** The server is read before its migrations: what is final afterwards was not begun in between. */
export async function standingOf(
  { cloud, options }: Context<DrainPolicy>,
  from: string,
  { id, newest, by }: Pick<Guest, 'id' | 'newest' | 'by'>,
): Promise<Standing> {
  const server = await cloud.server(id);
  if (server === undefined) return { is: 'over', value: { how: 'deleted' } };
  const [latest] = await cloud.migrations(id);

  if (latest !== undefined && !isFinal(latest)) {
    if (
      latest.kind === 'live-migration' ||
      (by === 'cold' && latest.kind === 'migration' && latest.id !== newest)
    )
      return { is: 'running', migration: latest };
    return { is: 'pending', why: `its ${latest.kind} is under way (${latest.status})` };
  }
  if (server.hypervisor !== from && server.hypervisor !== '') {
    const still = await holds(cloud, from, latest === undefined ? [id] : [id, latest.uuid]);
    if (still)
      return { is: 'pending', why: `it is on ${server.hypervisor}, and Placement still books it on ${from}` };
    return { is: 'over', value: { how: 'moved', to: server.hypervisor } };
  }
  const decision = decideDrain(server, options);
  if (decision.does === 'stays') return { is: 'over', value: { how: 'stopped' } };
  if (latest !== undefined && latest.id !== newest) {
    if (latest.status === 'completed' || latest.status === 'confirmed') {
      return {
        is: 'pending',
        why: `its migration ${latest.id} is ${latest.status}, and Nova still has it on ${from}`,
      };
    }
    return { is: 'failed', why: `its migration ${latest.id} ended as ${latest.status}`, migration: latest };
  }
  if (decision.does === 'held' || decision.does === 'pinned')
    return { is: 'failed', why: `it ${decision.why}` };
  if (decision.does === 'waits') return { is: 'pending', why: `it ${decision.why}` };
  return decision.does === by ? { is: 'here' } : { is: 'failed', why: 'what its owner wishes has changed' };
}

/**
 * In Nova's words, where it has any; they may come a moment after the migration's end. That it cannot be
 * asked for them is no other failure.
 */
export async function causeOf(
  { cloud, options }: Context<{ readonly pollMs: number }>,
  { id }: Pick<Guest, 'id'>,
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
