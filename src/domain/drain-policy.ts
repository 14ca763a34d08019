/** What a drain does about a server: by its status, its task, its lock and device, and what its owner wishes. */
import type { ColdPlaces } from './device-places.ts';
import { DRAIN_KEY, WISHES, type Wish } from './drain-wish.ts';
import type { Server } from './fleet.ts';
import { classOf, type GuestClass } from './guest-class.ts';
import { isLike } from './like.ts';
import { sayList } from './say.ts';

export interface DrainPolicy {
  /** Wishes of projects, by project id. */
  readonly projects: Readonly<Record<string, Wish>>;
  readonly classes: readonly GuestClass[];
  /** What the site lets a drain do beside live migration. */
  readonly allow: { readonly cold: boolean; readonly stop: boolean };
  /** Patterns of reasons that pin servers elsewhere and not at this site, whose devices move along. */
  readonly movable?: readonly string[] | undefined;
  /** Owners of servers that cannot be moved are asked for a stop, so that a wish for one is waited for, not held. */
  readonly owners?: { readonly ask: boolean } | undefined;
  /** Where those with devices find one, should they be migrated cold; who is not named there goes where Nova likes. */
  readonly coldPlaces?: ColdPlaces | undefined;
  /** Who has agreed that a server is stopped and started, by server id; whatever the site allows else. */
  readonly agreed?: Agreements | undefined;
}

export type Agreements = Readonly<Record<string, 'owner' | 'operator'>>;

/** Nobody wishes anything, and guests are only live-migrated. */
const LIVE_ONLY: DrainPolicy = { projects: {}, classes: [], allow: { cold: false, stop: false } };

export type DrainDecision =
  /** It runs: live-migrate it. */
  | { readonly does: 'live' }
  /** Its owner wants it migrated while it is shut down: it is away for minutes. */
  | { readonly does: 'cold' }
  /** Its owner wants it stopped here, and started again afterwards. */
  | { readonly does: 'stop' }
  /** Nothing of it runs: a reboot does it no harm. */
  | { readonly does: 'stays' }
  /** Something is being done to it that ends by itself: look again. */
  | { readonly does: 'waits'; readonly why: string }
  /** It runs on a device that it cannot leave: only its end frees the hypervisor. `because` is the bare reason. */
  | { readonly does: 'pinned'; readonly why: string; readonly because: string }
  /** It can neither move nor stay. */
  | { readonly does: 'held'; readonly why: string };

type Known = 'runs' | 'paused' | 'rests' | { readonly passes: string } | { readonly held: string };

/** Every status of the Compute API. */
const STATUS: ReadonlyMap<string, Known> = new Map<string, Known>(
  Object.entries({
    ACTIVE: 'runs',
    PAUSED: 'paused',
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
  }),
);

/** `metadata`, `projectId` and `name` say what its owner wishes; a row without them wishes nothing. */
export type Drained = Pick<Server, 'status' | 'task' | 'locked' | 'pinned'> &
  Partial<Pick<Server, 'id' | 'metadata' | 'projectId' | 'name' | 'tags'>>;

/**
 * Total: what is not known is held. A lock is its owner's veto: Nova would let an administrator move the
 * server, we do not. What rests stays where it is, whatever is wished.
 */
export function decideDrain(server: Drained, policy: DrainPolicy = LIVE_ONLY): DrainDecision {
  const known = STATUS.get(server.status);
  if (known === undefined) return held(`has the status ${server.status}, unknown to us`);
  if (typeof known === 'object')
    return 'held' in known ? held(known.held) : { does: 'waits', why: known.passes };
  if (server.task !== undefined) return { does: 'waits', why: `is busy (${server.task})` };
  if (known === 'rests') return { does: 'stays' };
  if (server.locked) return held('is locked');
  return decideRunning(server, policy, known);
}

function decideRunning(server: Drained, policy: DrainPolicy, known: 'runs' | 'paused'): DrainDecision {
  const { wish, says } = wishOf(server, policy);
  if (hasAgreed(server, policy))
    return known === 'runs'
      ? { does: 'stop' }
      : held('is to be stopped, which Nova refuses while it is paused');
  const pinned = whyPinned(server, policy);
  if (pinned !== undefined && policy.owners?.ask && (wish === 'ask' || wish === 'stop')) {
    if (wish === 'ask' || !policy.allow.stop) return pinnedBy(pinned);
  }
  switch (wish) {
    case 'live':
      return pinned === undefined ? { does: 'live' } : pinnedBy(pinned);
    case 'cold':
    case 'stop':
      if (!policy.allow[wish])
        return held(`is only to be ${ASKED[wish]} (${says}), which this site does not allow (allow.${wish})`);
      if (known === 'paused')
        return held(`is to be ${ASKED[wish]} (${says}), which Nova refuses while it is paused`);
      return (
        (wish === 'cold' && pinned !== undefined && whyNoPlace(server, pinned, policy)) || { does: wish }
      );
    case 'ask':
      return held(`has an owner who wants to be asked first (${says})`);
    case 'never':
      return held(`has an owner who does not want it touched (${says})`);
    case undefined:
      return held(`has a wish that we do not know (${says}): it may say ${sayList(WISHES)}`);
  }
}

function pinnedBy(device: string): DrainDecision {
  return { does: 'pinned', why: `cannot be moved (${device})`, because: device };
}

/** It would be migrated cold if a device were free for it. */
function whyNoPlace(
  { id = '' }: Drained,
  pinned: string,
  { coldPlaces = {} }: DrainPolicy,
): DrainDecision | undefined {
  const place = coldPlaces[id];
  return place === undefined || 'to' in place ? undefined : pinnedBy(`${pinned}; ${place.why}`);
}

/** Why it cannot be live-migrated at this site. */
function whyPinned({ pinned }: Drained, { movable = [] }: DrainPolicy): string | undefined {
  return pinned === undefined || movable.some((pattern) => isLike(pinned, pattern)) ? undefined : pinned;
}

/** An agreement ends with its owner's next word. */
function hasAgreed({ id = '', metadata = {} }: Drained, { agreed = {} }: DrainPolicy): boolean {
  const own = metadata[DRAIN_KEY];
  if (agreed[id] === 'owner') return own === 'stop';
  return agreed[id] === 'operator' && (own === undefined || own === 'stop' || own === 'ask');
}

const ASKED = { cold: 'migrated cold', stop: 'stopped' } as const;

/** The server speaks before its class, and its class before its project; undefined: a word that is no wish. */
function wishOf(
  { name = '', projectId = '', metadata = {}, tags = [] }: Drained,
  { projects, classes }: DrainPolicy,
): { wish: Wish | undefined; says: string } {
  const own = metadata[DRAIN_KEY];
  if (own !== undefined)
    return { wish: WISHES.find((wish) => wish === own), says: `${DRAIN_KEY} = ${own.slice(0, 40)}` };
  const kind = classOf({ name, projectId, metadata, tags }, classes);
  if (kind?.drain !== undefined) return { wish: kind.drain, says: `class ${kind.class}: ${kind.drain}` };
  const project = projects[projectId];
  return { wish: project ?? 'live', says: `project ${projectId}: ${project}` };
}

function held(why: string): DrainDecision {
  return { does: 'held', why };
}
