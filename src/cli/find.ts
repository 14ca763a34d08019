/** What did a person mean who typed only part of a name? */
import { didYouMean } from '../domain/did-you-mean.ts';
import type { Engine } from '../engine/engine.ts';
import { RefusedError } from '../engine/errors.ts';

/** A run by its id, or by any beginning that no other run has. */
export async function findRun(engine: Engine, beginning: string): Promise<string> {
  const run = await engine.runs.find(beginning);
  if (run === undefined)
    throw new RefusedError(`there is no run ${beginning}, or several begin so; see nightshift runs`);
  return run;
}

/** A subject as notes name it: whole, by its last word, or by the beginning of that. */
export async function findSubject(engine: Engine, words: string): Promise<string> {
  const subjects = await engine.runs.subjects();
  if (subjects.includes(words)) return words;
  const matches = subjects.filter(
    (subject) => subject.startsWith(words) || lastWord(subject).startsWith(words),
  );
  const [only] = matches;
  if (only !== undefined && matches.length === 1) return only;
  if (matches.length > 1) throw new RefusedError(`"${words}" may mean ${matches.slice(0, 5).join(', ')}`);
  const near = didYouMean(words, subjects);
  throw new RefusedError(
    `no run has said anything about "${words}"${near === undefined ? '' : `; did you mean "${near}"?`}`,
  );
}

function lastWord(subject: string): string {
  return subject.slice(subject.indexOf(' ') + 1);
}
