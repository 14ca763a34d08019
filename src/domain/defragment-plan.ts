/** What is asked of the planner that empties hypervisors, and what it answers: the format `plan/1`. */

/** What a plan may cost, and what it must leave. */
export interface DefragmentPolicy {
  /** Migrations at most, detours included; Infinity for no budget. */
  readonly maxMoves: number;
  /** Empty hypervisors wanted at the end; `max` for as many as there can be. */
  readonly wanted: number | 'max';
  /** Only these are worth emptying; absent, each is. */
  readonly worth?: readonly string[];
  /** Hypervisors of each pool whose loss the rest must be able to bear when all is done (N+k); they count as empty. */
  readonly keepEmpty: number;
  /** Migrations that run together: everywhere, off one hypervisor and onto one. */
  readonly parallel: number;
  readonly outPerHypervisor: number;
  readonly inPerHypervisor: number;
  /** Servers moved within so many hours before the fleet was taken stay. */
  readonly coolDownHours: number;
  /** GiB that may be moved for one more empty hypervisor; the plan ends where the next costs more. Infinity for any. */
  readonly maxGibPerHypervisor: number;
  readonly seed: number;
  /** Rounds of improvement: the same seed, fleet and policy give the same plan, unless time was up before. */
  readonly iterations: number;
}

export type PlannedMove = {
  /** Server id, and hypervisor names. */
  readonly server: string;
  readonly from: string;
  readonly to: string;
  /** Indices of the NUMA cells that it takes there, for a server that is bound to cells. */
  readonly toCells?: readonly number[];
  /** Predicted: 8 + 8 × (GiB of memory ÷ (1 − dirty ratio) + GiB of local disk) ÷ Gbps. */
  readonly seconds?: number;
};

export type DefragmentPlan = {
  readonly format: 'plan/1';
  /** The fleet's name. */
  readonly fleet: string;
  readonly seed: number;
  /**
   * Legal one after the other, the moves of one together. They need not be run so: `MoveOrder` says which moves may
   * begin before whole waves are over.
   */
  readonly waves: readonly (readonly PlannedMove[])[];
  /** Hypervisors that the plan empties: not those that were empty before. */
  readonly emptied: readonly string[];
  readonly emptyBefore: number;
  readonly emptyAfter: number;
  /** No plan within the policy's budget can leave more empty. */
  readonly bound: number;
  readonly moves: number;
  readonly ramMovedMb: number;
  /** From the first move to the last one's end, each as long as predicted and begun as soon as it may. */
  readonly makespanSeconds: number;
  /** No order of these moves within the limits takes less. */
  readonly makespanBound: number;
  /** Each hypervisor not emptied and each server that keeps one from it, with the reason. */
  readonly held: readonly (
    | { readonly hypervisor: string; readonly why: string }
    | { readonly server: string; readonly why: string }
  )[];
  readonly warnings: readonly string[];
};
