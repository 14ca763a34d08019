/**
 * What a job sees of the engine: how it is declared, and the context that its runs are handed.
 *
 * job: a definition · run: one execution of it · step: a named, journalled piece of a run ·
 * effect: what repeating a step would do · unknown: a step that began and whose outcome nobody saw ·
 * park: give the worker back and wait.
 */
import type { z } from 'zod';
import type { Timers } from './clock.ts';
import type { Compute } from './computing.ts';

export type Json =
  | string
  | number
  | boolean
  | null
  | readonly Json[]
  | { readonly [key: string]: Json | undefined };

/**
 * What happens to a step that was begun by an owner who died before its end was journalled:
 * `read` and `idempotent` run again, `verify` is asked what happened, `once` never runs again by itself.
 */
export type Effect = 'read' | 'idempotent' | 'verify' | 'once';

/** The answer of a look at the world: did the effect of a step happen? */
export type Verdict<T> =
  | { readonly happened: 'yes'; readonly value: T }
  | { readonly happened: 'no' }
  | { readonly happened: 'unclear'; readonly evidence: string };

export interface Retry {
  /** Tries in all, the first included. */
  readonly tries: number;
  /** Pause before the second try; doubles from there, with jitter. */
  readonly firstMs: number;
  readonly maxMs: number;
}

export interface StepOptions<T> {
  readonly effect: Effect;
  /**
   * Asks the world whether the effect happened. Required for `verify`; for `once` it may turn
   * unknown into done, never into "run again".
   */
  readonly verify?: (scope: StepScope) => Promise<Verdict<T>>;
  /** What the step depends on; a resumed run whose inputs differ from the journal's parks for a decision. */
  readonly inputs?: Json;
  /** How long one try may take, in ms; ten minutes if left out. */
  readonly timeoutMs?: number;
  /** How long one look by `verify` may take, in ms; ten minutes if left out. */
  readonly verifyTimeoutMs?: number;
  readonly retry?: Partial<Retry>;
  /**
   * The step begins a disruption that somebody could feel. A freeze holds it back before it begins, a
   * cancelled run refuses it, and both cancel and halt revoke it under way (unless it is `once`). Steps
   * that put things back are not disruptive.
   */
  readonly disruptive?: boolean;
}

/**
 * State between runs: a hash in Redis. Writes are kept back and ride in the step's `finish`. It is our own
 * memory and no part of the world, so a step that only reads may write it, in a dry run, too.
 */
export interface Table {
  get<T extends Json>(key: string): Promise<T | undefined>;
  all<T extends Json>(): Promise<ReadonlyMap<string, T>>;
  set(key: string, value: Json): void;
  delete(key: string): void;
}

export interface Mail {
  /** Mail addresses; `webhook:operators` beside them is another way to the same people, tried by itself. */
  readonly to: readonly string[];
  readonly subject: string;
  readonly text: string;
  readonly html?: string;
  /**
   * Names the mail whichever run posts it, such as `patch-compliance.alice.first.20261127`: its Message-ID is made
   * of it, and posted again it does not leave again for as long as the run that posted it first is kept. Left
   * out, a mail is named by its run and key.
   */
  readonly id?: string;
  /** Ids of the mails that it follows, the first one first: readers show them together. */
  readonly thread?: readonly string[];
}

export interface Log {
  info(message: string, fields?: object): void;
  warn(message: string, fields?: object): void;
  error(message: string, fields?: object): void;
}

/** What a step's function is handed. */
export interface StepScope {
  /** Aborts when nobody waits for the step any more: its time is over, or the run is another owner's. Leave the effect alone. */
  readonly signal: AbortSignal;
  /**
   * Aborts, for disruptive steps only, when somebody wants the effect itself stopped (cancel, halt): stop
   * it, leave things whole, then throw. The step is waited for until then.
   */
  readonly revoked: AbortSignal;
  /** The same for every try of this step, in every process: name remote effects by it. */
  readonly idempotencyKey: string;
  /** 1 for the first try, counted over all owners. */
  readonly attempt: number;
  /** When the step was first begun, whoever began it. */
  readonly since: Date;
  /** The time now; what depends on it belongs into what the step returns. */
  readonly now: () => Date;
  readonly log: Log;
  /** For pure computing over 100 ms, called as `compute(import.meta.resolve('…/domain/x.ts'), planX, …)`. Ends with `signal`. */
  readonly compute: Compute;
  readonly table: (name: string) => Table;
  /** Waits for a moment, on the clock that the run lives by; for more than half a minute the run is parked instead. */
  readonly timers: Timers;
  /** Says that there was nothing to do, and why: the step counts as skipped, what it returns is journalled all the same. */
  skipped(why: string): void;
  /**
   * The answer that a person gave to this question of the run, or of another run, asked or not; undefined where
   * nobody has. Waits for none.
   */
  readonly answer: (key: string, run?: string) => Promise<Answered | undefined>;
  /** Leaves with the step's `finish`: once it is journalled the mail will be sent, and not before. */
  mail(key: string, mail: Mail): void;
}

/** A fact that a run tells people. A later note of the same subject replaces it. */
export type Note = {
  /** `hypervisor hv11`: a noun and its name; `why` looks facts up by it. */
  readonly subject: string;
  /** One word or two: held, done, waits, failed, needs you … */
  readonly verdict: string;
  readonly why: string;
  readonly evidence?: string;
  /** Since when it is so, ISO 8601 in UTC; `until`: until when at the latest. */
  readonly since?: string;
  readonly until?: string;
  /** What it is made of, a row each. */
  readonly sheet?: Sheet;
  /** Sentences below the sheet. */
  readonly lines?: readonly string[];
};

/** A text, a number, an instant (ISO 8601 in UTC, said in the reader's zone), or nothing. */
type Cell = string | number | null | { readonly at: string };

/** A table that people read; the renderer aligns numbers right. */
export type Sheet = {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
};

/** The run's answer in short, as the command line and mail print it. */
export interface Report {
  readonly headline: string;
  readonly sheet?: Sheet;
  /** Lines below the sheet: what is held or left out, and why. */
  readonly lines?: readonly string[];
}

/** How long a run may wait, and for what. */
export interface Wait {
  /** Completes the sentence "waits for …". */
  readonly why: string;
  readonly withinMs: number;
  /** Pause between two looks; a minute if left out. */
  readonly everyMs?: number;
}

export interface Question {
  readonly question: string;
  readonly withinMs: number;
  /** The answer when nobody gave one in time. */
  readonly otherwise: 'yes' | 'no';
}

export type Answered = {
  readonly answer: 'yes' | 'no';
  /** A person's name, or `nobody` when the time was over. */
  readonly by: string;
  readonly why: string;
};

/** How a child run ended: with what it returned, or why it failed. */
export type ChildEnd = {
  readonly id: string;
  readonly state: string;
  readonly result?: Json;
  readonly error?: string;
  /** What it told people. */
  readonly notes: readonly Note[];
};

export interface Trigger {
  readonly kind: 'cron' | 'http' | 'cli' | 'run';
  /** Who asked: a person's name, a token's, a run's id. */
  readonly by?: string;
  /** The due instant of a cron run. */
  readonly instant?: string;
}

/** What every run is handed beside the clients. */
export interface EngineContext<Options> {
  readonly options: Options;
  readonly runId: string;
  readonly trigger: Trigger;
  /** False: a dry run. Steps with any effect but `read` are refused by the engine itself. */
  readonly acting: boolean;
  /** Aborts when the run is cancelled, killed, or no longer ours. */
  readonly signal: AbortSignal;
  readonly log: Log;
  /** Time of the last step replayed or done, so that a replay sees the same times. */
  now(): Date;
  /**
   * Runs `fn` and journals what it returns; a resumed run takes the journalled value instead. If the
   * process dies between the effect and the journal, `effect` decides what happens to the step.
   * Keys are unique within a run. A step that failed for good fails again, with the same error, when replayed.
   */
  step<T extends Json | void>(
    key: string,
    options: StepOptions<T>,
    fn: (scope: StepScope) => Promise<T>,
  ): Promise<T>;
  /**
   * Takes the exclusive lease `name`; parks the run, first come first served, while another run has
   * it. Kept until `release` or the end of the run; a replay does not take again what it has released since. Taking
   * it twice in a run is one lease.
   */
  lease(name: string, why: string): Promise<void>;
  release(name: string): Promise<void>;
  /**
   * Looks until `look` sees something. Between two looks the run is parked and holds no worker and no
   * slot, for weeks if need be; its leases stay with it. A look that fails and may pass counts as one
   * that saw nothing. Fails for good when `withinMs` is over.
   */
  waitUntil<T extends Json>(
    key: string,
    wait: Wait,
    look: (scope: StepScope) => Promise<T | undefined>,
  ): Promise<T>;
  /** Parks the run for `ms`. */
  sleep(key: string, ms: number): Promise<void>;
  /** Asks operators, by mail; the answer may have been given before. Parks the run until it comes or the time is over. */
  approval(key: string, question: Question): Promise<Answered>;
  /**
   * Starts another run, once; its id is made of this run's and the key. It outlives this one. A frozen or
   * cancelled run starts none.
   */
  start(key: string, job: string, options: Json): Promise<string>;
  /** As `start`, and parks until that run ends, whatever its end. Cancelling this run cancels it. */
  call(key: string, job: string, options: Json): Promise<ChildEnd>;
  /**
   * Takes one of `places` under `name`, first come first served; parks the run while all are taken. Given
   * up whenever the run parks: for what is held across waits there are leases.
   */
  slot(name: string, places: number, why: string): Promise<void>;
  /** Puts a mail into the outbox, once; its Message-ID is derived from run and key. */
  mail(key: string, mail: Mail): Promise<void>;
  note(note: Note): void;
  report(report: Report): void;
  progress(done: number, total: number, unit: string): void;
}

export interface Job<Schema extends z.ZodType = z.ZodType, Clients = unknown> {
  /** One sentence, imperative. */
  readonly summary: string;
  readonly options: Schema;
  /** How long a run may take in all, waits included. */
  readonly timeoutMs?: number;
  /** What it returns is kept with the run, up to 64 KiB, and handed to the run that called it. */
  run(ctx: EngineContext<z.output<Schema>> & Clients): Promise<Json | void>;
}
