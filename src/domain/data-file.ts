/** What is wrong with a file of data that somebody handed over? All of it at once, with its place. */
import { messageOf } from './failure.ts';
import { sayCount } from './say.ts';
import { type Fault, sayPath } from './words.ts';

/** A generated file may be wrong in each of its rows: so many are named. */
const NAMED = 50;

/** The file cannot be used; nothing was done with it. */
export class DataFileError extends Error {
  override readonly name = 'DataFileError';
  readonly retryable = false;
  /** The first of them. */
  readonly faults: readonly Fault[];

  constructor(place: string, faults: readonly Fault[]) {
    const named = faults.slice(0, NAMED);
    const lines = named.map(({ path, message }) =>
      path.length === 0 ? `  ${message}` : `  ${sayPath(path)}: ${message}`,
    );
    const more = faults.length - named.length;
    const end = more === 0 ? [] : [`  and ${more} more`];
    super([place, ...lines, ...end, `${sayCount(faults.length, 'fault')}; nothing was done.`].join('\n'));
    this.faults = named;
  }
}

/** What the text says as JSON; `DataFileError` where it is none. `place` names the file to people. */
export function parseJson(text: string, place: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new DataFileError(place, [{ path: [], message: `is no JSON: ${messageOf(error)}` }]);
  }
}
