/** Which package is a CVE about on an operating system, and from which version on is it closed? */
import { bounded } from '../feed-text.ts';

export interface Package {
  readonly name: string;
  readonly fixed?: string;
}

const HEAD = 'CVE,Os,Package name,Operator,Package version';

/**
 * The first one that the answer names; undefined where it names none. Nothing in it is quoted, and the name of an
 * operating system may have commas, so a line is read from its end. Throws where the text is no such answer.
 */
export function readPackage(csv: string): Package | undefined {
  const [head, line = ''] = csv.split(/\r?\n/);
  if (head !== HEAD) throw new Error(`it does not begin with ${HEAD}`);
  const [cell, operator, version] = line.split(',').slice(-3);
  const name = bounded(cell);
  const fixed = operator === '<' ? bounded(version) : undefined;
  return name === undefined ? undefined : { name, ...(fixed !== undefined && { fixed }) };
}
