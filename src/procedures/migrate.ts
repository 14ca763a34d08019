/**
 * Live-migrates one server off a hypervisor, and climbs the ladder with a migration that does not end: wait,
 * abort, another target, force, give up. Nova's "accepted" means little, and a server may show its new place
 * while its migration still runs: see `standingOf`.
 */
import type { Context } from '../context.ts';
import { allowedMs, type Measured, measure } from '../domain/bandwidth.ts';
import { isRetryable, PermanentError } from '../domain/failure.ts';
import type { Migration } from '../domain/fleet.ts';
import { type Climb, nextRung, whyTrouble } from '../domain/migration-ladder.ts';
import { watched, watchSince } from '../domain/migration-progress.ts';
import { serverName } from '../domain/names.ts';
import { sayList } from '../domain/say.ts';
import { causeOf, type Guest, type Migrated, type Move, type Scope, standingOf } from './guest.ts';
import { chooseAnother, type TargetSettings, turnOf } from './migration-target.ts';
import { poll } from './pause.ts';

export interface MigrateSettings extends TargetSettings {
  /** What live migration is expected to move, memory and disk together. */
  readonly mbPerSecond: number;
  /** No migration is given less time than this. */
  readonly migrateAtLeastSeconds: number;
  readonly migrateAtMostSeconds: number;
  readonly stalledAfterSeconds: number;
  readonly mostRewrites: number;
  readonly allow: TargetSettings['allow'] & { readonly forceComplete: boolean };
  readonly pollMs: number;
}

/** MB/s of migrations that have finished, by the hypervisor that they left: `Measured`. */
export const BANDWIDTH = 'bandwidth';

const ABORT_MS = 3 * 60_000;
/** An abort that comes before the guest is on its way may be lost, and nobody says so: it is asked for again. */
const LOOKS_PER_ABORT = 5;
/** Waiting and running, twice. */
const PHASES = 4;

/**
 * Moves a running server. A migration under way is joined, also one that an earlier owner of this run
 * began. When the ladder ends, or the run is cancelled or halted, the migration is aborted. Permanent
 * error when the server stays; deleted or stopped meanwhile is as good as moved.
 */
export async function migrate(ctx: Context<MigrateSettings>, move: Move): Promise<Migrated> {
  const { guest, from, key } = move;
  const withinMs = timeFor(guest, ctx.options);
  return ctx.step<Migrated>(
    key,
    {
      effect: 'verify',
      disruptive: true,
      inputs: { newest: guest.newest },
      timeoutMs: PHASES * withinMs + 3 * ABORT_MS,
      async verify() {
        const standing = await standingOf(ctx, from, guest);
        return standing.is === 'over' ? { happened: 'yes', value: standing.value } : { happened: 'no' };
      },
    },
    async (scope) => {
      const ascent = await Ascent.begin(ctx, move, { scope, withinMs });
      const ended = await ascent.climb();
      if (ended.how === 'moved') scope.log.info('it has moved', { server: guest.name, to: ended.to });
      else scope.skipped(`it was ${ended.how} meanwhile`);
      return ended;
    },
  );
}

/** How long a migration of the guest may run, or be waited for, in ms. */
export function timeFor(
  { ramMb, diskGb, mbPerSecond }: Guest,
  { migrateAtLeastSeconds, migrateAtMostSeconds }: MigrateSettings,
): number {
  const bounds = { atLeastSeconds: migrateAtLeastSeconds, atMostSeconds: migrateAtMostSeconds };
  return allowedMs(ramMb + diskGb * 1024, mbPerSecond, bounds);
}

/** One try of the step; what earlier tries of it did is read from the server's migrations. */
class Ascent {
  readonly #ctx: Context<MigrateSettings>;
  readonly #move: Move;
  readonly #scope: Scope;
  readonly #withinMs: number;
  /** Of the step's own end, or of a person's wish to stop it. */
  readonly #signal: AbortSignal;
  /** Migrations up to this one are no verdict on the next. */
  #newest: string | null;
  /** Hypervisors that it was on its way to when it was aborted. */
  readonly #tried: string[];
  /** One target that was named may be refused, not two. */
  #mayName: boolean;
  #asked = false;
  readonly #whyItWaits: ReturnType<typeof turnOf>;
  #pending = 'Nova accepted the migration, and none appeared';
  #phase: Climb['phase'] = 'waits';
  #sinceMs: number;
  #watch = watchSince(0);

  static async begin(
    ctx: Context<MigrateSettings>,
    move: Move,
    of: { readonly scope: Scope; readonly withinMs: number },
  ): Promise<Ascent> {
    const all = await ctx.cloud.migrations(move.guest.id);
    const before = all.findIndex(({ id }) => id === move.guest.newest);
    return new Ascent(ctx, move, { ...of, ours: before < 0 ? all : all.slice(0, before) });
  }

  private constructor(
    ctx: Context<MigrateSettings>,
    move: Move,
    { scope, withinMs, ours }: { scope: Scope; withinMs: number; ours: readonly Migration[] },
  ) {
    this.#ctx = ctx;
    this.#move = move;
    this.#scope = scope;
    this.#whyItWaits = turnOf(ctx, move.guest, scope);
    this.#withinMs = withinMs;
    this.#signal = AbortSignal.any([scope.signal, scope.revoked]);
    this.#sinceMs = scope.now().getTime();
    // What we, or a person, cancelled before is no verdict on the next try.
    const latest = ours[0];
    this.#newest = latest?.status === 'cancelled' ? latest.id : move.guest.newest;
    this.#mayName = ours.filter(({ status }) => status === 'error').length < 2;
    this.#tried = ours.flatMap(({ status, to }) => (status === 'cancelled' && to !== undefined ? [to] : []));
  }

  async climb(): Promise<Migrated> {
    const { pollMs: everyMs } = this.#ctx.options;
    const { timers } = this.#scope;
    const withinMs = PHASES * this.#withinMs + ABORT_MS;
    const climbing = poll(() => this.#look(), { everyMs, withinMs, signal: this.#signal, timers });
    const ended = await climbing.catch((error: unknown) => {
      if (this.#scope.revoked.aborted && !this.#scope.signal.aborted) return undefined;
      throw error;
    });
    return ended ?? this.#giveUp('it does not end');
  }

  async #look(): Promise<Migrated | undefined> {
    const standing = await standingOf(this.#ctx, this.#move.from, this.#guest);
    switch (standing.is) {
      case 'over':
        await this.#measure(standing.value);
        return standing.value;
      case 'failed':
        await this.#failed(standing);
        break;
      case 'pending':
        this.#pending = standing.why;
        // It runs no more, so what is left to copy says nothing.
        if (this.#phase === 'runs') this.#wait();
        break;
      case 'here':
        if (!this.#asked) await this.#ask();
        break;
      case 'running':
        await this.#follow(standing.migration);
        break;
    }
    const trouble = whyTrouble({ ...this.#standing, nowMs: this.#nowMs }, this.#patience);
    if (trouble === undefined) return undefined;
    return this.#nextRung(trouble, standing.is === 'running' ? standing.migration : undefined);
  }

  #wait(): void {
    this.#phase = 'waits';
    this.#sinceMs = this.#nowMs;
  }

  /** Names a target only where that matters; what the scheduler refuses there is left to it. */
  async #ask(): Promise<void> {
    const { cloud } = this.#ctx;
    const { guest } = this.#move;
    const waits = await this.#whyItWaits();
    if (waits !== undefined) {
      if (waits !== this.#pending) this.#scope.log.info(waits, { server: guest.name });
      this.#pending = waits;
      return;
    }
    const target = await this.#target();
    await cloud.liveMigrate(guest.id, target);
    this.#asked = true;
    this.#pending = 'Nova accepted the migration, and none appeared';
    const where = target === undefined ? {} : { to: target };
    this.#scope.log.info('Nova is asked to move it', { server: guest.name, ...where });
  }

  async #failed({ why, migration }: { why: string; migration?: Migration }): Promise<void> {
    const { guest, from } = this.#move;
    if (migration?.status === 'error' && this.#mayName && this.#mayHaveNamed) {
      this.#mayName = false;
      this.#asked = false;
      this.#newest = migration.id;
      this.#scope.log.info('the target was refused; the scheduler may choose', { server: guest.name });
      return;
    }
    const { timers } = this.#scope;
    const cause = migration ? await causeOf(this.#ctx, guest, { signal: this.#signal, timers }) : '';
    throw new PermanentError(`${serverName(guest)} did not leave ${from}: ${why}${cause}`);
  }

  /** The time of a migration counts from when it is first seen to run. */
  async #follow(migration: Migration): Promise<void> {
    const runs = migration.status === 'running' || migration.status === 'post-migrating';
    if (!runs) {
      this.#pending = `its migration ${migration.id} is ${migration.status}`;
      return;
    }
    if (this.#phase === 'waits') {
      this.#phase = 'runs';
      this.#sinceMs = this.#nowMs;
      this.#watch = watchSince(this.#nowMs);
    }
    const progress = await this.#ctx.cloud.progress(this.#move.guest.id, migration.id);
    this.#watch = watched(this.#watch, progress, this.#nowMs);
  }

  async #nextRung(trouble: string, migration: Migration | undefined): Promise<Migrated | undefined> {
    const { guest, from } = this.#move;
    const tried = [...this.#tried, ...(migration?.to === undefined ? [] : [migration.to])];
    const tries = this.#tried.length + 1;
    const elsewhere =
      !this.#move.onlyThere &&
      tries === 1 &&
      migration &&
      (await chooseAnother(this.#ctx, guest, { from, tried })) !== undefined;
    const phase = migration === undefined ? 'waits' : this.#phase;
    const rung = nextRung({
      phase,
      tries,
      elsewhere: elsewhere === true,
      mayForce: await this.#mayForce(),
    });
    if (rung === 'give up') return this.#giveUp(trouble);
    this.#scope.log.warn(`${trouble}; ${SAYS[rung]}`, { server: guest.name, to: migration?.to });
    if (rung === 'another target') return this.#turnBack();
    if (migration) await this.#ctx.cloud.forceComplete(guest.id, migration.id);
    this.#phase = 'forced';
    this.#sinceMs = this.#nowMs;
    return undefined;
  }

  /** Never with a device that moves along: forcing may switch to post-copy, which its driver does not survive. */
  async #mayForce(): Promise<boolean> {
    if (!this.#ctx.options.allow.forceComplete) return false;
    return (await this.#ctx.cloud.server(this.#move.guest.id))?.pinned === undefined;
  }

  /** Aborts the migration, so that the next look asks again. */
  async #turnBack(): Promise<Migrated | undefined> {
    const ended = await this.#abort();
    if ('how' in ended) return ended;
    const [latest] = await this.#ctx.cloud.migrations(this.#move.guest.id);
    this.#newest = latest?.id ?? this.#newest;
    if (latest?.to !== undefined) this.#tried.push(latest.to);
    this.#asked = false;
    this.#phase = 'waits';
    this.#sinceMs = this.#nowMs;
    return undefined;
  }

  /** The migration under way is aborted; it may still come out as moved. */
  async #giveUp(trouble: string): Promise<Migrated> {
    const { guest, from } = this.#move;
    const ended = await this.#abort();
    if ('how' in ended) return ended;
    this.#scope.revoked.throwIfAborted();
    const before = this.#tried.length > 0 ? `, as the one to ${sayList(this.#tried)} before` : '';
    const late = ended.aborted ? `its migration was aborted${before}` : this.#pending;
    throw new PermanentError(`${serverName(guest)} did not leave ${from}: ${trouble}; ${late}`);
  }

  async #abort(): Promise<Migrated | { readonly aborted: boolean }> {
    const { cloud, options } = this.#ctx;
    const { guest, from } = this.#move;
    let looks = 0;
    const settle = async (): Promise<Migrated | { aborted: boolean } | undefined> => {
      const standing = await standingOf(this.#ctx, from, this.#guest);
      if (standing.is === 'over') return standing.value;
      if (standing.is !== 'running') return { aborted: looks > 0 };
      if (looks === 0) this.#scope.log.info('its migration is aborted', { server: guest.name });
      if (looks % LOOKS_PER_ABORT === 0)
        await cloud.abortMigration(guest.id, standing.migration.id).catch(later);
      looks += 1;
      return undefined;
    };
    // In a state that cannot be aborted, which passes.
    const later = (error: unknown): void => {
      if (!isRetryable(error)) throw error;
    };
    const { signal, timers } = this.#scope;
    const ended = await poll(settle, { everyMs: options.pollMs, withinMs: ABORT_MS, signal, timers });
    if (ended !== undefined) return ended;
    throw new PermanentError(
      `the migration of ${serverName(guest)} off ${from} can be neither finished nor aborted`,
    );
  }

  /** What finished while we watched it run tells how fast the next will be. */
  async #measure(ended: Migrated): Promise<void> {
    const { guest, from } = this.#move;
    if (ended.how !== 'moved' || this.#phase !== 'runs') return;
    const table = this.#scope.table(BANDWIDTH);
    const before = (await table.get<Measured>(from)) ?? [];
    const seconds = (this.#nowMs - this.#sinceMs) / 1000;
    table.set(from, measure(before, guest.ramMb + guest.diskGb * 1024, seconds));
  }

  get #guest(): Pick<Guest, 'id' | 'newest' | 'by'> {
    return { ...this.#move.guest, newest: this.#newest };
  }
  get #nowMs(): number {
    return this.#scope.now().getTime();
  }
  get #standing(): Omit<Climb, 'nowMs'> {
    return { sinceMs: this.#sinceMs, phase: this.#phase, watch: this.#watch, withinMs: this.#withinMs };
  }
  get #patience() {
    const { stalledAfterSeconds, mostRewrites } = this.#ctx.options;
    return { stalledAfterMs: stalledAfterSeconds * 1000, mostRewrites };
  }
  get #mayHaveNamed(): boolean {
    return !this.#move.onlyThere && (this.#tried.length > 0 || this.#move.guest.target !== null);
  }

  /** As chosen when all guests were looked at; after a try that failed, another. */
  async #target(): Promise<string | undefined> {
    const { guest, from } = this.#move;
    if (!this.#mayName) return undefined;
    if (this.#tried.length === 0) return guest.target ?? undefined;
    return chooseAnother(this.#ctx, guest, { from, tried: this.#tried });
  }
}

const SAYS = {
  'another target': 'it is aborted and sent to another target',
  'force-complete': 'Nova is asked to pause the guest until all is copied',
} as const;
