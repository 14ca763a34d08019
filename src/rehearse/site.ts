/** Which jobs are rehearsed, when do they run and with which options? As the configuration says, else its example. */
import { fileURLToPath } from 'node:url';
import { type JobSettings, readJobSettings } from '../config.ts';
import type { Clients } from '../context.ts';
import { sayList } from '../domain/say.ts';
import type { CronJob } from '../engine/cron.ts';
import type { Registry } from '../engine/registry.ts';
import { ownJobs, siteJobs } from '../jobs.ts';
import { openTemplates, readTemplates } from '../mail-templates.ts';
import { findJob, RequestError } from '../start-run.ts';

export interface RehearsedSite {
  readonly timezone: string;
  readonly jobs: Registry<Clients>;
  readonly schedules: readonly CronJob[];
  /** Addresses that stand for the operators. */
  readonly operators: readonly string[];
  /** What the runs of a job are handed, beside cloud and hosts. */
  readonly clientsOf: (job: string) => Pick<Clients, 'letter'> & Partial<Clients>;
}

/** Jobs that are rehearsed where nobody names any: those of them that have a schedule. */
const USUAL_JOBS = ['defragment-hypervisors', 'reboot-hypervisors'];
const EXAMPLE = fileURLToPath(new URL('../../config/nightshift.example.yaml', import.meta.url));
const OPERATORS = ['operators@rehearsal.invalid'];

/**
 * `config`: a file that must be there; left out, the usual places are looked at. A job without a schedule there
 * runs as in the example. Each may act: a scope for which it is armed holds, and a job that is not armed is
 * rehearsed as if it were. Throws `ConfigError`, and `RequestError` with every job that cannot be rehearsed.
 */
export async function readSite(config?: string, wanted?: readonly string[]): Promise<RehearsedSite> {
  const ours = await ownJobs();
  const read = (path: string | undefined): Promise<JobSettings> =>
    readJobSettings({
      path,
      env: process.env,
      cwd: process.cwd(),
      jobs: byName(ours),
      siteJobs: async (folder) => byName(await siteJobs(folder)),
    });
  const [own, example] = await Promise.all([read(config), read(EXAMPLE)]);
  const theirs = own.jobsDir === undefined ? [] : await siteJobs(own.jobsDir);
  const jobs = new Map([...ours, ...theirs]);
  const settings = new Map(
    (wanted ?? USUAL_JOBS.filter((name) => jobs.has(name))).flatMap((name) => {
      const found = settingsOf(findJob(jobs, name).name, own, example);
      return found?.schedule === undefined ? [] : [[name, { ...found, schedule: found.schedule }] as const];
    }),
  );
  const idle = (wanted ?? []).filter((name) => !settings.has(name));
  if (idle.length > 0) {
    const place = own.file ?? 'the configuration';
    throw new RequestError(
      `${sayList(idle)} cannot be rehearsed: nobody knows when, give it a \`schedule\` in ${place}`,
    );
  }

  const timezone = own.file === undefined ? example.timezone : own.timezone;
  const templates = openTemplates(await readTemplates(own.mailTemplates), timezone);
  return {
    timezone,
    jobs,
    operators: OPERATORS,
    schedules: [...settings].map(([job, { schedule, overlap, options }]) => ({
      job,
      cron: schedule,
      zone: timezone,
      overlap,
      catchUp: 'none',
      options,
      acting: true,
    })),
    clientsOf: (job) => {
      const { armed, window } = settings.get(job) ?? {};
      const times = window === undefined ? undefined : (own.windows[window] ?? example.windows[window]);
      return {
        letter: async (name, facts) => templates.write(name, facts),
        operators: OPERATORS,
        armed: armed === undefined || armed === false ? true : armed,
        optionsOf: (name) => settings.get(name)?.options ?? {},
        ...(window !== undefined &&
          times !== undefined && { window: { name: window, times, zone: timezone } }),
      };
    },
  };
}

/** A job without a schedule has that of the example, and what else the example says where the site says nothing. */
function settingsOf(
  job: string,
  own: JobSettings,
  example: JobSettings,
): JobSettings['jobs'][string] | undefined {
  const [theirs, usual] = [own.jobs[job], example.jobs[job]];
  if (theirs?.schedule !== undefined || usual === undefined) return theirs;
  const says = theirs !== undefined && Object.keys(theirs.options).length > 0;
  return { ...usual, armed: theirs?.armed ?? false, ...(says && { options: theirs.options }) };
}

function byName(registry: Registry<Clients>) {
  return Object.fromEntries([...registry].map(([name, { job }]) => [name, job]));
}
