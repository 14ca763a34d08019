/** What a drain does about a server, by its status, its task and its owner's wishes. */
import type { Server } from './fleet.ts';

export type DrainDecision =
  /** It runs: live-migrate it. */
  | { readonly does: 'live' }
  /** Nothing of it runs: a reboot does it no harm. */
  | { readonly does: 'stays' }
  /** Something is being done to it that ends by itself: look again. */
  | { readonly does: 'waits'; readonly why: string }
  /** It runs on a device that it cannot leave: only its end frees the hypervisor. */
  | { readonly does: 'pinned'; readonly why: string }
  /** It can neither move nor stay. */
  | { readonly does: 'held'; readonly why: string };

type Known = 'runs' | 'rests' | { readonly passes: string } | { readonly held: string };

/** Every status of the Compute API. */
const STATUS: Readonly<Record<string, Known>> = {
  ACTIVE: 'runs',
  PAUSED: 'runs',
  SHUTOFF: 'rests',
  SUSPENDED: 'rests',
  SHELVED: 'rests',
  SHELVED_OFFLOADED: 'rests',
  SOFT_DELETED: 'rests',
  DELETED: 'rests',
  BUILD: { passes: 'is being built' },
  REBUILD: { passes: 'is being rebuilt' },
  REBOOT: { passes: 'is being rebooted' },
  HARD_REBOOT: { passes: 'is being rebooted' },
  PASSWORD: { passes: 'gets a new password' },
  RESIZE: { passes: 'is being resized' },
  REVERT_RESIZE: { passes: 'is being resized back' },
  MIGRATING: { passes: 'is being migrated by somebody else' },
  VERIFY_RESIZE: { held: 'has a resize that nobody has confirmed' },
  RESCUE: { held: 'runs its rescue image, which cannot be moved' },
  ERROR: { held: 'is in ERROR and may still run' },
  UNKNOWN: { held: 'cannot be seen by Nova: its cell is down' },
};

/** A lock is its owner's veto: Nova would let an administrator move the server, we do not. */
export function decideDrain(server: Pick<Server, 'status' | 'task' | 'locked' | 'pinned'>): DrainDecision {
  const known = STATUS[server.status];
  if (known === undefined) return { does: 'held', why: `has the status ${server.status}, unknown to us` };
  if (typeof known === 'object') {
    return 'held' in known ? { does: 'held', why: known.held } : { does: 'waits', why: known.passes };
  }
  if (server.task !== undefined) return { does: 'waits', why: `is busy (${server.task})` };
  if (known === 'rests') return { does: 'stays' };
  if (server.locked) return { does: 'held', why: 'is locked' };
  if (server.pinned !== undefined) return { does: 'pinned', why: `cannot be moved (${server.pinned})` };
  return { does: 'live' };
}
