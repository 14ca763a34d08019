/** How are the installation's jobs and its mode put into lines for people? */
import { z } from 'zod';
import { type Armed, sayArmed } from '../domain/acting.ts';
import { sayCount, sayInstant } from '../domain/say.ts';
import type { Mode } from '../engine/acts.ts';
import type { Health } from '../engine/alerts.ts';
import { renderFacts, type View } from './render.ts';
import { plain, renderRows, truncate } from './table.ts';

type Failing = Extract<Health, { state: 'failing' }>;

export interface JobRow {
  readonly name: string;
  readonly summary: string;
  readonly armed: Armed;
  readonly schedule?: string | undefined;
  readonly window?: string | undefined;
  readonly health?: Health | undefined;
}

/** One option that a job takes. */
export interface JobOption {
  readonly name: string;
  /** `whole number`, `list or text`, or the words that are allowed. */
  readonly form: string;
  readonly required: boolean;
  readonly default?: unknown;
  readonly about: string;
}

export interface HouseView extends Pick<View, 'zone' | 'width'> {
  readonly dryRun: boolean;
}

/** The jobs, and where each may change things. */
export function renderJobs(jobs: readonly JobRow[], { dryRun, width, zone }: HouseView): string[] {
  const rows = jobs.map(({ name, summary, armed, schedule, window }) => [
    name,
    sayWhere(armed),
    schedule ?? null,
    window ?? null,
    summary,
  ]);
  const table = renderRows({ columns: ['job', 'armed', 'schedule', 'window', 'what it does'], rows }, width);
  const failing = jobs.flatMap(({ name, health }) =>
    health?.state === 'failing' ? [[name, sayFailing(health, zone)] as const] : [],
  );
  return [
    ...table,
    ...(failing.length === 0 ? [] : ['', 'Failing', ...renderFacts(failing)]),
    ...(dryRun ? ['', DRY_RUN] : []),
  ];
}

/** One job with the options that it takes. */
export function renderJob(
  {
    name,
    summary,
    armed,
    schedule,
    window,
    health,
    takes,
  }: JobRow & { readonly takes: readonly JobOption[] },
  { dryRun, width, zone }: HouseView,
): string[] {
  const facts: (readonly [string, string] | undefined)[] = [
    ['armed', sayWhere(armed)],
    dryRun
      ? ['dry run', 'the configuration says dryRun: true, so nothing is changed whatever is armed']
      : undefined,
    schedule === undefined ? undefined : ['schedule', schedule],
    window === undefined ? undefined : ['window', window],
    health?.state === 'failing' ? ['fails', sayFailing(health, zone)] : undefined,
  ];
  const rows = takes.map((option) => [option.name, sayDefault(option), option.about]);
  return [
    plain(`${name}: ${summary}`),
    ...renderFacts(facts.filter((fact) => fact !== undefined)),
    '',
    ...(rows.length === 0
      ? ['It takes no options.']
      : renderRows({ columns: ['option', 'left out', 'what it is'], rows }, width)),
  ];
}

/** What a job's schema says of its options, as people type them. */
export function optionsOf(schema: z.ZodType): JobOption[] {
  const { properties = {}, required = [] } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  return Object.entries(properties).map(([name, property]) => {
    const about = typeof property === 'object' ? property : {};
    return {
      name,
      form: sayForm(about),
      required: required.includes(name),
      ...('default' in about ? { default: about.default } : {}),
      about: about.description ?? '',
    };
  });
}

/** Whether disruptions may begin, and who said otherwise. */
export function renderMode({ mode, why, since }: Mode, { zone }: Pick<View, 'zone'>): string {
  if (mode === '') return 'Thawed: jobs may disrupt, as they are armed.';
  const from = since === undefined ? '' : ` since ${sayInstant(new Date(since), zone)}`;
  const words = mode === 'freeze' ? 'Frozen' : 'Halted';
  return plain(
    `${words}${from} (${why}): no new disruption begins, putting back goes on. End it: nightshift thaw`,
  );
}

const DEFAULT_WIDTH = 28;

const DRY_RUN = 'The configuration says dryRun: true, so nothing is changed whatever is armed.';

function sayFailing({ since, failures, run, error }: Failing, zone: string): string {
  return `since ${sayInstant(new Date(since), zone)}, ${sayCount(failures, 'run')}; the last is ${run}: ${error}`;
}

function sayWhere(armed: Armed): string {
  return typeof armed === 'boolean' ? (armed ? 'everywhere' : 'nowhere') : sayArmed(armed);
}

/** What it is when nobody says, in few words: whole scripts may be defaults. */
function sayDefault(option: JobOption): string | number | null {
  if (option.required) return `${option.form}, must be given`;
  const value = option.default;
  if (value === undefined) return null;
  return truncate(plain(typeof value === 'string' ? value : JSON.stringify(value)), DEFAULT_WIDTH);
}

function sayForm({ type, enum: words, anyOf }: z.core.JSONSchema.JSONSchema): string {
  if (words !== undefined) return words.join(' | ');
  if (anyOf !== undefined) return anyOf.map(sayForm).join(' or ');
  return typeof type === 'string' ? (FORMS[type] ?? type) : 'anything';
}

const FORMS: Readonly<Record<string, string>> = {
  integer: 'whole number',
  string: 'text',
  boolean: 'true or false',
  array: 'list',
  object: 'mapping',
};
