/** What does a YAML job hold, and what is wrong with it? All of its faults at once. */
import { z } from 'zod';
import { type Fault, faultsOf, sayPath, show, unknownWord, wordsOf } from '../domain/words.ts';
import { commandFaults, orderFaults, templateFaults } from './check.ts';
import {
  type Definition,
  type Parts,
  type Placed,
  STEP_LISTS,
  type Step,
  type StepList,
} from './definition.ts';
import { KINDS } from './kinds.ts';
import { OPTION_TYPES, type Option, OUTSIDE_WINDOW, optionFault } from './options.ts';
import { Duration } from './shapes.ts';
import { Targets } from './targets.ts';
import { namesIn } from './template.ts';

const PREFIX: Readonly<Record<StepList, string>> = { steps: '', onError: 'on-error-', finally: 'finally-' };

const List = z.array(z.unknown());

const File = z.strictObject({
  summary: z
    .string()
    .min(1)
    .regex(/^[^\r\n]*$/, { error: 'is more than one line' }),
  options: z.record(z.string(), z.unknown()).default({}),
  targets: z.unknown().optional(),
  timeout: Duration.optional(),
  steps: List.min(1),
  onError: List.default([]),
  finally: List.default([]),
});

/** The job `name` as `data` defines it, or what is wrong with it. */
export function readDefinition(
  name: string,
  data: unknown,
): { readonly definition: Definition } | { readonly faults: readonly Fault[] } {
  const faults: Fault[] = [];
  const parse = <T>(schema: z.ZodType<T>, given: unknown, path: readonly PropertyKey[]): T | undefined => {
    const { data, error } = schema.safeParse(given, { error: wordsOf });
    faults.push(...under(path, faultsOf(error)));
    return data;
  };
  const file = parse(File, data, []);
  const parts = partsOf(data);

  const options = Object.entries(parts.options).flatMap(([option, raw]) => {
    const read = readOption(option, raw);
    faults.push(...under(['options', option], read.faults));
    return read.option === undefined ? [] : [[option, read.option] as const];
  });
  const targets = parts.targets === undefined ? undefined : parse(Targets, parts.targets, ['targets']);
  const hasTargets = parts.targets !== undefined;
  const placed = STEP_LISTS.flatMap((list) =>
    parts[list].flatMap((raw, index): Placed[] => {
      const read = readStep(raw, { list, index, hasTargets });
      faults.push(...under([list, index], read.faults));
      return read.step === undefined ? [] : [{ list, index, ...read.step }];
    }),
  );
  const names = { options: Object.fromEntries(options), declared: Object.keys(parts.options), hasTargets };
  const templates = templateFaults(parts, names);
  // A template where none can stand is what is wrong there, whatever else it is not.
  const others = faults.filter(
    ({ path }) => !templates.some((fault) => sayPath(fault.path) === sayPath(path)),
  );
  const all = [
    ...others,
    ...templates,
    ...commandFaults(parts),
    ...orderFaults(placed, { hasTargets, batch: targets?.batch ?? 1 }),
  ];
  if (all.length > 0 || file === undefined) return { faults: all };
  const stepsOf = (list: StepList) => placed.filter((one) => one.list === list).map(({ step }) => step);
  return {
    definition: {
      name,
      summary: file.summary,
      options: Object.fromEntries(options),
      ...(targets === undefined ? {} : { targets }),
      ...(file.timeout === undefined ? {} : { timeoutMs: file.timeout }),
      steps: stepsOf('steps'),
      onError: stepsOf('onError'),
      finally: stepsOf('finally'),
    },
  };
}

function partsOf(data: unknown): Parts {
  const { options, targets, ...lists } = mappingOf(data);
  const listOf = (list: StepList) => (Array.isArray(lists[list]) ? (lists[list] as unknown[]) : []);
  return {
    options: mappingOf(options),
    targets,
    steps: listOf('steps'),
    onError: listOf('onError'),
    finally: listOf('finally'),
  };
}

function readOption(name: string, raw: unknown): { option?: Option; faults: readonly Fault[] } {
  const fault = (path: readonly PropertyKey[], message: string) => ({ faults: [{ path, message }] });
  if (!/^[a-z][A-Za-z0-9]*$/.test(name))
    return fault([], `${show(name)} is no name for an option (letters and digits, as in maxMoves)`);
  if (name === OUTSIDE_WINDOW) return fault([], 'every job has this option already');
  const types = Object.keys(OPTION_TYPES);
  const { type } = mappingOf(raw);
  if (typeof type !== 'string' || !Object.hasOwn(OPTION_TYPES, type)) {
    if (raw === null || typeof raw !== 'object' || Array.isArray(raw))
      return fault(
        [],
        `${show(raw)} is no option: declare one as { type: string } (or ${types.slice(1).join(', ')})`,
      );
    return type === undefined
      ? fault([], `has no type; there is ${types.join(', ')}`)
      : fault(
          ['type'],
          `${show(type)}: ${typeof type === 'string' ? unknownWord('type', type, types) : `there is ${types.join(', ')}`}`,
        );
  }
  const schema: z.ZodType<Option> = OPTION_TYPES[type as keyof typeof OPTION_TYPES];
  const { data, error } = schema.safeParse(raw, { error: wordsOf });
  if (data === undefined) return { faults: faultsOf(error) };
  const unfit = optionFault(data);
  return unfit === undefined ? { option: data, faults: [] } : fault(['default'], unfit);
}

function readStep(
  raw: unknown,
  { list, index, hasTargets }: { list: StepList; index: number; hasTargets: boolean },
): { step?: Pick<Placed, 'step' | 'kind'>; faults: readonly Fault[] } {
  const fault = (message: string, path: readonly PropertyKey[] = []) => ({ faults: [{ path, message }] });
  const keys = Object.keys(mappingOf(raw));
  const [kindName, ...more] = keys.filter((key) => Object.hasOwn(KINDS, key));
  const kind = kindName === undefined ? undefined : KINDS[kindName];
  if (kindName === undefined || kind === undefined) return fault(whatKind(keys));
  if (more.length > 0)
    return fault(`does several things (${[kindName, ...more].join(', ')}); a step does one`);
  if (list !== 'steps' && kind.notPuttingBack !== undefined)
    return fault(`cannot stand in \`${list}\`: ${kind.notPuttingBack}`, [kindName]);
  const { data, error } = kind.schema.safeParse(raw, { error: wordsOf });
  if (error !== undefined) return { faults: faultsOf(error) };
  const { name, on, onError } = data as { name?: string; on?: string; onError?: string };
  const action = kind.read(data as never);
  const aboutTarget = (action.needsHost || kindName === 'wait' || kind.alone === true) && on === undefined;
  const step: Step = {
    label: name ?? `${PREFIX[list]}${kindName}-${index + 1}`,
    action,
    each: hasTargets && (aboutTarget || namesIn(raw).some((asked) => asked.startsWith('target.'))),
    ...(on === undefined ? {} : { on }),
    goesOn: onError === 'continue',
  };
  return { step: { step, kind }, faults: [] };
}

function whatKind(keys: readonly string[]): string {
  const kinds = Object.keys(KINDS);
  const meant = keys
    .map((key) => unknownWord('step', key, kinds))
    .find((words) => words.includes('did you mean'));
  return meant ?? `says nothing to do: a step has one of ${kinds.join(', ')}`;
}

function mappingOf(value: unknown): Record<string, unknown> {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {};
}

function under(path: readonly PropertyKey[], faults: readonly Fault[]): Fault[] {
  return faults.map((fault) => ({ ...fault, path: [...path, ...fault.path] }));
}
