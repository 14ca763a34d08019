/** From the text of a YAML file to a job that the engine can run, and back from the definition that it stored. */

import { parseYaml } from '../config/yaml.ts';
import type { Clients } from '../context.ts';
import { PermanentError } from '../domain/failure.ts';
import type { Fault } from '../domain/words.ts';
import type { Job } from '../engine/job.ts';
import type { Definition } from './definition.ts';
import { optionsSchema } from './options.ts';
import { readDefinition } from './read-definition.ts';
import { work } from './work.ts';

/** A YAML job, and its definition in the form in which runs keep it. */
export interface Runbook {
  readonly job: Job<ReturnType<typeof optionsSchema>, Clients>;
  /** Equal for files that differ only in their layout and comments. */
  readonly source: string;
}

/** Raised when what is stored must be read otherwise. */
const FORM = 1;

/** The job `name` as the file's text defines it, or every fault of the text, in the order in which they stand. */
export function readRunbook(name: string, text: string): Runbook | { readonly faults: readonly Fault[] } {
  const yaml = parseYaml(text);
  if (yaml.faults.length > 0) return { faults: yaml.faults };
  if (yaml.data === undefined) return { faults: [{ path: [], message: 'the file is empty' }] };
  const read = readDefinition(name, yaml.data);
  if ('definition' in read) return { job: jobOf(read.definition), source: sourceOf(name, yaml.data) };
  const placed = read.faults.map((fault) => ({ ...fault, ...yaml.placeOf(fault.path) }));
  return {
    faults: placed.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0)),
  };
}

/** The job of a stored definition. Throws when this version of Nightshift cannot read it. */
export function reviveRunbook(source: string): Runbook['job'] {
  const { runbook, name, definition } = JSON.parse(source) as {
    runbook: number;
    name: string;
    definition: unknown;
  };
  if (runbook !== FORM)
    throw new PermanentError(`it has the form ${runbook}, and this version reads ${FORM}`);
  const read = readDefinition(name, definition);
  if ('definition' in read) return jobOf(read.definition);
  throw new PermanentError(
    read.faults.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; '),
  );
}

function jobOf(definition: Definition): Runbook['job'] {
  const { summary, options, timeoutMs } = definition;
  return {
    summary,
    options: optionsSchema(options),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    run: (ctx) => work(ctx, definition),
  };
}

/** JSON with sorted keys, so that equal definitions have equal digests. */
function sourceOf(name: string, definition: unknown): string {
  return JSON.stringify({ definition, name, runbook: FORM }, (_, value: unknown) =>
    value !== null && typeof value === 'object' && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  );
}
