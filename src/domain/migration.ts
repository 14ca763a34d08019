/** When a migration is over. */
import type { Migration } from './fleet.ts';

/** Nova's words for "over"; `finished` is none of them: that resize still waits for its owner's word. */
const FINAL = new Set(['completed', 'confirmed', 'reverted', 'done', 'error', 'failed', 'cancelled']);

/** True when Nova will not touch the migration again: all it booked is given back. */
export function isFinal(migration: Pick<Migration, 'status'>): boolean {
  return FINAL.has(migration.status);
}
