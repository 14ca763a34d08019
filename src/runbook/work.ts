/**
 * A run of a YAML job: what comes before the targets, the targets batch by batch, what comes after them,
 * and what puts back. Which batch is the last depends on how the batches before it ended and on nothing
 * else, so that every replay begins the same targets.
 */
import type { Context } from '../context.ts';
import { messageOf, PermanentError } from '../domain/failure.ts';
import { whyNotNow } from '../domain/window.ts';
import type { Json } from '../engine/job.ts';
import { isCancelled } from '../procedures/attempt.ts';
import { type Board, sayBoard } from './board.ts';
import type { Definition, Step } from './definition.ts';
import { dryRun } from './dry-run.ts';
import { isFailure } from './kind.ts';
import { type Chosen, chooseTargets, sayWhere, type Target } from './targets.ts';
import type { Values } from './template.ts';
import { type Surroundings, workAll, workStep } from './work-step.ts';
import { type Attended, workTarget } from './work-target.ts';

type Ctx = Context<Readonly<Record<string, unknown>>>;

/** Throws when a person is needed, or the run was cancelled; what was to be put back has been by then. */
export async function work(ctx: Ctx, definition: Definition): Promise<void> {
  const values = valuesOf(ctx);
  const chosen = await choose(ctx, definition, values);
  if (!ctx.acting) return dryRun(ctx, { definition, chosen, values });
  await new Work(ctx, { definition, chosen, values }).run();
}

class Work {
  readonly #ctx: Ctx;
  readonly #definition: Definition;
  readonly #chosen: Chosen;
  readonly #around: Surroundings;
  readonly #ends: Attended[];
  readonly #remarks: string[] = [];
  readonly #where: string | undefined;

  constructor(
    ctx: Ctx,
    { definition, chosen, values }: { definition: Definition; chosen: Chosen; values: Values },
  ) {
    this.#ctx = ctx;
    this.#definition = definition;
    this.#chosen = chosen;
    this.#where = definition.targets === undefined ? undefined : sayWhere(definition.targets.where, values);
    this.#ends = chosen.held.map(({ name, why }) => ({ name, verdict: 'held', why }));
    const report = () => sayBoard(this.#board);
    this.#around = { ctx, job: definition.name, values, puttingBack: false, report };
  }

  async run(): Promise<void> {
    for (const end of this.#ends) this.#note(end);
    const error = await this.#forward();
    this.#ctx.report(sayBoard(this.#board));
    const faults = await this.#putBack(error);
    this.#remarks.push(...faults);
    this.#ctx.report(sayBoard(this.#board));
    if (error !== undefined) throw error;
    if (faults.length > 0) throw new PermanentError(faults.join('; '));
  }

  get #board(): Board {
    const { held, order } = this.#chosen;
    return {
      ends: this.#ends,
      total: held.length + order.length,
      where: this.#where,
      remarks: this.#remarks,
    };
  }

  /** With what the run ends, unless putting back fails; undefined when all went well. */
  async #forward(): Promise<unknown> {
    const { steps } = this.#definition;
    const first = steps.findIndex(({ each }) => each);
    const before = first < 0 ? steps : steps.slice(0, first);
    const after = first < 0 ? [] : steps.slice(first).filter(({ each }) => !each);
    try {
      const no = (await this.#outside('at the start')) ?? (await this.#once(before));
      if (no !== undefined) {
        if (this.#where === undefined) this.#remarks.push(`not begun: ${no}`);
        this.#holdRest(`not begun: ${no}`);
        return undefined;
      }
      const error = await this.#targets();
      if (error !== undefined) return error;
      const late = await this.#once(after);
      if (late !== undefined) this.#remarks.push(late);
      return this.#failedOnes();
    } catch (error) {
      if (isFailure(error)) this.#remarks.push(messageOf(error));
      this.#holdRest(`not begun: ${messageOf(error)}`);
      return error;
    }
  }

  /** Works steps of the run itself; resolves with why when somebody said no. */
  async #once(steps: readonly Step[]): Promise<string | undefined> {
    for (const step of steps) {
      const end = await workStep(step, this.#around, (words) => void this.#remarks.push(words));
      if (end.verdict === 'held') return end.why;
    }
    return undefined;
  }

  /** Works batch after batch; resolves with the error that stopped the line. */
  async #targets(): Promise<Error | undefined> {
    const { order } = this.#chosen;
    const { batch = 1, maxFailed = 0 } = this.#definition.targets ?? {};
    for (let i = 0; i < order.length; i += batch) {
      const late = await this.#outside(`from ${order[i]!.name}`);
      if (late !== undefined) {
        this.#holdRest(`not begun: ${late}`);
        return undefined;
      }
      const ends = await Promise.all(order.slice(i, i + batch).map((target) => this.#attend(target)));
      this.#ends.push(...ends);
      this.#ctx.progress(this.#ends.length, this.#board.total, 'hypervisors');
      this.#ctx.report(sayBoard(this.#board));
      const cancelled = ends.find(({ error }) => isCancelled(error))?.error;
      const failed = this.#ends.filter(({ verdict }) => verdict === 'failed');
      if (cancelled === undefined && failed.length <= maxFailed) continue;
      this.#holdRest(
        cancelled === undefined
          ? `not begun: ${failed.length} failed, maxFailed is ${maxFailed}`
          : `not begun: ${cancelled.message}`,
      );
      return cancelled ?? ends.find(({ verdict }) => verdict === 'failed')?.error ?? this.#failedOnes();
    }
    return undefined;
  }

  /** Why nothing may be begun now. Looked at also where there is no window, so that a replay finds the look. */
  async #outside(when: string): Promise<string | undefined> {
    const { window, options } = this.#ctx;
    const { takes = 0 } = this.#definition.targets ?? {};
    const why = await this.#ctx.step<string | null>(`window ${when}`, { effect: 'read' }, async (scope) =>
      window === undefined || options.outsideWindow === true
        ? null
        : (whyNotNow(window, scope.now(), takes) ?? null),
    );
    return why ?? undefined;
  }

  async #attend(target: Target): Promise<Attended> {
    const { name, zone } = target;
    const values = new Map([...this.#around.values, ['target.name', name], ['target.zone', zone]]);
    const end = await workTarget(this.#definition, { ...this.#around, values, target });
    this.#note(end);
    return end;
  }

  /** What was not begun is held, and says why. */
  #holdRest(why: string): void {
    const begun = new Set(this.#ends.map(({ name }) => name));
    for (const { name } of this.#chosen.order.filter((target) => !begun.has(target.name))) {
      const end: Attended = { name, verdict: 'held', why };
      this.#ends.push(end);
      this.#note(end);
    }
  }

  /** A failure that others came after cannot be resumed: they are done. */
  #failedOnes(): Error | undefined {
    const failed = this.#ends.filter(({ verdict }) => verdict === 'failed').map(({ name }) => name);
    return failed.length === 0 ? undefined : new PermanentError(`failed: ${failed.join(', ')}`);
  }

  async #putBack(error: unknown): Promise<string[]> {
    const { onError, finally: last } = this.#definition;
    const back: Surroundings = { ...this.#around, puttingBack: true };
    const once = (steps: readonly Step[]) => steps.filter(({ each }) => !each);
    const failed = error !== undefined && !isCancelled(error);
    return [...(failed ? await workAll(once(onError), back) : []), ...(await workAll(once(last), back))];
  }

  #note({ name, verdict, why }: Attended): void {
    const said = verdict === 'failed' ? 'needs you' : verdict;
    this.#ctx.note({ subject: `hypervisor ${name}`, verdict: said, why: `${this.#definition.name}: ${why}` });
  }
}

async function choose(ctx: Ctx, { targets }: Definition, values: Values): Promise<Chosen> {
  if (targets === undefined) return { order: [], held: [] };
  const { where } = targets;
  // A job that is not armed at all still shows what it would do.
  const armed = ctx.acting || ctx.armed !== false ? ctx.armed : true;
  return ctx.step<Chosen>('targets', { effect: 'read' }, async () =>
    chooseTargets((await ctx.cloud.fleet()).hypervisors, { where, armed, values }),
  );
}

function valuesOf(ctx: Ctx): Values {
  const options = Object.entries(ctx.options).map(
    ([name, value]) => [`options.${name}`, value as Json] as const,
  );
  return new Map<string, Json>([...options, ['run.id', ctx.runId]]);
}
