/** What did the operators set, where does it say so, and what is wrong with it? */
import { access, readFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import type { z } from 'zod';
import { JobFilesError, sayFileFaults } from './config/job-files.ts';
import { configSchema, jobSettingsSchema, type Site } from './config/schema.ts';
import { readingFault, Secret, type Surroundings } from './config/secret.ts';
import { parseYaml, type YamlFile } from './config/yaml.ts';
import { messageOf } from './domain/failure.ts';
import { type Fault, faultsOf, wordsOf } from './domain/words.ts';

export type Config = z.output<ReturnType<typeof configSchema>> & {
  /** The file it was read from, absolute; undefined when there is none and everything is at its default. */
  readonly file: string | undefined;
};

export interface ConfigOptions extends Surroundings {
  /** A file that must be there; else NIGHTSHIFT_CONFIG, else the first of the usual places that exists. */
  readonly path?: string | undefined;
  /** The jobs that come with Nightshift, whose options the file may set. */
  readonly jobs: Site['jobs'];
  /** Loads the site's own jobs from the folder that `jobsDir` names; rejects when they cannot be loaded. */
  readonly siteJobs?: (folder: string) => Promise<Site['jobs']>;
}

/** Every fault of the configuration, as the operator is told. Nothing was started. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly retryable = false;
  readonly faults: readonly Fault[];

  constructor(place: string, faults: readonly Fault[]) {
    const sorted = faults.toSorted((a, b) => inOrder(a.file, b.file) || (a.line ?? 0) - (b.line ?? 0));
    super(sayFaults(place, sorted));
    this.faults = sorted;
  }
}

const USUAL_PLACES = ['config/nightshift.yaml', '/etc/nightshift/nightshift.yaml'];

/** What the configuration says of jobs, and the file that says it. */
export type JobSettings = z.output<ReturnType<typeof jobSettingsSchema>> & Pick<Config, 'file'>;

/** Reads and checks the configuration, secrets included. Throws ConfigError with all faults at once. */
export function readConfig(options: ConfigOptions): Promise<Config> {
  return readWith(configSchema, options);
}

/** As `readConfig`, of what is said of jobs alone. */
export function readJobSettings(options: ConfigOptions): Promise<JobSettings> {
  return readWith(jobSettingsSchema, options);
}

async function readWith<Settings extends { readonly mailTemplates?: string | undefined }>(
  schemaOf: (site: Site) => z.ZodType<Settings>,
  options: ConfigOptions,
): Promise<Settings & Pick<Config, 'file'>> {
  const { path, env, cwd, jobs } = options;
  const file = await findFile(path ?? env.NIGHTSHIFT_CONFIG, cwd);
  const place = file === undefined ? 'configuration' : placeOf(file, cwd);
  const yaml = file === undefined ? parseYaml('') : await parseFile(file, place);

  const data = yaml.data ?? {};
  const broken = yaml.data === undefined && yaml.faults.length > 0;
  const theirs = await loadSiteJobs(data, options);
  const schema = schemaOf({
    env,
    cwd,
    jobs: { ...jobs, ...theirs.jobs },
    windows: windowsIn(data),
  });
  const parsed = broken ? undefined : await schema.safeParseAsync(data, { error: wordsOf });
  const found = [...theirs.faults, ...faultsOf(parsed?.error)];
  const faults = [...yaml.faults, ...found.map((fault) => withLine(fault, yaml))];
  if (parsed?.data?.mailTemplates !== undefined)
    for (const fault of await faultsOfTemplates(parsed.data.mailTemplates))
      faults.push(withLine(fault, yaml));
  if (faults.length > 0 || !parsed?.success) throw new ConfigError(place, faults);

  return { ...parsed.data, file };
}

/** Every secret that the configuration holds: what a log must not show. */
export function secretsIn(value: unknown): Secret[] {
  if (value instanceof Secret) return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(secretsIn) : [];
}

async function findFile(path: string | undefined, cwd: string): Promise<string | undefined> {
  if (path !== undefined && path !== '') return resolve(cwd, path);
  for (const place of USUAL_PLACES.map((usual) => resolve(cwd, usual))) {
    const exists = await access(place).then(
      () => true,
      (error: NodeJS.ErrnoException) => error.code !== 'ENOENT' && error.code !== 'ENOTDIR',
    );
    if (exists) return place;
  }
  return undefined;
}

async function parseFile(file: string, place: string): Promise<YamlFile> {
  try {
    return parseYaml(await readFile(file, 'utf8'));
  } catch (error) {
    throw new ConfigError(place, [{ path: [], message: `the file ${readingFault(error)}` }]);
  }
}

/** The site's own jobs, loaded before the rest is checked, because the rest sets their options. */
async function loadSiteJobs(
  data: unknown,
  { cwd, siteJobs }: ConfigOptions,
): Promise<{ jobs: Site['jobs']; faults: Fault[] }> {
  const folder = valueIn(data, 'jobsDir');
  if (typeof folder !== 'string' || folder === '' || siteJobs === undefined) return { jobs: {}, faults: [] };
  try {
    return { jobs: await siteJobs(resolve(cwd, folder)), faults: [] };
  } catch (error) {
    if (error instanceof JobFilesError) return { jobs: error.jobs, faults: [...error.faults] };
    return { jobs: {}, faults: [{ path: ['jobsDir'], message: messageOf(error) }] };
  }
}

/** The site's own mails to owners; ours are checked by our tests. */
async function faultsOfTemplates(folder: string): Promise<Fault[]> {
  const { readTemplates, templateFaults } = await import('./mail-templates.ts');
  try {
    const faults = templateFaults(await readTemplates(folder));
    return faults.map((fault) => ({ path: [], ...fault, file: join(folder, fault.file) }));
  } catch (error) {
    const unread = error instanceof Error && 'code' in error;
    const message = unread ? `the folder ${readingFault(error)}` : messageOf(error);
    return [{ path: ['mailTemplates'], message }];
  }
}

/** Names of windows as written, right or wrong, so that jobs can be checked against them in one go. */
function windowsIn(data: unknown): string[] {
  const windows = valueIn(data, 'windows');
  return typeof windows === 'object' && windows !== null ? Object.keys(windows) : [];
}

function valueIn(data: unknown, key: string): unknown {
  return typeof data === 'object' && data !== null ? (data as Record<string, unknown>)[key] : undefined;
}

function withLine(fault: Fault, yaml: YamlFile): Fault {
  if (fault.file !== undefined) return fault;
  const line = yaml.lineOf(fault.path);
  return line === undefined ? fault : { ...fault, line };
}

function placeOf(file: string, cwd: string): string {
  const inside = relative(cwd, file);
  return inside.startsWith('..') ? file : inside;
}

/** What is of no other file comes first. */
function inOrder(a = '', b = ''): number {
  return a < b ? -1 : Number(a > b);
}

function sayFaults(place: string, faults: readonly Fault[]): string {
  const own = faults
    .filter(({ file }) => file === undefined)
    .map(({ path, message, line }) => ({
      path,
      message,
      file: place,
      ...(line === undefined ? {} : { line }),
    }));
  const theirs = faults.filter(({ file }) => file !== undefined);
  const count = faults.length === 1 ? '1 fault' : `${faults.length} faults`;
  return [...sayFileFaults([...own, ...theirs]), `${count}; nothing was started.`].join('\n');
}
