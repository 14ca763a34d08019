/** Is a body JSON that everything behind it can hold: text that is Unicode, numbers that are finite, not too deep? */
import type { App } from './desk.ts';
import { Problem } from './problem.ts';

/** Deeper than anything that a job asks for. */
const DEEPEST = 32;

/** Reads bodies as JSON and as nothing else. */
export function readJsonOnly(app: App): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, text, done) => {
    void parse(request, text as string, (error, value: unknown) => {
      const fault = error ? undefined : faultIn(value);
      done(fault === undefined ? error : new Problem('unreadable-request', `The body ${fault}`), value);
    });
  });
}

/** What is wrong with a value that came as JSON; completes "the body …". */
export function faultIn(value: unknown, depth = 0): string | undefined {
  if (typeof value === 'string') {
    return value.isWellFormed() ? undefined : 'holds text that is no Unicode: half of a pair of surrogates';
  }
  if (typeof value === 'number')
    return Number.isFinite(value) ? undefined : 'holds a number that is too large';
  if (typeof value !== 'object' || value === null) return undefined;
  if (depth === DEEPEST) return `is nested deeper than ${DEEPEST} times`;
  for (const [key, inner] of Object.entries(value)) {
    const fault = faultIn(key) ?? faultIn(inner, depth + 1);
    if (fault !== undefined) return fault;
  }
  return undefined;
}
