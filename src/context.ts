/** What `ctx` holds in this product, and `defineJob` bound to it. Types only: jobs import nothing that acts. */
import type { z } from 'zod';
import type { Armed } from './domain/acting.ts';
import type { BounceMailbox } from './domain/bounces.ts';
import type { Cloud, Host } from './domain/fleet.ts';
import type { CallHttp } from './domain/http-call.ts';
import type { WriteLetter } from './domain/letters.ts';
import type { Mailbox } from './domain/mailbox.ts';
import type { Alertmanager, Prometheus } from './domain/monitoring.ts';
import type { PatchFeed } from './domain/patch-feed.ts';
import type { SiteWindow } from './domain/window.ts';
import type { EngineContext, Job } from './engine/job.ts';

export type { StepScope } from './engine/job.ts';

/** The outside world and the site's settings, by name. */
export interface Clients {
  readonly cloud: Cloud;
  host(hypervisor: string): Host;
  readonly http: CallHttp;
  /** Absent where it is not configured, as is the next. */
  readonly prometheus?: Prometheus;
  readonly alertmanager?: Alertmanager;
  /** The feed that the site calls so. Throws a PermanentError where there is none; asks nothing before it is polled. */
  feed(name: string): PatchFeed;
  /** The mailbox that the site calls so. Throws a PermanentError where there is none; asks nothing before it is read. */
  mailbox(name: string): Mailbox;
  /** Where bounces of our mails go; absent where the site does not say. */
  readonly bounces?: BounceMailbox;
  /** Every way to the operators, as readers of a mail: addresses, and `webhook:operators` where that is configured. */
  readonly operators: readonly string[];
  /** Words a mail to an owner by the site's template. */
  readonly letter: WriteLetter;
  readonly armed: Armed;
  /** The site's time zone; absent where there is no site, and it is UTC then. */
  readonly zone?: string;
  /** When work may be done; absent where the site sets no window for the job. */
  readonly window?: SiteWindow;
  /** The options that the site gives to a job, as they are written; absent where there is no site. */
  readonly optionsOf?: (job: string) => Readonly<Record<string, unknown>>;
  /** Id of the server that this runs on; where it runs on none, absent or the id of no server. */
  readonly ownServer?: string;
  readonly handback: Handback;
}

/**
 * The file outside Redis that tells how to undo, in plain commands, what Nightshift holds now. One
 * file a subject; writing it again replaces it, removing it when it is gone is no error.
 */
export interface Handback {
  write(subject: string, lines: readonly string[]): Promise<void>;
  clear(subject: string): Promise<void>;
}

export type Context<Options> = EngineContext<Options> & Clients;

/** Identity at run time; it exists so that `options` types `ctx.options`. */
export function defineJob<Schema extends z.ZodType>(job: Job<Schema, Clients>): Job<Schema, Clients> {
  return job;
}
