/** What people ask of runs and of the whole installation; each says who asked, and works from any process. */
import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import { redisNow } from './clock.ts';
import { RefusedError } from './errors.ts';
import type { Answered, Json } from './job.ts';
import { parseJournal, type StepRecord } from './journal.ts';
import type { RedisTrust } from './redis-trust.ts';
import { isOver, type RunRecord, type Runs } from './runs.ts';
import type { Call } from './scripts.ts';
import { tableIn } from './tables.ts';

/** Who asks, and the reason that the audit keeps. */
export interface Asker {
  readonly by: string;
  readonly why: string;
}

export interface Decision extends Asker {
  readonly step: string;
  /** `yes`: it happened, go on. `no`: run it again. `failed`: it did not, and it shall not be tried again. */
  readonly happened: 'yes' | 'no' | 'failed';
  /** What the step would have returned, where the job needs it. */
  readonly value?: Json;
}

/** One row of a table that steps read; without a value it is to go. */
export interface Row {
  readonly table: string;
  readonly key: string;
  readonly value?: Json;
}

export interface Mode {
  readonly mode: 'freeze' | 'halt' | '';
  readonly why: string;
  readonly since: string | undefined;
}

export interface ActsOptions {
  readonly call: Call;
  readonly redis: Redis;
  readonly prefix: string;
  readonly runs: Runs;
  readonly trust: RedisTrust;
  readonly ring: (run: string) => Promise<void>;
}

export class Acts {
  readonly #options: ActsOptions;

  constructor(options: ActsOptions) {
    this.#options = options;
  }

  /** Asks a run to stop and put back what it holds. Returns its state now. Repeating it changes nothing. */
  async cancel(id: string, { by, why }: Asker): Promise<string> {
    await this.#living(id);
    const { verdict, rest } = await this.#options.call('cancel', { run: id, by, why, nonce: randomUUID() });
    if (verdict === 'ENDED') throw new RefusedError(`${id} has ended already (${String(rest[0])})`);
    await this.#options.ring(id);
    return String(rest[0]);
  }

  /**
   * Ends a run at once, whoever has it, also when its owner's machine is gone. Nothing is put back: what
   * it holds stays as it is. Returns the steps that were under way.
   */
  async kill(id: string, { by, why }: Asker): Promise<string[]> {
    await this.#living(id);
    const error = `killed by ${by}: ${why}`;
    const { verdict, rest } = await this.#options.call('kill', {
      run: id,
      by,
      state: 'cancelled',
      error,
      nonce: randomUUID(),
    });
    if (verdict === 'ENDED') throw new RefusedError(`${id} has ended already (${String(rest[0])})`);
    return rest[0] as string[];
  }

  /** A person's word on a step whose outcome nobody saw; the run goes on. */
  async decide(id: string, { step, happened, value, by, why }: Decision): Promise<void> {
    const { state } = await this.#known(id);
    const { journal, fence, killed } = await this.#journal(id);
    if (state === 'cancelled' && !killed) throw new RefusedError(`${id} has ended already (${state})`);
    const record = journal.get(step);
    const open = [...journal].filter(([, one]) => one.state === 'unknown').map(([key]) => `"${key}"`);
    if (record?.state !== 'unknown') {
      const hint =
        open.length === 0
          ? 'no step of it awaits a decision'
          : `what awaits a decision is ${open.join(', ')}`;
      throw new RefusedError(`"${step}" is no step of ${id} with an unknown outcome; ${hint}`);
    }
    const said = `${record.why ?? ''}; ${by} decided: ${happened} (${why})`;
    const { blob: _, ...plain } = record;
    const decided: Record<Decision['happened'], StepRecord> = {
      yes: {
        ...plain,
        state: 'done',
        why: said,
        endedAt: new Date().toISOString(),
        ...(value === undefined ? {} : { value }),
      },
      no: { ...plain, why: said, again: true },
      failed: { ...plain, state: 'failed', why: said },
    };
    await this.#amend(id, fence, {
      act: 'decide',
      by,
      why,
      records: { [step]: JSON.stringify(decided[happened]) },
    });
  }

  /**
   * Takes a run up where its journal ends: one that failed (its failed step is tried again, and what came
   * after it), was killed, or was parked for a person. One that waits for a step's decision needs `decide`.
   */
  async resume(id: string, { by, why }: Asker): Promise<void> {
    const run = await this.#known(id);
    const { journal, fence, killed } = await this.#journal(id);
    const undecided = [...journal].find(([, record]) => record.state === 'unknown')?.[0];
    const refusal =
      run.state === 'succeeded'
        ? 'it has succeeded; start a new run'
        : run.state === 'cancelled' && !killed
          ? 'it was cancelled and has put back what it held; start a new run'
          : run.state === 'failed' && run.failedStep === undefined
            ? 'its failures were dealt with inside the run, no step is left to try again; start a new run'
            : run.state === 'running' || run.state === 'queued' || run.state === 'waiting'
              ? `it is ${run.state} already`
              : undecided !== undefined
                ? `step "${undecided}" needs a decision first: nightshift decide ${id} --step '${undecided}' --happened yes|no`
                : undefined;
    if (refusal !== undefined) throw new RefusedError(`${id} cannot be resumed: ${refusal}`);
    await this.#amend(id, fence, { act: 'resume', by, why, ...rewound(journal, run.failedStep) });
  }

  /** No new disruption begins; putting back goes on. With `halt`, migrations under way are aborted too. */
  async setMode(mode: Mode['mode'], { by, why }: Asker): Promise<void> {
    await this.#options.call('mode', { mode, by, why: mode === '' ? '' : `${by}: ${why}` });
    await Promise.all((await this.due()).map((run) => this.#options.ring(run)));
  }

  async mode(): Promise<Mode> {
    const { redis, prefix } = this.#options;
    const [mode, why, since] = await redis.hmget(`${prefix}:meta`, 'mode', 'modeWhy', 'modeSince');
    return {
      mode: (mode ?? '') as Mode['mode'],
      why: why ?? '',
      since: since == null ? undefined : new Date(Number(since)).toISOString(),
    };
  }

  /**
   * Goes on with a Redis that lost some of its past. Runs that were under way wait for a person, because
   * they may have done more than their journals say; returns how many.
   */
  async acceptRedis({ by }: Pick<Asker, 'by'>): Promise<number> {
    const { call, trust } = this.#options;
    if (trust.doubt === undefined)
      throw new RefusedError('there is no doubt about Redis; nothing was changed');
    const newEpoch = randomUUID();
    const { rest } = await call('accept', { by, newEpoch, replaces: [trust.epoch] });
    const { redis, prefix } = this.#options;
    trust.accept(newEpoch, Number((await redis.hget(`${prefix}:meta`, 'seq')) ?? 0));
    return Number(rest[0]);
  }

  /**
   * Answers a question of a run, also before it is asked or the run is there. The first answer holds; returns the
   * one that does.
   */
  async approve(
    id: string,
    { key, answer, by, why }: Asker & { key: string; answer: 'yes' | 'no' },
  ): Promise<Answered> {
    const state = await this.#options.runs.state(id);
    if (state !== undefined && isOver(state)) throw new RefusedError(`${id} has ended already (${state})`);
    const mine: Answered = { answer, by, why };
    const { verdict, rest } = await this.#options.call('answer', {
      run: id,
      key,
      by,
      answer: JSON.stringify(mine),
    });
    await this.#options.ring(id);
    return verdict === 'ANSWERED' ? (JSON.parse(String(rest[0])) as Answered) : mine;
  }

  /** The answer that somebody gave to a question of a run. */
  async answerTo(id: string, key: string): Promise<Answered | undefined> {
    const { redis, prefix } = this.#options;
    const answer = await redis.hget(`${prefix}:run:${id}:answers`, key);
    return answer === null ? undefined : (JSON.parse(answer) as Answered);
  }

  /**
   * Writes one row of a table, or deletes it when `value` is left out. Steps that have looked at the table
   * before see it at their next look. Repeating it changes nothing and is audited once.
   */
  async setRow({ table, key, value }: Row, { by, why }: Asker): Promise<void> {
    const text = value === undefined ? {} : { value: JSON.stringify(value) };
    await this.#options.call('set-row', { table, row: key, by, why, ...text });
  }

  /** The rows of a table, by key, as they are now. */
  async rows<T extends Json>(table: string): Promise<ReadonlyMap<string, T>> {
    const { redis, prefix } = this.#options;
    return tableIn(redis, prefix, table, []).all<T>();
  }

  /** Has a run that waits look again now, before Redis's clock would; any other is left as it is. */
  async wake(id: string): Promise<void> {
    await this.#options.call('wake', { run: id });
  }

  /** Runs that somebody should work on now. */
  async due(): Promise<string[]> {
    const { redis, prefix } = this.#options;
    return redis.zrangebyscore(`${prefix}:open`, '-inf', await redisNow(redis));
  }

  async #known(id: string): Promise<RunRecord> {
    const run = await this.#options.runs.get(id);
    if (run === undefined) throw new RefusedError(`there is no run ${id}`);
    return run;
  }

  async #living(id: string): Promise<void> {
    const run = await this.#known(id);
    if (isOver(run.state)) throw new RefusedError(`${id} has ended already (${run.state})`);
  }

  async #journal(id: string): Promise<{ journal: Map<string, StepRecord>; fence: string; killed: boolean }> {
    await this.#known(id);
    const { redis, prefix } = this.#options;
    const [fence, killed] = await redis.hmget(`${prefix}:run:${id}`, 'fence', 'killed');
    const flat = Object.entries(await redis.hgetall(`${prefix}:run:${id}:journal`)).flat();
    return { journal: parseJournal(flat), fence: fence ?? '', killed: killed === '1' };
  }

  async #amend(id: string, expect: string, change: object): Promise<void> {
    const { verdict, rest } = await this.#options.call('amend', {
      run: id,
      expect,
      nonce: randomUUID(),
      ...change,
    });
    if (verdict === 'MOVED')
      throw new RefusedError(`${id} has moved on meanwhile (it is ${String(rest[0])}); look again`);
    await this.#options.ring(id);
  }
}

/**
 * The journal as it was before `failedStep` began: later reads and idempotent steps are forgotten, later
 * `verify` steps will be asked what happened, and what is `once` stays done.
 */
function rewound(
  journal: ReadonlyMap<string, StepRecord>,
  failedStep: string | undefined,
): { records: Record<string, string>; drop: string[] } {
  const failed = failedStep === undefined ? undefined : journal.get(failedStep);
  if (failed === undefined) return { records: {}, drop: [] };
  const later = [...journal].filter(([, record]) => record.n > failed.n);
  const again = [[failedStep ?? '', { ...failed, again: true }] as const];
  const asked = later
    .filter(([, { effect }]) => effect === 'verify')
    .map(([key, record]) => [key, { ...record, state: 'begun' }] as const);
  const drop = later
    .filter(([, { effect }]) => effect === 'read' || effect === 'idempotent')
    .map(([key]) => key);
  return {
    records: Object.fromEntries([...again, ...asked].map(([key, record]) => [key, JSON.stringify(record)])),
    drop,
  };
}
