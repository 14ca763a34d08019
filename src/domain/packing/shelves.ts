/** Where is there room of about this size? Open hypervisors of each pool, sorted by what is free of its scarcest resource. */
import type { Model } from './model.ts';
import { poolTotals } from './pool-totals.ts';

const NONE = -1;
/** Shelves of a pool. */
const SHELVES = 256;

export class Shelves {
  readonly #model: Model;
  readonly #resource: Int32Array;
  readonly #largest: Float64Array;
  readonly #first: Int32Array;
  readonly #next: Int32Array;
  readonly #before: Int32Array;
  /** The shelf of each hypervisor, NONE for one that is not there. */
  readonly #shelf: Int32Array;

  constructor(model: Model) {
    this.#model = model;
    const { resource, largest } = scarcestOf(model);
    this.#resource = resource;
    this.#largest = largest;
    this.#first = new Int32Array(model.poolCount * SHELVES).fill(NONE);
    this.#next = new Int32Array(model.hypervisorCount).fill(NONE);
    this.#before = new Int32Array(model.hypervisorCount).fill(NONE);
    this.#shelf = new Int32Array(model.hypervisorCount).fill(NONE);
  }

  /** The shelf on which one of this kind fits at the earliest. */
  shelfFor(pool: number, kind: number): number {
    const resource = this.#resource[pool]!;
    return this.#shelfOf(pool, this.#model.kinds.demand[kind * this.#model.resourceCount + resource]!);
  }

  /** The shelf after the last of a pool. */
  endOf(pool: number): number {
    return (pool + 1) * SHELVES;
  }

  /** The first hypervisor of a shelf, NONE (−1) for an empty one. */
  first(shelf: number): number {
    return this.#first[shelf]!;
  }

  /** The one after it on its shelf, or NONE (−1). */
  after(hypervisor: number): number {
    return this.#next[hypervisor]!;
  }

  /** Puts it where it belongs now. */
  sort(hypervisor: number, free: Float64Array): void {
    const pool = this.#model.poolOf[hypervisor]!;
    const has = free[hypervisor * this.#model.resourceCount + this.#resource[pool]!]!;
    const shelf = this.#shelfOf(pool, has);
    if (this.#shelf[hypervisor] === shelf) return;
    this.remove(hypervisor);
    const next = this.#first[shelf]!;
    this.#next[hypervisor] = next;
    this.#before[hypervisor] = NONE;
    if (next !== NONE) this.#before[next] = hypervisor;
    this.#first[shelf] = hypervisor;
    this.#shelf[hypervisor] = shelf;
  }

  remove(hypervisor: number): void {
    const shelf = this.#shelf[hypervisor]!;
    if (shelf === NONE) return;
    const next = this.#next[hypervisor]!;
    const before = this.#before[hypervisor]!;
    if (before === NONE) this.#first[shelf] = next;
    else this.#next[before] = next;
    if (next !== NONE) this.#before[next] = before;
    this.#shelf[hypervisor] = NONE;
  }

  #shelfOf(pool: number, amount: number): number {
    const share = Math.floor((amount / this.#largest[pool]!) * (SHELVES - 1));
    return pool * SHELVES + Math.min(SHELVES - 1, Math.max(0, share));
  }
}

/** What is the scarcest in each pool, the resource of which the largest share is used; and the most that a hypervisor has of it. */
function scarcestOf(model: Model): { readonly resource: Int32Array; readonly largest: Float64Array } {
  const { poolCount, poolOf, resourceCount, capacity } = model;
  const { total, used } = poolTotals(model);
  const share = (pool: number, r: number) =>
    used[pool * resourceCount + r]! / (total[pool * resourceCount + r]! || Infinity);
  const resource = new Int32Array(poolCount).map((_, pool) => {
    let scarcest = 0;
    for (let r = 1; r < resourceCount; r++) if (share(pool, r) > share(pool, scarcest)) scarcest = r;
    return scarcest;
  });
  const largest = new Float64Array(poolCount).fill(1);
  for (const [h, pool] of poolOf.entries())
    largest[pool] = Math.max(largest[pool]!, capacity[h * resourceCount + resource[pool]!]!);
  return { resource, largest };
}
