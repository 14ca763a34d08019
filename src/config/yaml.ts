/** What does a YAML file hold, on which line does each key stand, and what is wrong with its syntax? */
import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument, type YAMLError } from 'yaml';
import { messageOf } from '../domain/failure.ts';
import type { Fault } from './words.ts';

export interface YamlFile {
  /** The file's content as plain data; undefined when it is empty or its syntax is broken. */
  readonly data: unknown;
  readonly faults: readonly Fault[];
  /** Line of the deepest key of `path` that is in the file, counted from 1. */
  lineOf(path: readonly PropertyKey[]): number | undefined;
}

export function parseYaml(text: string): YamlFile {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const lineAt = (offset: number) => lines.linePos(offset).line;
  const faults = document.errors.map((error) => ({
    line: lineAt(error.pos[0]),
    path: [],
    message: syntaxFault(error, /^[^\s:]*/.exec(text.slice(error.pos[0]))?.[0] ?? ''),
  }));
  // One slip makes several complaints on its line; the first is the one that helps.
  const first = faults.filter(({ line }, i) => faults.findIndex((fault) => fault.line === line) === i);

  if (document.errors.some(({ code }) => code !== 'DUPLICATE_KEY')) {
    return { data: undefined, faults: first, lineOf: () => undefined };
  }
  function lineOf(path: readonly PropertyKey[]): number | undefined {
    let node: unknown = document.contents;
    let line: number | undefined;
    for (const part of path) {
      if (isAlias(node)) node = node.resolve(document);
      const pair = isMap(node) ? node.items.find(({ key }) => keyOf(key) === String(part)) : undefined;
      const item = isSeq(node) ? node.items[Number(part)] : undefined;
      const offset = rangeOf(pair?.key ?? item);
      if (offset === undefined) break;
      line = lineAt(offset);
      node = pair ? pair.value : item;
    }
    return line;
  }
  try {
    return { data: document.toJS() ?? undefined, faults: first, lineOf };
  } catch (error) {
    return { data: undefined, faults: [...first, { path: [], message: messageOf(error) }], lineOf };
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
