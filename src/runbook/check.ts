/** What is wrong with a YAML job that the form of its parts does not show: names, shells, and the order of its steps. */
import { type Fault, unknownWord } from '../domain/words.ts';
import type { Parts, Placed } from './definition.ts';
import { isGiven, type Option } from './options.ts';
import { isBroken, namesIn } from './template.ts';

/** Keys below which texts are filled in. */
const FILLED = new Set([
  'ssh',
  'on',
  'stdout',
  'stderr',
  'contains',
  'question',
  'subject',
  'text',
  'options',
  'url',
  'headers',
  'body',
  'aggregate',
  'zone',
]);

interface Names {
  /** Those that could be read, and the names of all. */
  readonly options: Readonly<Record<string, Option>>;
  readonly declared: readonly string[];
  readonly hasTargets: boolean;
}

/** Names that nobody fills in, and templates where none is filled in. */
export function templateFaults(parts: Parts, { options, declared, hasTargets }: Names): Fault[] {
  const known = [
    ...declared.map((name) => `options.${name}`),
    'run.id',
    ...(hasTargets ? ['target.name', 'target.zone'] : []),
  ];
  const { options: _, ...rest } = parts;
  return textsIn(rest, []).flatMap(({ path, text }): Fault[] => {
    const asked = namesIn(text);
    if (isBroken(text))
      return [
        {
          path,
          message:
            'opens a template with {{ that is not closed or holds braces; braces for another program are written {{ "{{" }}',
        },
      ];
    if (asked.length > 0 && !isFilled(path))
      return [{ path, message: 'is not filled in: no template can stand here' }];
    return asked.flatMap((name) => {
      const message = whatIsWrong(name, { known, options, path });
      return message === undefined ? [] : [{ path, message: `{{ ${name} }}: ${message}` }];
    });
  });
}

function whatIsWrong(
  name: string,
  {
    known,
    options,
    path,
  }: { known: readonly string[]; options: Readonly<Record<string, Option>>; path: readonly PropertyKey[] },
): string | undefined {
  if (name.startsWith('.'))
    return `unknown name; meant for another program, it is written {{ "{{${name}}}" }}`;
  if (!known.includes(name)) {
    const plain = known.find((one) => one.split('.')[1] === name);
    return plain === undefined
      ? unknownWord('name', name, known)
      : `unknown name, did you mean \`${plain}\`?`;
  }
  if (path[0] === 'targets' && !name.startsWith('options.'))
    return 'is not known yet when the targets are chosen';
  const option = options[name.replace(/^options\./, '')];
  if (!name.startsWith('options.') || option === undefined || isGiven(option)) return undefined;
  return 'may be left out, and then nothing could stand here: make the option `required`, or give it a `default`';
}

function isFilled(path: readonly PropertyKey[]): boolean {
  if (path[0] === 'targets') return path[1] === 'where' && path[2] !== undefined;
  return path.at(-1) !== 'matches' && path.some((part) => FILLED.has(String(part)));
}

/** Programs that read a word as a program of their own. */
const INTERPRETERS = new Set([
  'sh',
  'bash',
  'dash',
  'ash',
  'zsh',
  'ksh',
  'su',
  'runuser',
  'python',
  'python3',
  'perl',
  'ruby',
  'node',
]);
/** Programs that join all their words for a shell. */
const JOINERS = new Set(['ssh', 'eval', 'watch']);

/** Values that a shell would read as words of its own, where they are to be values. */
export function commandFaults(parts: Parts): Fault[] {
  return commandsIn(parts, []).flatMap(({ path, words }) =>
    words.flatMap((word, i): Fault[] => {
      if (namesIn(word).length === 0) return [];
      const reader = readerOf(words.slice(0, i));
      if (reader === undefined) return [];
      const message = `${reader} reads this word as a program, and what is filled in with it; hand the value over as a word of its own: [sh, -c, 'echo "$1"', sh, "{{ ${namesIn(word)[0]} }}"]`;
      return [{ path: [...path, i], message }];
    }),
  );
}

function readerOf(before: readonly string[]): string | undefined {
  const names = before.map((word) => word.split('/').at(-1)!);
  const joiner = names.find((name) => JOINERS.has(name));
  if (joiner !== undefined) return joiner;
  const at = names.findIndex((name) => INTERPRETERS.has(name));
  if (at < 0) return undefined;
  // `-c`, `-ec`, `-e`: the word right after it is the program, and those behind are its arguments.
  const takesProgram = names.length - 1 > at && /^-[a-z]*[ce]$/i.test(names.at(-1)!);
  return takesProgram ? names[at] : undefined;
}

/** Steps that cannot be where they are. */
export function orderFaults(
  placed: readonly Placed[],
  { hasTargets, batch }: { hasTargets: boolean; batch: number },
): Fault[] {
  return [
    ...nameFaults(placed),
    ...hostFaults(placed, hasTargets),
    ...barrierFaults(placed),
    ...aloneFaults(placed, { hasTargets, batch }),
  ];
}

function nameFaults(placed: readonly Placed[]): Fault[] {
  return placed.flatMap(({ list, index, step }, i) => {
    const first = placed.findIndex((one) => one.step.label === step.label);
    if (first === i) return [];
    const other = placed[first]!;
    return [
      {
        path: [list, index, 'name'],
        message: `${step.label} is the name of ${other.list}[${other.index}] already`,
      },
    ];
  });
}

function hostFaults(placed: readonly Placed[], hasTargets: boolean): Fault[] {
  return placed
    .filter(({ step }) => !hasTargets && step.action.needsHost && step.on === undefined)
    .map(({ list, index }) => ({
      path: [list, index],
      message: 'has no hypervisor to run on: give the job `targets`, or the step `on: hv01.example.org`',
    }));
}

/** A step that is worked once would have all targets wait for each other, and part what belongs together on each. */
function barrierFaults(placed: readonly Placed[]): Fault[] {
  const steps = placed.filter(({ list }) => list === 'steps');
  const first = steps.findIndex(({ step }) => step.each);
  const last = steps.findLastIndex(({ step }) => step.each);
  return steps
    .filter(({ step }, i) => i > first && i < last && !step.each)
    .map(({ list, index }) => ({
      path: [list, index],
      message:
        'is worked once, between steps that are worked on each target: move it before or behind them, or name the target in it ({{ target.name }})',
    }));
}

function aloneFaults(
  placed: readonly Placed[],
  { hasTargets, batch }: { hasTargets: boolean; batch: number },
): Fault[] {
  const alone = placed.filter(({ kind }) => kind.alone);
  return alone.flatMap(({ list, index }, i) => {
    const fault = (message: string) => ({ path: [list, index], message });
    return [
      ...(hasTargets ? [] : [fault('is done to each target, and the job has no `targets`')]),
      ...(batch > 1
        ? [fault(`is done to one hypervisor at a time, so \`targets.batch\` cannot be ${batch}`)]
        : []),
      ...(i > 0 ? [fault('is there a second time')] : []),
    ];
  });
}

function textsIn(
  value: unknown,
  path: readonly PropertyKey[],
): { path: readonly PropertyKey[]; text: string }[] {
  if (typeof value === 'string') return [{ path, text: value }];
  return partsIn(value).flatMap(([key, part]) => textsIn(part, [...path, key]));
}

/** Every list of words under a key `ssh`. */
function commandsIn(
  value: unknown,
  path: readonly PropertyKey[],
): { path: readonly PropertyKey[]; words: readonly string[] }[] {
  return partsIn(value).flatMap(([key, part]) => {
    const here = [...path, key];
    if (key !== 'ssh' || !Array.isArray(part)) return commandsIn(part, here);
    return [{ path: here, words: part.map(String) }];
  });
}

function partsIn(value: unknown): [PropertyKey, unknown][] {
  if (Array.isArray(value)) return value.map((part, i) => [i, part]);
  return typeof value === 'object' && value !== null ? Object.entries(value) : [];
}
