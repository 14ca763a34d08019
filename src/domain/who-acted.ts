/** Who has acted on a server since we stopped it? */
import type { ServerAction } from './fleet.ts';

export type Acted =
  /** Nothing has been asked of it since. */
  | { readonly is: 'nobody' }
  /** We alone; `started`: also the way back. */
  | { readonly is: 'we'; readonly started: boolean }
  | { readonly is: 'somebody'; readonly action: string };

/**
 * `actions` are newest first; `before` is the one that was the newest when we looked, null when there was
 * none. Only our own stop, and our own start after it, are ours: whatever else came in between is a person's.
 */
export function whoActed(actions: readonly ServerAction[], before: string | null): Acted {
  const at = before === null ? actions.length : actions.findIndex(({ id }) => id === before);
  const since = at < 0 ? actions : actions.slice(0, at);
  if (since.length === 0) return { is: 'nobody' };
  const stranger = since.find(({ ours, action }) => !ours || !OURS.has(action));
  if (stranger !== undefined) return { is: 'somebody', action: stranger.action };
  return { is: 'we', started: since[0]?.action === 'start' };
}

const OURS = new Set(['stop', 'start']);
