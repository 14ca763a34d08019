/** Where does the next page of runs begin, in a text that says nothing to whoever carries it? */
import type { RunPlace } from '../engine/runs.ts';

export function writeCursor({ atMs, id }: RunPlace): string {
  return Buffer.from(JSON.stringify([atMs, id])).toString('base64url');
}

/** Undefined when it was not written here. */
export function readCursor(cursor: string): RunPlace | undefined {
  try {
    const [atMs, id] = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as [unknown, unknown];
    return Number.isSafeInteger(atMs) && typeof id === 'string' ? { atMs: atMs as number, id } : undefined;
  } catch {
    return undefined;
  }
}
