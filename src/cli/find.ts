/** What did a person mean who typed only part of a name? */
import { didYouMean } from '../domain/did-you-mean.ts';
import { sayList } from '../domain/say.ts';
import type { Engine } from '../engine/engine.ts';
import { RefusedError } from '../engine/errors.ts';

const NAMED = 5;

/** A run by its id, or by any beginning that no other run has. */
export async function findRun(engine: Pick<Engine, 'runs' | 'sayNone'>, beginning: string): Promise<string> {
  const { runs } = engine;
  const found = await runs.find(beginning);
  if (found !== undefined) return found;
  const several = (await runs.list({ limit: 1000 }))
    .map(({ id }) => id)
    .filter((id) => id.startsWith(beginning));
  throw new RefusedError(
    several.length > 1
      ? `several runs begin with ${beginning}: ${sayList(several, NAMED)}`
      : `${engine.sayNone(beginning)}; nightshift runs lists those that there are`,
  );
}

/** A subject as notes name it: whole, by its last word, or by a beginning of either. */
export async function findSubject({ runs }: Pick<Engine, 'runs'>, words: string): Promise<string> {
  const subjects = await runs.subjects();
  const exact = subjects.filter((subject) => subject === words || nameIn(subject) === words);
  const matches =
    exact.length > 0
      ? exact
      : subjects.filter((subject) => subject.startsWith(words) || nameIn(subject).startsWith(words));
  const [only] = matches;
  if (only !== undefined && matches.length === 1) return only;
  if (matches.length > 1) throw new RefusedError(`"${words}" may mean ${sayList(matches, NAMED)}`);
  const near = didYouMean(words, subjects) ?? didYouMean(words, subjects.map(nameIn));
  throw new RefusedError(
    `no run has said anything about "${words}"${near === undefined ? '' : `; did you mean "${near}"?`}`,
  );
}

/** `hv19` of `hypervisor hv19`. */
function nameIn(subject: string): string {
  return subject.slice(subject.indexOf(' ') + 1);
}
