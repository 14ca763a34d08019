/** What do people read before the night and after it? */
import { plain } from '../cli/table.ts';
import { sayCount, sayDay } from '../domain/say.ts';
import { isOver, type RunRecord } from '../engine/runs.ts';
import { familiesOf } from './family.ts';
import type { Deeds } from './fleet.ts';

export interface Beginning {
  readonly version: string;
  readonly seed: number;
  readonly hypervisors: number;
  readonly servers: number;
  readonly redisMs: number;
  readonly cloudUrl: string;
  readonly apiUrl: string;
  readonly token: string;
  /** The folder, as people type it. */
  readonly folder: string;
  readonly pace: number;
  /** When the night began. */
  readonly at: Date;
  /** Where in the night it goes on, when it does. */
  readonly goesOnAt?: Date;
  readonly window: { readonly startBy: string; readonly backBy: string };
}

export function sayBeginning(beginning: Beginning): string[] {
  const { version, seed, hypervisors, servers, redisMs, cloudUrl, apiUrl, token, folder } = beginning;
  const { at, goesOnAt, window, pace } = beginning;
  const goesOn =
    goesOnAt === undefined
      ? []
      : [`It goes on where it was at ${sayTime(goesOnAt)}. To begin anew: npm run demo -- --new`];
  return [
    `nightshift ${version} · demo: a simulated cloud of ${hypervisors} hypervisors and ${servers} servers (seed ${seed})`,
    `  redis  private, on a unix socket, every write on disk; ready in ${Math.round(redisMs)} ms`,
    `  cloud  ${cloudUrl}  Keystone, Nova, Placement and SSH`,
    `  mail   kept in ${folder}/mail, nothing leaves this machine`,
    `  api    ${apiUrl}  token: ${token}`,
    '',
    `Night of ${sayDay(at, 'UTC')}, start by ${window.startBy}, back by ${window.backBy} UTC (${sayPace(pace)})`,
    ...goesOn,
    '',
  ];
}

/** `a simulated minute lasts a second`. */
function sayPace(pace: number): string {
  const seconds = 60 / pace;
  return `a simulated minute lasts ${seconds === 1 ? 'a second' : `${Number(seconds.toPrecision(2))} s`}`;
}

export interface Outcome {
  readonly runs: readonly RunRecord[];
  readonly deeds: Deeds;
  readonly mails: number;
  /** How long the night took, in our time, interruptions left out. */
  readonly tookMs: number;
  /** Instants that became no run, and why. */
  readonly leftOut: readonly string[];
}

/** Failures of any kind: runs that did not succeed, steps that failed or whose end nobody saw. */
export function errorsIn(runs: readonly RunRecord[]): number {
  const failures = runs.map(
    ({ state, steps }) =>
      (isOver(state) && state !== 'succeeded' ? 1 : 0) +
      steps.filter((step) => step.state === 'failed' || step.state === 'unknown').length,
  );
  return failures.reduce((sum, each) => sum + each, 0);
}

export function sayOutcome({ runs, deeds, mails, tookMs, leftOut }: Outcome): string[] {
  const { rebooted, awayAtOnce, migrated, stopped } = deeds;
  const manner = rebooted > 1 ? (awayAtOnce === 1 ? ' one at a time' : ` up to ${awayAtOnce} at a time`) : '';
  const headlines = familiesOf(runs).flatMap(({ root: { report, trigger } }) =>
    // What somebody asked for meanwhile is not the night's.
    report === undefined || trigger.kind !== 'cron' ? [] : [plain(report.headline)],
  );
  const counts = [
    `${count(rebooted, 'hypervisor')} rebooted${manner}`,
    `${count(migrated, 'server')} live-migrated`,
    `${stopped} stopped`,
    count(errorsIn(runs) + leftOut.length, 'error'),
  ];
  const seconds = Math.round(tookMs / 1000);
  const asks = runs.some(({ state }) => state === 'needs-decision');
  return [
    ...leftOut,
    asks
      ? `After ${seconds} s it waits for your word (step by step tells on what).`
      : `Done in ${seconds} s. ${headlines.join(' ')}`.trimEnd(),
    `${counts.join(', ')}. ${count(mails, 'mail')}.`,
  ];
}

/** With a 0 where `sayCount` says no: these are to be added up. */
function count(n: number, noun: string): string {
  return n === 0 ? `0 ${noun}s` : sayCount(n, noun);
}

export interface Sights {
  readonly runs: readonly RunRecord[];
  readonly folder: string;
  /** The environment names another Redis, which the commands would take for the demo's. */
  readonly otherRedis: boolean;
  /** The daemon goes on, and answers here. */
  readonly apiUrl?: string;
  readonly token: string;
}

/** What to look at now: labels, and commands to type. */
export function sightsOf({ runs, folder, otherRedis, apiUrl, token }: Sights): (readonly [string, string])[] {
  const nightshift = `${otherRedis ? 'env -u REDIS_URL ' : ''}npx nightshift --config ${folder}/nightshift.yaml`;
  const run = runs[0];
  const puzzles = runs.flatMap(({ notes }) => notes).filter(({ verdict }) => verdict !== 'done');
  const puzzle = puzzles.find(({ verdict }) => verdict === 'waits') ?? puzzles[0];
  const sights: (readonly [string, string] | undefined)[] = [
    ['what happened', `${nightshift} runs`],
    run && ['step by step', `${nightshift} show ${run.id}`],
    puzzle && [
      `why ${puzzle.subject.split(' ').at(-1)} ${puzzle.verdict}`,
      `${nightshift} why ${puzzle.subject}`,
    ],
    ['the mails', `${folder}/mail`],
    apiUrl === undefined
      ? undefined
      : ['the api', `curl -H 'Authorization: Bearer ${token}' ${apiUrl}/api/v1/runs`],
    apiUrl === undefined || run === undefined ? undefined : ['a dry run', `${nightshift} run ${run.job}`],
  ];
  return sights.filter((sight) => sight !== undefined);
}

/** `23:05 UTC`. */
export function sayTime(at: Date): string {
  return `${at.toISOString().slice(11, 16)} UTC`;
}
