/** What does a YAML file hold, on which line does each key stand, and what is wrong with its syntax? */
import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument, type YAMLError } from 'yaml';
import { messageOf } from '../domain/failure.ts';
import type { Fault } from '../domain/words.ts';

export interface YamlFile {
  /** The file's content as plain data; undefined when it is empty or its syntax is broken. */
  readonly data: unknown;
  readonly faults: readonly Fault[];
  /** Line of the deepest key of `path` that is in the file, counted from 1. */
  lineOf(path: readonly PropertyKey[]): number | undefined;
  /** Line and column of that key, both counted from 1. */
  placeOf(path: readonly PropertyKey[]): { readonly line: number; readonly column: number } | undefined;
}

export function parseYaml(text: string): YamlFile {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const placeAt = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return { line, column: col };
  };
  const faults = document.errors.map((error) => ({
    ...placeAt(error.pos[0]),
    path: [],
    message: syntaxFault(error, /^[^\s:]*/.exec(text.slice(error.pos[0]))?.[0] ?? ''),
  }));
  // One slip makes several complaints on its line; the first is the one that helps.
  const first = faults.filter(({ line }, i) => faults.findIndex((fault) => fault.line === line) === i);

  if (document.errors.some(({ code }) => code !== 'DUPLICATE_KEY')) {
    return { data: undefined, faults: first, lineOf: () => undefined, placeOf: () => undefined };
  }
  function lineOf(path: readonly PropertyKey[]): number | undefined {
    return placeOf(path)?.line;
  }
  function placeOf(path: readonly PropertyKey[]): { line: number; column: number } | undefined {
    let node: unknown = document.contents;
    let place: { line: number; column: number } | undefined;
    for (const part of path) {
      if (isAlias(node)) node = node.resolve(document);
      const pair = isMap(node) ? node.items.find(({ key }) => keyOf(key) === String(part)) : undefined;
      const item = isSeq(node) ? node.items[Number(part)] : undefined;
      const offset = rangeOf(pair?.key ?? item);
      if (offset === undefined) break;
      place = placeAt(offset);
      node = pair ? pair.value : item;
    }
    return place;
  }
  try {
    return { data: document.toJS() ?? undefined, faults: first, lineOf, placeOf };
  } catch (error) {
    return { data: undefined, faults: [...first, { path: [], message: messageOf(error) }], lineOf, placeOf };
  }
}

function keyOf(key: unknown): string {
  return String(isScalar(key) ? key.value : key);
}

function rangeOf(node: unknown): number | undefined {
  return node !== null && typeof node === 'object' && 'range' in node && Array.isArray(node.range)
    ? Number(node.range[0])
    : undefined;
}

/** The commonest slips; the parser's own words serve for the rest. */
const SYNTAX_FAULTS: Readonly<Partial<Record<YAMLError['code'], string>>> = {
  TAB_AS_INDENT: 'a tab indents this line; YAML takes spaces only',
  BAD_INDENT: 'the indentation does not fit, or a bracket before it is not closed',
  BLOCK_AS_IMPLICIT_KEY:
    'two keys run together: check indentation and colons, and quote a text that holds ": "',
  MULTILINE_IMPLICIT_KEY: 'a key without a colon: check indentation and colons',
  MISSING_CHAR: 'a quote or bracket that was opened is not closed',
  MULTIPLE_DOCS: 'a second document begins here (---); the file holds one',
};

function syntaxFault({ code, message }: YAMLError, word: string): string {
  if (code === 'DUPLICATE_KEY') return `the key \`${word}\` stands here a second time`;
  return SYNTAX_FAULTS[code] ?? `not YAML: ${message}`;
}
