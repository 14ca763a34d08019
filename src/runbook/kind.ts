/** What a kind of step is: how it is written, what it says of itself, and how it is worked. */
import { z } from 'zod';
import type { Context } from '../context.ts';
import { didYouMean } from '../domain/did-you-mean.ts';
import { PermanentError } from '../domain/failure.ts';
import { show } from '../domain/words.ts';
import type { Effect, Report } from '../engine/job.ts';
import { Duration, type Look, Probe } from './shapes.ts';
import type { Values } from './template.ts';

/** Where and as what a step is worked. */
export interface Place {
  readonly ctx: Context<unknown>;
  /** Of the job. */
  readonly job: string;
  /** Of the step, unique in the run. */
  readonly key: string;
  readonly values: Values;
  /** The hypervisor on which its commands run; undefined where it has none. */
  readonly host: string | undefined;
  /** It belongs to `onError` or `finally`: a cancelled or frozen run works it all the same. */
  readonly puttingBack: boolean;
  /** What people are told of the run so far. */
  report(): Report;
}

/** How a step ended that did not fail. `held`: somebody said no, so what comes after it is not begun. */
export type StepEnd = { readonly verdict: 'done' | 'skipped' | 'held'; readonly why: string };

export const DONE: StepEnd = { verdict: 'done', why: '' };

/** A step as it was read from the file. */
export interface Action {
  /** What it does, in words for a plan; templates as they were written. */
  readonly says: string;
  /** What repeating it would do; undefined where that is no question. */
  readonly effect?: Effect;
  /** Its commands need a hypervisor. */
  readonly needsHost: boolean;
  /** Another run does the work, and may want the target's lease for it. */
  readonly byAnotherRun?: true;
  /** Looked at before it is begun: when it fits, there is nothing to do. */
  readonly unless?: Look;
  /** Throws when it fails; see `isFailure`. */
  work(at: Place): Promise<StepEnd>;
}

/** A kind of step, by the key under which it is written. */
export interface StepKind {
  /** The whole step: the kind's own key, and what else it may have. */
  readonly schema: z.ZodType;
  /** Why it cannot stand in `onError` and `finally`; undefined where it can. */
  readonly notPuttingBack?: string;
  /** Only one hypervisor at a time may be worked with it, and only once each. */
  readonly alone?: true;
  /** `step` is what `schema` made of it. */
  readonly read: (step: never) => Action;
}

/** Identity at run time; it exists so that `schema` types what `read` is given. */
export function kindOf<Schema extends z.ZodType>(kind: {
  readonly schema: Schema;
  readonly notPuttingBack?: string;
  readonly alone?: true;
  read(step: z.output<Schema>): Action;
}): StepKind {
  return kind;
}

/** The work of a step failed in a way that no step of the engine has: a child run that failed, say. */
export class Failure extends PermanentError {
  override readonly name = 'Failure';
}

/** True for what ends the work on one target and not the run: a step that failed for good. */
export function isFailure(error: unknown): error is Error {
  return error instanceof Failure || (error instanceof Error && error.name === 'StepFailed');
}

/** `restart-agents`: it goes into ids and command lines as it is. */
const Name = z.string().regex(/^[a-z][a-z0-9-]*$/, {
  error: ({ input }) =>
    `${show(input)} is no name for a step (lower-case letters, digits and -, as in restart-agents)`,
});

/** What every step may have. */
export const Named = { name: Name.optional() };

/** What a step may have that can fail. */
export const Failing = {
  ...Named,
  onError: z.enum(['fail', 'continue']).default('fail'),
};

const EFFECTS = ['read', 'idempotent', 'verify', 'once'] as const;

const LESSON =
  'what would repeating it do? read: nothing, it looks only; idempotent: no more than doing it once; ' +
  'verify: say in `verify` how to see whether it happened; once: harm, so it is never repeated by itself (the default)';

export const EffectWord = z.enum(EFFECTS, {
  error: ({ input }) => {
    const meant = typeof input === 'string' ? didYouMean(input, EFFECTS) : undefined;
    return `${show(input)} is none of ${EFFECTS.join(', ')}${meant === undefined ? '' : `, did you mean \`${meant}\`?`}; ${LESSON}`;
  },
});

/** What a step may have that changes something outside. */
export const Acting = {
  ...Failing,
  effect: EffectWord.optional(),
  unless: Probe.optional(),
  verify: Probe.optional(),
  timeout: Duration.optional(),
  retry: z.strictObject({ tries: z.int().min(2).max(100), pause: Duration.prefault('5s') }).optional(),
};

/** What the keys of a step that acts must have to do with each other. */
export function checkActing(
  { effect, verify, retry }: { effect: Effect; verify?: Look | undefined; retry?: object | undefined },
  ctx: z.RefinementCtx,
): void {
  const fault = (key: string, message: string) => ctx.addIssue({ code: 'custom', path: [key], message });
  if (effect === 'verify' && verify === undefined)
    fault(
      'effect',
      'is verify, so `verify` has to say how to see whether it happened: { ssh: [...], stdout: … }',
    );
  if (verify !== undefined && effect !== 'verify' && effect !== 'once')
    fault('verify', `is asked only where the effect is verify or once; ${effect} is simply repeated`);
  if (retry !== undefined && effect === 'once')
    fault(
      'retry',
      'goes against the effect `once`, which is never repeated by itself: say `effect: idempotent` where repeating does no harm',
    );
}
