/** What a YAML job is, once it was read. */
import type { Action, StepKind } from './kind.ts';
import type { Option } from './options.ts';
import type { Targets } from './targets.ts';

/** A step in its place. */
export interface Step {
  /** Its name, or one made of its kind and number; unique in the job. */
  readonly label: string;
  readonly action: Action;
  /** It is worked once for each target, else once for the run. */
  readonly each: boolean;
  /** The hypervisor on which its commands run, where that is not the target; a template. */
  readonly on?: string;
  /** Its failure is noted and the next step goes on. */
  readonly goesOn: boolean;
}

export interface Definition {
  readonly name: string;
  readonly summary: string;
  readonly options: Readonly<Record<string, Option>>;
  readonly targets?: Targets;
  readonly timeoutMs?: number;
  readonly steps: readonly Step[];
  readonly onError: readonly Step[];
  readonly finally: readonly Step[];
}

export const STEP_LISTS = ['steps', 'onError', 'finally'] as const;
export type StepList = (typeof STEP_LISTS)[number];

/** A step that could be read, and where it stands. */
export interface Placed {
  readonly list: StepList;
  readonly index: number;
  readonly step: Step;
  readonly kind: StepKind;
}

/** What there is to look at, whatever else is wrong. */
export interface Parts extends Readonly<Record<StepList, readonly unknown[]>> {
  readonly options: Readonly<Record<string, unknown>>;
  readonly targets: unknown;
}
