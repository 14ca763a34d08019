/** What are operators told of jobs, and how does each job do? Scripts raise alerts; here they become mails, once. */
import type { Redis } from 'ioredis';
import type { Mail } from './job.ts';
import { messageIdOf, sealed, threadOf } from './outbox.ts';
import type { Call } from './scripts.ts';

/** What operators are to be told. Times are ms since the epoch. */
export type Alert = Failing | Recovered | Missed | Waiting | Undecided;

interface Raised {
  readonly job: string;
  /** When it was noticed. */
  readonly at: number;
}

/** A job began to fail, or fails still. */
export interface Failing extends Raised {
  readonly kind: 'failing' | 'reminder';
  /** The run that failed last. */
  readonly run: string;
  readonly state: 'failed' | 'quarantined';
  readonly since: number;
  /** Runs that failed since then. */
  readonly failures: number;
  readonly why?: string;
  /** The step that a resume would try again. */
  readonly failedStep?: string;
}

export interface Recovered extends Raised {
  readonly kind: 'recovered';
  readonly run: string;
  readonly since: number;
  readonly failures: number;
}

/** Instants came due while no daemon lived; all of one outage. */
export interface Missed extends Raised {
  readonly kind: 'missed';
  readonly first: number;
  readonly last: number;
  readonly missed: number;
  /** A later instant of the same outage is run late, in their place. */
  readonly late: boolean;
}

/** A run waits for long; told once of each wait. */
export interface Waiting extends Raised {
  readonly kind: 'waiting';
  readonly run: string;
  readonly state: 'waiting' | 'needs-decision';
  /** Completes "waits for …". */
  readonly why: string;
  readonly since: number;
  /** When the wait should have been over. */
  readonly promised?: number;
}

/** A run waits for a person, and no question of its own says so. */
export interface Undecided extends Raised {
  readonly kind: 'undecided';
  readonly run: string;
  readonly why: string;
}

/** The mail for an alert; undefined where there is nobody to tell. */
export type SayAlert = (alert: Alert) => Mail | undefined;

export interface AlertDesk {
  readonly redis: Redis;
  readonly prefix: string;
  readonly call: Call;
  readonly mailHost: string;
  readonly sayAlert: SayAlert;
}

/** An alert, and the one that began its thread. */
type Kept = Alert & { readonly run?: string; readonly thread?: string };

/**
 * Turns what was raised into mails, oldest first. Several processes may do so at once; each alert becomes one
 * mail. One that cannot be said stays, for a version that can, and keeps up no other.
 */
export async function postAlerts({ redis, prefix, call, mailHost, sayAlert }: AlertDesk): Promise<void> {
  const raised = Object.entries(await redis.hgetall(`${prefix}:alerts`))
    .map(([id, text]) => ({ id, alert: JSON.parse(text) as Kept }))
    .toSorted((a, b) => a.alert.at - b.alert.at);
  const failures: unknown[] = [];
  for (const { id, alert } of raised) {
    try {
      const mail = sayAlert(alert);
      const headers = alert.thread === undefined ? {} : threadOf([alertIdOf(alert.thread, mailHost)]);
      const by = { run: alert.run, messageId: alertIdOf(id, mailHost), host: mailHost, headers };
      const mails = mail === undefined ? [] : sealed(mail, by);
      await call('settle-alert', { id, mails });
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
}

/** How a job does: as its runs say that count. Times are ISO 8601 in UTC. */
export type Health =
  /** `since` is left out where it never failed. */
  | { readonly state: 'ok'; readonly since?: string }
  | {
      readonly state: 'failing';
      readonly since: string;
      /** Runs that failed since then, and the last of them. */
      readonly failures: number;
      readonly run: string;
      readonly error: string;
    };

/** By job. */
export async function readHealth(
  redis: Redis,
  prefix: string,
  jobs: Iterable<string>,
): Promise<ReadonlyMap<string, Health>> {
  const known = await Promise.all(
    [...jobs].map(async (job) => [job, healthOf(await redis.hgetall(`${prefix}:alert:${job}`))] as const),
  );
  return new Map(known);
}

function healthOf({ state, since, failures, run = '', error = '' }: Record<string, string>): Health {
  if (state === undefined) return { state: 'ok' };
  const from = new Date(Number(since)).toISOString();
  if (state !== 'failing') return { state: 'ok', since: from };
  return { state: 'failing', since: from, failures: Number(failures), run, error };
}

/** The id of an alert is its subject, its kind and its time: neither the run nor the job has a blank in its name. */
function alertIdOf(id: string, mailHost: string): string {
  const [subject = '', kind, at] = id.split(' ');
  return messageIdOf(subject, `${kind}.${at}`, mailHost);
}
