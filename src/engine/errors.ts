/** Why the engine stops working on something; jobs never need to catch these. */
import { PermanentError } from '../domain/failure.ts';

/** Another owner has the run now, or it was ended: write nothing more. */
export class FenceLost extends Error {
  override readonly name = 'FenceLost';
  readonly retryable = false;
}

/** Redis is not the one we knew: it was flushed, rolled back, or is another one. */
export class RedisDistrusted extends Error {
  override readonly name = 'RedisDistrusted';
  readonly retryable = false;
}

/** Somebody asked the run to stop: thrown where a disruption would begin, so that a job can put back what it holds. */
export class Cancelled extends PermanentError {
  override readonly name = 'Cancelled';
}

/** A step failed for good. `step` names it, in the run that threw it and in every replay. */
export class StepFailed extends PermanentError {
  override readonly name = 'StepFailed';
  readonly step: string;
  /** What the step threw, or on a replay what the journal kept of it. */
  constructor(step: string, message: string, cause?: unknown) {
    super(message, { cause });
    this.step = step;
  }
}

/** The run's code asks for something that its journal or this engine forbids: a fault of the job, not of the world. */
export class MisuseError extends PermanentError {
  override readonly name = 'MisuseError';
}

/** A person asked for something that cannot be done; the message says why and what can. */
export class RefusedError extends PermanentError {
  override readonly name = 'RefusedError';
}

/** A halt stopped a step under way; it is taken up again after the thaw. */
export class Halted extends Error {
  override readonly name = 'Halted';
}

/** One try of a step took longer than it may; another try may do better. */
export class TimedOut extends Error {
  override readonly name = 'TimedOut';
  readonly retryable = true;
}

/** Why a run goes no further for now. */
export interface Block {
  readonly state: 'waiting' | 'needs-decision' | 'queued';
  /** Completes the sentence "waits for …". */
  readonly why: string;
  /** The lease it queues for. */
  readonly lease?: string;
  /** The slot it queues for. */
  readonly slot?: string;
  /** Since when and until when it waits, in ms since the epoch, where the parking itself does not tell. */
  readonly sinceMs?: number;
  readonly untilMs?: number;
  /** It looks again after this many ms. */
  readonly wakeInMs?: number;
  /** It goes on when the freeze ends. */
  readonly frozen?: true;
  /** Items of the outbox that leave when the run parks. */
  readonly mails?: readonly { readonly id: string; readonly body: string }[];
}

/** Unwinds from inside a step to the execution, which parks the run; a job never sees it. */
export class Blocked extends Error {
  override readonly name = 'Blocked';
  readonly block: Block;
  constructor(block: Block) {
    super(block.why);
    this.block = block;
  }
}
