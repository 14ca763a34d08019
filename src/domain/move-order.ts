/** Which moves of a plan may begin now, while others are under way? */
import type { DefragmentPolicy } from './defragment-plan.ts';

/** Migrations that run together: everywhere, off one hypervisor and onto one. */
export type Limits = Pick<DefragmentPolicy, 'parallel' | 'outPerHypervisor' | 'inPerHypervisor'>;

/** One server to one hypervisor, by names or by numbers. */
export interface OrderedMove {
  readonly server: string | number;
  readonly from: string | number;
  readonly to: string | number;
  /** Predicted; left out, all are thought to take the same. */
  readonly seconds?: number;
}

export interface OrderRules<M> {
  readonly limits: Limits;
  /** Members of a hard group of affinity: a wave that holds one begins and ends by itself. */
  readonly isBound?: (move: M) => boolean;
  /** Of the servers that answer the same, one moves at a time. */
  readonly apartAs?: (move: M) => string | undefined;
}

type End = OrderedMove['from'];

interface Step<M> {
  readonly move: M;
  readonly wave: number;
  /** The same server's move before it. */
  readonly before: M | undefined;
}

/** What is to leave one hypervisor and has not begun, in the order of the waves, and how long that takes. */
interface Source<M> {
  waiting: readonly Step<M>[];
  seconds: number;
}

/** Who has this share of the most to give away goes first: the best of those tried, from a half to all of it. */
const NEARLY = 0.85;

/**
 * The moves of a plan whose waves are legal one after the other. Nothing waits for a whole wave: a move may
 * begin when the limits leave a place at both ends, when all moves of earlier waves off its target are over, and
 * the earlier one of its own server. So there is never more on a hypervisor than when the waves run one by one,
 * whatever each move takes: what comes there sees gone what its wave sees gone. A move that is never ended keeps
 * back what waits for it, and nothing else. Limits below 1 count as 1.
 */
export class MoveOrder<M extends OrderedMove> {
  readonly #limits: Limits;
  readonly #apartAs: (move: M) => string | undefined;
  readonly #waves: readonly (readonly M[])[];
  readonly #wholeWaves: readonly number[];
  /** Those of each wave that have not begun, in the order in which they are offered. */
  readonly #waiting: (readonly Step<M>[])[];
  readonly #sources: readonly Source<M>[];
  readonly #sourceOf: ReadonlyMap<End, Source<M>>;
  readonly #steps: ReadonlyMap<M, Step<M>>;
  readonly #underWay = new Set<M>();
  readonly #over = new Set<M>();
  readonly #off = new Map<End, number>();
  readonly #onto = new Map<End, number>();
  readonly #apart = new Map<string, number>();
  /** Moves off each hypervisor in the order of the waves, and how many of the first are over. */
  readonly #leaving = new Map<End, { readonly steps: readonly Step<M>[]; over: number }>();
  /** All waves before it have begun, and are over. */
  #firstWaiting = 0;
  #firstOpen = 0;

  constructor(
    waves: readonly (readonly M[])[],
    { limits, isBound = () => false, apartAs = () => undefined }: OrderRules<M>,
  ) {
    this.#limits = limits;
    this.#apartAs = apartAs;
    this.#waves = waves;
    this.#wholeWaves = [...waves.keys()].filter((w) => waves[w]!.some(isBound));
    this.#waiting = inOrder(waves);
    const steps = this.#waiting.flat();
    this.#steps = new Map(steps.map((step) => [step.move, step]));
    for (const [from, leaving] of Map.groupBy(steps, ({ move }) => move.from))
      this.#leaving.set(from, { steps: leaving, over: 0 });
    this.#sourceOf = new Map([...this.#leaving].map(([from, { steps }]) => [from, sourceOf(steps)]));
    this.#sources = [...this.#sourceOf.values()];
  }

  /**
   * Those that may begin now, all together: first what leaves the hypervisors that have most to give away, which
   * take longest, then wave by wave. The caller says which of them do begin.
   */
  next(): readonly M[] {
    const going = new Set<M>();
    const room = atLeastOne(this.#limits.parallel) - this.#underWay.size;
    const last = this.#lastWave();
    const offer = (steps: readonly Step<M>[]): void => {
      for (const step of steps) {
        if (going.size >= room) return;
        if (step.wave > last || going.has(step.move) || !this.#mayBegin(step)) continue;
        going.add(step.move);
        this.#count(step.move, 1);
      }
    };
    if (room > 0) for (const { waiting } of this.#longest()) offer(waiting);
    for (let w = this.#firstWaiting; w < this.#waves.length && w <= last && going.size < room; w++)
      offer(this.#waiting[w]!);
    for (const move of going) this.#count(move, -1);
    return [...going];
  }

  begin(moves: readonly M[]): void {
    for (const move of moves) {
      this.#strike(move);
      this.#underWay.add(move);
      this.#count(move, 1);
    }
  }

  /** It has arrived, or nothing is left to do for it; it may have begun or not. */
  end(move: M): void {
    if (this.#underWay.delete(move)) this.#count(move, -1);
    else this.#strike(move);
    this.#over.add(move);
    const leaving = this.#leaving.get(move.from)!;
    while (this.#isOver(leaving.steps[leaving.over]?.move)) leaving.over++;
    while (this.#waves[this.#firstOpen]?.every((one) => this.#over.has(one))) this.#firstOpen++;
  }

  /** It has not arrived: its place is free, and what waits for it goes on waiting. */
  fail(move: M): void {
    if (this.#underWay.delete(move)) this.#count(move, -1);
  }

  get underWay(): readonly M[] {
    return [...this.#underWay];
  }

  /** Those of each wave that are not over, the ones that have failed included. */
  left(): readonly (readonly M[])[] {
    return this.#waves.map((wave) => wave.filter((move) => !this.#over.has(move)));
  }

  waveOf(move: M): number {
    return this.#steps.get(move)!.wave;
  }

  /** Hypervisors that have nearly as much to give away as the one that has most. */
  #longest(): readonly Source<M>[] {
    const most = this.#sources.reduce((most, { seconds }) => Math.max(most, seconds), 0);
    return this.#sources
      .filter(({ seconds }) => seconds >= NEARLY * most)
      .toSorted((a, b) => b.seconds - a.seconds);
  }

  #strike(move: M): void {
    const { wave } = this.#steps.get(move)!;
    const source = this.#sourceOf.get(move.from)!;
    const isNot = (step: Step<M>): boolean => step.move !== move;
    if (!source.waiting.every(isNot)) source.seconds -= secondsOf(move);
    source.waiting = source.waiting.filter(isNot);
    this.#waiting[wave] = this.#waiting[wave]!.filter(isNot);
    while (this.#waiting[this.#firstWaiting]?.length === 0) this.#firstWaiting++;
  }

  #isOver(move: M | undefined): boolean {
    return move !== undefined && this.#over.has(move);
  }

  #mayBegin({ move, wave, before }: Step<M>): boolean {
    const { outPerHypervisor, inPerHypervisor } = this.#limits;
    const apart = this.#apartAs(move);
    return (
      (apart === undefined || (this.#apart.get(apart) ?? 0) === 0) &&
      (this.#off.get(move.from) ?? 0) < atLeastOne(outPerHypervisor) &&
      (this.#onto.get(move.to) ?? 0) < atLeastOne(inPerHypervisor) &&
      (before === undefined || this.#over.has(before)) &&
      this.#firstLeaving(move.to) >= wave
    );
  }

  #firstLeaving(hypervisor: End): number {
    const leaving = this.#leaving.get(hypervisor);
    return leaving?.steps[leaving.over]?.wave ?? Number.POSITIVE_INFINITY;
  }

  /** A whole wave waits for all before it, and all after it wait for it. */
  #lastWave(): number {
    const whole = this.#wholeWaves.find((wave) => wave >= this.#firstOpen);
    if (whole === undefined) return Number.POSITIVE_INFINITY;
    return whole === this.#firstOpen ? whole : whole - 1;
  }

  #count(move: M, by: 1 | -1): void {
    const apart = this.#apartAs(move);
    count(this.#off, move.from, by);
    count(this.#onto, move.to, by);
    if (apart !== undefined) count(this.#apart, apart, by);
  }
}

/** Wave by wave; in a wave first what leaves the hypervisor that has least to give away, and is empty soonest. */
function inOrder<M extends OrderedMove>(waves: readonly (readonly M[])[]): Step<M>[][] {
  const work = new Map<End, number>();
  for (const move of waves.flat()) work.set(move.from, (work.get(move.from) ?? 0) + secondsOf(move));
  const lastOf = new Map<OrderedMove['server'], M>();
  return waves.map((moves, wave) => {
    const soonest = moves.toSorted((a, b) => work.get(a.from)! - work.get(b.from)!);
    const steps = soonest.map((move) => ({ move, wave, before: lastOf.get(move.server) }));
    for (const move of moves) lastOf.set(move.server, move);
    return steps;
  });
}

function sourceOf<M extends OrderedMove>(steps: readonly Step<M>[]): Source<M> {
  return { waiting: steps, seconds: steps.reduce((sum, { move }) => sum + secondsOf(move), 0) };
}

function secondsOf({ seconds = 1 }: OrderedMove): number {
  return seconds;
}

function count<K>(counts: Map<K, number>, key: K, by: 1 | -1): void {
  counts.set(key, (counts.get(key) ?? 0) + by);
}

function atLeastOne(limit: number): number {
  return Math.max(1, limit);
}
