/** What is wrong with a value, in words for the person who wrote it? */
import type { z } from 'zod';
import { didYouMean } from './did-you-mean.ts';

/** One thing wrong with what somebody wrote. */
export interface Fault {
  /** Where it is not the file of which all is said. */
  readonly file?: string;
  /** Counted from 1; absent when the fault is not in a file. */
  readonly line?: number;
  /** Counted from 1. */
  readonly column?: number;
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

/** The faults that a schema found with `wordsOf` as its `error`, unknown keys one by one; none without an error. */
export function faultsOf(error: z.ZodError | undefined): Fault[] {
  return (error?.issues ?? []).flatMap((issue) => {
    const { path, message } = issue;
    if (issue.code === 'unrecognized_keys') {
      const messages = message.split('\n');
      return issue.keys.map((key, i) => ({ path: [...path, key], message: messages[i]! }));
    }
    // Of several allowed forms the value has one, and the fault is within it.
    const inside =
      issue.code === 'invalid_union' ? issue.errors.flat().find((fault) => fault.path.length > 0) : undefined;
    return [inside ? { path: [...path, ...inside.path], message: inside.message } : { path, message }];
  });
}

/** Zod's `error` option: turns what a schema found into words. One line for each unknown key. */
export function wordsOf(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return wrongType(issue.expected, issue.input);
    case 'unrecognized_keys':
      return unknownKeys('key')(issue);
    case 'invalid_value':
      return notOneOf(issue.input, issue.values.map(String));
    case 'too_small':
      return tooSmall(issue);
    case 'too_big':
      return tooBig(issue);
    case 'not_multiple_of':
      return `${show(issue.input)} is no multiple of ${issue.divisor}`;
    case 'invalid_format':
      return issue.format === 'regex'
        ? `${show(issue.input)} has not the form ${issue.pattern}`
        : `${show(issue.input)} is no ${issue.format}`;
    case 'invalid_key':
      return 'is not allowed as a key';
    case 'invalid_union':
      return noneOf(issue.input, issue.errors);
    case 'custom':
    case 'invalid_element':
      return `${show(issue.input)} is not allowed here`;
  }
}

/** For a strict object whose keys are something special: `unknownKeys('job')`. */
export function unknownKeys(noun: string): (issue: z.core.$ZodRawIssue) => string | undefined {
  return (issue) => {
    if (issue.code !== 'unrecognized_keys') return undefined;
    const known = shapeOf(issue.inst);
    return issue.keys.map((key) => unknownWord(noun, key, known)).join('\n');
  };
}

/** `unknown option, did you mean \`limit\`?`, or what there is where nothing is near. */
export function unknownWord(noun: string, word: string, known: readonly string[]): string {
  const meant = didYouMean(word, known);
  if (meant !== undefined) return `unknown ${noun}, did you mean \`${meant}\`?`;
  return known.length === 0
    ? `unknown ${noun}; there is none`
    : `unknown ${noun}; there is ${known.join(', ')}`;
}

/** `windows.nightly.except[0]` */
export function sayPath(path: readonly PropertyKey[]): string {
  return path
    .map((part, i) => (typeof part === 'number' ? `[${part}]` : `${i === 0 ? '' : '.'}${String(part)}`))
    .join('');
}

/** A value as somebody wrote it, shortened; passwords in URLs are left out. */
export function show(value: unknown): string {
  if (value === null) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a mapping';
  if (typeof value !== 'string') return `${value as number | boolean}`;
  const text = value.replace(/\/\/\S*@/, '//[secret]@');
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}

const NOUNS: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'number',
  int: 'whole number',
  array: 'list',
  object: 'mapping (key: value)',
  record: 'mapping (key: value)',
  boolean: 'true or false',
};

function wrongType(expected: string, input: unknown): string {
  if (input === undefined) return 'is missing';
  if (input === null) return 'has no value: give one or leave the key out';
  if (expected === 'boolean') return `${show(input)} is neither true nor false`;
  const noun = NOUNS[expected] ?? expected;
  if (expected === 'string' && typeof input !== 'object')
    return `${show(input)} is no text; quote it: "${show(input)}"`;
  // What stands where a mapping should may be a secret written one level too high.
  return noun.startsWith('mapping') ? `a ${noun} belongs here` : `${show(input)} is no ${noun}`;
}

function noneOf(input: unknown, forms: readonly (readonly z.core.$ZodIssue[])[]): string {
  const wanted = forms.flatMap(([fault]) =>
    fault?.code === 'invalid_type' ? [NOUNS[fault.expected] ?? fault.expected] : [],
  );
  if (input === undefined) return 'is missing';
  return wanted.length < forms.length
    ? `${show(input)} is not allowed here`
    : `${show(input)} is no ${wanted.join(' and no ')}`;
}

function notOneOf(input: unknown, values: readonly string[]): string {
  if (input === undefined) return 'is missing';
  const meant = typeof input === 'string' ? didYouMean(input, values) : undefined;
  const hint = meant === undefined ? '' : `, did you mean \`${meant}\`?`;
  return values.length === 1
    ? `${show(input)} is not ${values[0]}`
    : `${show(input)} is none of ${values.join(', ')}${hint}`;
}

function tooSmall({
  origin,
  minimum,
  inclusive,
  input,
}: z.core.$ZodRawIssue<z.core.$ZodIssueTooSmall>): string {
  if (origin === 'string' || origin === 'array') {
    const unit = origin === 'string' ? 'characters' : 'entries';
    return minimum === 1 ? 'is empty' : `is too short: at least ${minimum} ${unit}`;
  }
  return `${show(input)} is too small: ${inclusive === false ? 'more than' : 'at least'} ${minimum}`;
}

function tooBig({ origin, maximum, inclusive, input }: z.core.$ZodRawIssue<z.core.$ZodIssueTooBig>): string {
  if (origin === 'string' || origin === 'array') {
    return `is too long: at most ${maximum} ${origin === 'string' ? 'characters' : 'entries'}`;
  }
  return `${show(input)} is too large: ${inclusive === false ? 'less than' : 'at most'} ${maximum}`;
}

function shapeOf(schema: unknown): string[] {
  const def = (schema as { _zod?: { def?: { shape?: object } } } | undefined)?._zod?.def;
  return Object.keys(def?.shape ?? {});
}
