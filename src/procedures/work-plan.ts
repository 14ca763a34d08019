/** Moves servers as soon as the order of a plan lets each begin, until all is done or something stops the line. */
import type { PlannedMove } from '../domain/defragment-plan.ts';
import { closingsOf } from '../domain/emptying.ts';
import type { Baseline } from '../domain/gate.ts';
import { MoveOrder } from '../domain/move-order.ts';
import { sayCount } from '../domain/say.ts';
import { attempt } from './attempt.ts';
import { type Checked, checkNow } from './check-moves.ts';
import type { Defragmenting } from './defragment-settings.ts';
import type { Emptied } from './emptied.ts';
import { whyRed } from './gate.ts';
import type { Guest, Migrated } from './guest.ts';
import { whyOutside } from './in-window.ts';
import { migrate } from './migrate.ts';
import type { NightPlan } from './plan-defragmentation.ts';
import { reserve } from './reserve.ts';
import { noteMoves } from './see-fleet.ts';

/** What ended the line before all was done. */
export interface Stop {
  readonly stopped?: string;
  readonly red?: true;
}

/** `anew`: what is left has to be planned again, and why. */
export type PlanEnd = Stop & { readonly anew?: string };

export interface Working {
  readonly plan: NightPlan;
  readonly round: number;
  readonly night: Emptied;
  readonly baseline: Baseline;
}

/** A look at the whole fleet is good for so long, freezes and red gates included. */
const GOOD_FOR_MS = 10 * 60_000;

/** Throws when the run is cancelled. What is under way when the line stops is seen through. */
export async function workPlan(ctx: Defragmenting, working: Working): Promise<PlanEnd> {
  const { plan, night } = working;
  const { maxFailed } = ctx.options;
  night.expect(night.done + plan.plan.moves);
  if (plan.plan.moves > 0 && night.failed.size > maxFailed)
    return {
      stopped: `${sayCount(night.failed.size, 'migration')} failed, more than maxFailed=${maxFailed}`,
    };
  const line = new Line(ctx, working);
  try {
    return await line.work();
  } catch (error) {
    await line.seeThrough();
    throw error;
  }
}

type Gone = {
  readonly move: PlannedMove;
  readonly migrated?: Migrated;
  /** Why the plan does not hold any more. */
  readonly strayed?: string;
  /** Of the run: it is cancelled. */
  readonly error?: unknown;
};

/**
 * What is begun hangs on what the journal says is over, never on which answer comes first: so a replay begins the
 * same moves in the same turns.
 */
class Line {
  readonly #ctx: Defragmenting;
  readonly #working: Working;
  readonly #order: MoveOrder<PlannedMove>;
  readonly #lastMoves: ReadonlySet<PlannedMove>;
  /** By server. `gone` is what has ended and is in no turn yet. */
  readonly #underWay = new Map<string, Promise<Gone>>();
  readonly #gone = new Map<string, Gone>();
  #turn = 0;
  #ends = 0;
  /** The last look at the whole fleet, and the wave that it reached. */
  #looked = { wave: -1, at: 0 };

  constructor(ctx: Defragmenting, working: Working) {
    const { plan, bound, clusters } = working.plan;
    const isBound = new Set(bound);
    this.#ctx = ctx;
    this.#working = working;
    this.#order = new MoveOrder(plan.waves, {
      limits: ctx.options,
      isBound: ({ server }) => isBound.has(server),
      apartAs: ({ server }) => clusters[server],
    });
    this.#lastMoves = new Set(new Map(plan.waves.flat().map((move) => [move.server, move])).values());
  }

  async work(): Promise<PlanEnd> {
    let end: PlanEnd = {};
    for (;;) {
      while (isOpen(end)) {
        const moves = this.#order.next();
        if (moves.length === 0) break;
        end = await this.#begin(moves);
      }
      if (this.#underWay.size === 0) return end;
      const strayed = await this.#awaitSome();
      if (isOpen(end) && strayed !== undefined) end = { anew: strayed };
      this.#working.night.tell(this.#ctx);
    }
  }

  async seeThrough(): Promise<void> {
    await Promise.all(this.#underWay.values());
  }

  /** A frozen run waits before it looks at anything, so that it does not act on what it saw hours ago. */
  async #begin(moves: readonly PlannedMove[]): Promise<PlanEnd> {
    const ctx = this.#ctx;
    const { plan, round, night, baseline } = this.#working;
    this.#turn += 1;
    const label = `turn ${round}.${this.#turn}`;
    const at = await ctx.step(`begin ${label}`, { effect: 'idempotent', disruptive: true }, async ({ now }) =>
      now().toISOString(),
    );
    const needMs = Math.max(0, ...moves.map(({ seconds = 0 }) => seconds)) * 1000;
    const outside = await whyOutside(ctx, `window before ${label}`, needMs);
    if (outside !== null) return { stopped: outside };
    const wave = Math.max(...moves.map((move) => this.#order.waveOf(move)));
    const isDue = wave > this.#looked.wave || Date.parse(at) - this.#looked.at > GOOD_FOR_MS;
    if (isDue) {
      const { red } = await whyRed(ctx, moves[0]!.from, baseline, `gate before ${label}`);
      if (red !== null) return { stopped: red, red: true };
    }
    const { until } = plan;
    const whole = isDue ? { whole: this.#leftUpTo(wave) } : {};
    const checked = await attempt(() => checkNow(ctx, { label, moves, until, ...whole }, night));
    if (!checked.ok) return { stopped: `nothing more is moved: ${checked.error.message}` };
    if (isDue) this.#looked = { wave: Math.max(wave, this.#looked.wave), at: Date.parse(checked.value.at) };
    return this.#go(moves, checked.value);
  }

  /** Also what an earlier look has passed and has not begun since. */
  #leftUpTo(wave: number) {
    const last = Math.max(wave, this.#looked.wave);
    const left = this.#order.left();
    return { waves: left.slice(0, last + 1), underWay: this.#order.underWay, next: left[last + 1] ?? [] };
  }

  async #go(moves: readonly PlannedMove[], checked: Checked): Promise<PlanEnd> {
    const ctx = this.#ctx;
    const { night } = this.#working;
    if (checked.stopped !== null) return { stopped: checked.stopped };
    night.drop(ctx, checked.dropped);
    const dropped = checked.dropped.map(({ id }) => this.#drop(id));
    const [misfit] = checked.misfits;
    if (misfit !== undefined) return { anew: `${misfit.name} fits no more: ${misfit.why}` };
    const spoilt = await this.#close([...moves, ...dropped]);
    if (spoilt !== undefined) return { anew: spoilt };
    const guests = new Map(checked.guests.map((guest) => [guest.id, guest]));
    for (const move of moves) {
      const guest = guests.get(move.server);
      if (guest === undefined) continue;
      this.#order.begin([move]);
      this.#underWay.set(move.server, this.#follow(move, guest));
    }
    return {};
  }

  /** The first move of the server that is left. */
  #drop(id: string): PlannedMove {
    const move = this.#order
      .left()
      .flat()
      .find(({ server }) => server === id)!;
    this.#order.end(move);
    return move;
  }

  /** Before the first server leaves. Answers why one that was to be closed cannot be. */
  async #close(leaving: readonly PlannedMove[]): Promise<string | undefined> {
    const { plan, night } = this.#working;
    const left = this.#order.left().flat();
    for (const name of closingsOf(leaving, { emptied: plan.plan.emptied, left })) {
      if (night.closed.has(name)) continue;
      const closed = await reserve(this.#ctx, name, plan.until);
      if (!closed.ours) {
        night.spoilt.set(name, closed.why);
        return `${name} is ${closed.why}`;
      }
      night.closed.add(name);
    }
    return undefined;
  }

  async #follow(move: PlannedMove, guest: Guest): Promise<Gone> {
    const gone = await this.#move(move, guest).catch((error: unknown) => ({ move, error }));
    this.#gone.set(move.server, gone);
    return gone;
  }

  async #move(move: PlannedMove, guest: Guest): Promise<Gone> {
    const { from, to } = move;
    const { round, night } = this.#working;
    night.ask(from, guest);
    const key = `move ${guest.id} to ${to}, wave ${round}.${this.#order.waveOf(move) + 1}`;
    const ended = await attempt(() => migrate(this.#ctx, { guest, from, key, onlyThere: true }));
    if (!ended.ok) {
      night.fail(this.#ctx, guest, ended.error.message);
      return { move, strayed: ended.error.message };
    }
    const migrated = ended.value;
    night.finish(this.#ctx, guest, migrated);
    const isElsewhere = migrated.how === 'moved' && migrated.to !== to;
    return { move, migrated, ...(isElsewhere && { strayed: `${guest.name} went to ${migrated.to}` }) };
  }

  /** Until one at least has ended. Answers why the plan does not hold any more, if it does not. */
  async #awaitSome(): Promise<string | undefined> {
    await Promise.race(this.#underWay.values());
    this.#ends += 1;
    const key = `over ${this.#working.round}.${this.#ends}`;
    const ids = await this.#ctx.step(key, { effect: 'idempotent' }, async (scope) => {
      const over = [...this.#gone.values()].filter(({ error }) => error === undefined);
      await noteMoves(this.#ctx, scope, over.filter((gone) => this.#hasArrived(gone)).map(serverOf));
      return over.map(serverOf);
    });
    if (ids.length === 0) await this.#throwWhy();
    // What is journalled as over is not worked again, so this waits for nothing.
    const all = await Promise.all(ids.map((id) => this.#underWay.get(id)!));
    for (const gone of all) this.#strike(gone);
    return all.find(({ strayed }) => strayed !== undefined)?.strayed;
  }

  #strike(gone: Gone): void {
    const { move, strayed } = gone;
    this.#underWay.delete(move.server);
    this.#gone.delete(move.server);
    if (strayed === undefined) this.#order.end(move);
    else this.#order.fail(move);
  }

  async #throwWhy(): Promise<void> {
    await this.seeThrough();
    for (const { error } of this.#gone.values()) if (error !== undefined) throw error as Error;
  }

  /** It does not only stop over. */
  #hasArrived({ move, migrated }: Gone): boolean {
    return migrated?.how === 'moved' && this.#lastMoves.has(move);
  }
}

function serverOf({ move }: Gone): string {
  return move.server;
}

function isOpen({ stopped, anew }: PlanEnd): boolean {
  return stopped === undefined && anew === undefined;
}
