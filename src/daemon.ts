/** Puts the house together: configuration, clients and jobs around an engine. Nothing else knows them all. */
import { sayAlert } from './alert-mail.ts';
import { type Config, readConfig, secretsIn } from './config.ts';
import type { Clients } from './context.ts';
import { sayDecision, sayQuestion } from './decision-mail.ts';
import { mayAct } from './domain/acting.ts';
import { REFUSALS } from './domain/address-marks.ts';
import { messageOf } from './domain/failure.ts';
import type { Alert } from './engine/alerts.ts';
import type { Clock } from './engine/clock.ts';
import type { CronJob } from './engine/cron.ts';
import { Engine } from './engine/engine.ts';
import { openRedis, type RedisAccess } from './engine/redis.ts';
import { heartbeatRounds } from './heartbeat.ts';
import { ownJobs, siteJobs } from './jobs.ts';
import { createLog, type DaemonLog, type LogOptions } from './log.ts';
import { mailHostOf, mailPaceOf, openClients, operatorsOf } from './open-clients.ts';
import { redactor } from './redact.ts';
import { reviveRunbook } from './runbook/runbook.ts';

export interface Installation {
  readonly config: Config;
  readonly engine: Engine<Clients>;
  readonly log: DaemonLog;
  /** Hands over the runs in hand and closes every connection. */
  close(): Promise<void>;
}

export interface OpenOptions {
  /** A file that must be there; left out, the usual places are looked at. */
  readonly path?: string | undefined;
  /** Where the log goes; left out, to standard error as JSON. */
  readonly logTo?: LogOptions['destination'];
  /** The time that runs live in; left out, ours. */
  readonly clock?: Clock;
}

/** Nothing can be asked or begun: Redis is away, or is none that could be used. */
export class RedisAway extends Error {
  override readonly name = 'RedisAway';
  readonly retryable = true;
}

/** Reads and checks the configuration without starting anything. Throws `ConfigError` with all faults at once. */
export async function checkConfig(path?: string): Promise<Config> {
  const jobs = jobsByName(await ownJobs());
  return readConfig({
    path,
    env: process.env,
    cwd: process.cwd(),
    jobs,
    siteJobs: async (folder) => jobsByName(await siteJobs(folder)),
  });
}

/**
 * Opens the house as the configuration says: the command line and the daemon come in by this one door.
 * Throws `ConfigError` or `RedisAway`; then nothing was started.
 */
export async function openInstallation({ path, logTo, clock }: OpenOptions = {}): Promise<Installation> {
  const config = await checkConfig(path);
  const secrets = secretsIn(config);
  const log = createLog({ secrets, ...(logTo === undefined ? {} : { destination: logTo }) });
  const theirs = config.jobsDir === undefined ? [] : await siteJobs(config.jobsDir);
  const jobs = new Map([...(await ownJobs()), ...theirs]);
  const clients = openClients(config, secrets);
  const redis = await reachRedis(config, log);
  const operators = operatorsOf(config);
  const redact = redactor(secrets);
  // The error of a run comes from anywhere, and the mail leaves the house.
  const redacted = (alert: Alert) => JSON.parse(redact(JSON.stringify(alert))) as Alert;
  const living = { ailment: () => engine.ailment, node: () => engine.node };
  const engine: Engine<Clients> = await Engine.open<Clients>({
    redis,
    stateDir: config.stateDir,
    jobs,
    clientsFor: async (run) => clients.forRun(run),
    deliver: clients.deliver,
    mailPace: mailPaceOf(config),
    refusals: REFUSALS,
    revive: reviveRunbook,
    log,
    mailHost: mailHostOf(config),
    askOperators: (run, step, evidence) => sayDecision({ operators, run, step, evidence }),
    askApproval: (run, key, question) => sayQuestion({ operators, run, key, ...question }),
    sayAlert: (alert) => sayAlert(redacted(alert), { operators, zone: config.timezone }),
    // A wait is measured on real clocks.
    ...(clock === undefined ? { longWaitMs: longWaitsOf(config) } : {}),
    schedules: schedulesOf(config),
    redact,
    concurrency: config.engine.concurrency,
    timings: config.engine,
    keep: config.keep,
    rounds: heartbeatRounds(config, living, log),
    ...(clock === undefined ? {} : { clock }),
  });
  return {
    config,
    engine,
    log,
    async close() {
      await engine.close();
      clients.close();
    },
  };
}

/** Jobs that run by themselves. Their trigger is the third yes to acting. */
function schedulesOf({ jobs, dryRun, timezone }: Config): CronJob[] {
  return Object.entries(jobs).flatMap(([job, { schedule, armed, options, overlap, catchUp }]) => {
    if (schedule === undefined) return [];
    const { acting } = mayAct({ job, dryRun, armed, go: true });
    return [{ job, cron: schedule, zone: timezone, overlap, catchUp, options, acting }];
  });
}

function longWaitsOf({ jobs }: Config): Record<string, number> {
  return Object.fromEntries(
    Object.entries(jobs).map(([job, { longWaitHours }]) => [job, longWaitHours * 3_600_000]),
  );
}

function jobsByName(registry: Awaited<ReturnType<typeof ownJobs>>) {
  return Object.fromEntries([...registry].map(([name, { job }]) => [name, job]));
}

async function reachRedis({ redis, stateDir }: Config, log: DaemonLog): Promise<RedisAccess> {
  const onError = (error: Error): void => log.debug('Redis is away', { why: error.message });
  try {
    return await openRedis({ url: redis.url?.reveal(), stateDir, onError });
  } catch (error) {
    throw new RedisAway(messageOf(error), { cause: error });
  }
}
