/** How does a run come into being? By a person, a program, a schedule or another run, and never twice. */
import { randomBytes, randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { Clock } from './clock.ts';
import { RefusedError } from './errors.ts';
import type { ChildRun } from './execution.ts';
import type { Json, Trigger } from './job.ts';
import type { RegisteredJob, Registry } from './registry.ts';
import { type KeyedRequest, KeyReused, runOfRequest, sealRequest } from './request-key.ts';
import type { Call } from './scripts.ts';
import { stamp } from './stamp.ts';

export interface NewRun {
  readonly job: string;
  readonly options: Json;
  readonly trigger: Trigger;
  readonly acting: boolean;
  /** Left out: made from the job's name, the time and chance. */
  readonly id?: string;
  /** What was asked under a key: the same words again find the run that they made. */
  readonly request?: KeyedRequest;
}

interface MakingOptions<Clients> {
  readonly call: Call;
  readonly redis: Redis;
  readonly prefix: string;
  readonly clock: Clock;
  readonly jobs: Registry<Clients>;
  readonly ring: (run: string) => Promise<void>;
}

export class Making<Clients> {
  readonly #around: MakingOptions<Clients>;

  constructor(around: MakingOptions<Clients>) {
    this.#around = around;
  }

  /** See `Engine.create`. */
  async create(wanted: NewRun): Promise<string> {
    const { call, clock, ring } = this.#around;
    const { job: name, options, trigger, acting, id, request } = wanted;
    const checked = this.#job(name).job.options.safeParse(options);
    if (!checked.success) throw checked.error;
    const run = id ?? `${name}~${stamp(clock.now())}-${randomBytes(2).toString('hex')}`;
    const sealed = request === undefined ? undefined : sealRequest(request);
    const { verdict, rest } = await call('create', {
      run,
      ...this.fieldsOf({ job: name, options, trigger, acting }),
      ...(sealed === undefined ? {} : { request: sealed }),
    });
    if (verdict === 'ASKED') {
      const [made, digest] = rest as [string, string];
      if (digest !== sealed?.digest) throw new KeyReused(made);
      return made;
    }
    // Chance has made a name that another run has.
    if (verdict === 'EXISTS' && id === undefined) return this.create(wanted);
    await ring(run);
    return run;
  }

  /** Makes a run that another one begins, or finds it made: its id says which it is. */
  async child({ id, job, options, acting, parent, attached }: ChildRun): Promise<void> {
    this.#job(job).job.options.parse(options);
    const trigger: Trigger = { kind: 'run', by: parent };
    const fields = this.fieldsOf({ job, options, trigger, acting });
    await this.#around.call('create', { run: id, ...fields, parent, ...(attached ? { attached } : {}) });
    await this.#around.ring(id);
  }

  /** See `Engine.runOf`. */
  async runOf(request: KeyedRequest): Promise<string | undefined> {
    return runOfRequest(this.#around.redis, this.#around.prefix, request);
  }

  /** What the scripts write of a new run. */
  fieldsOf({ job: name, options, trigger, acting }: Omit<NewRun, 'id' | 'request'>): object {
    const { definition, source, job } = this.#job(name);
    return {
      job: name,
      nonce: randomUUID(),
      options: JSON.stringify(options),
      trigger: JSON.stringify(trigger),
      acting: acting ? '1' : '',
      definition,
      ...(source === undefined ? {} : { source }),
      by: trigger.by ?? trigger.kind,
      ...(job.timeoutMs === undefined ? {} : { timeoutMs: job.timeoutMs }),
    };
  }

  #job(name: string): RegisteredJob<Clients> {
    const { jobs } = this.#around;
    const job = jobs.get(name);
    if (job === undefined)
      throw new RefusedError(`there is no job ${name}; there are ${[...jobs.keys()].join(', ')}`);
    return job;
  }
}
