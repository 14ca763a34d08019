/** What has to be true before a run is made, whoever asks for it: a known job, options without a fault, three yeses. */

import { optionFaults } from './config/options.ts';
import type { Config } from './config.ts';
import { type Acting, mayAct } from './domain/acting.ts';
import { type Fault, sayPath, unknownWord } from './domain/words.ts';
import type { Engine } from './engine/engine.ts';
import type { Json, Trigger } from './engine/job.ts';
import type { RegisteredJob, Registry } from './engine/registry.ts';
import type { KeyedRequest } from './engine/request-key.ts';

export interface RunRequest {
  readonly job: string;
  /** Beside those of the configuration, and before them. */
  readonly options: Readonly<Record<string, Json>>;
  readonly trigger: Trigger;
  /** The asker's yes to changing things. */
  readonly go: boolean;
  /** What was asked under a key: asked again within a day, it finds the run that it made. */
  readonly request?: KeyedRequest;
}

/** The request cannot be met; nothing was started. */
export class RequestError extends Error {
  override readonly name = 'RequestError';
  readonly retryable = false;
  readonly faults: readonly Fault[];

  constructor(message: string, faults: readonly Fault[] = []) {
    super(
      [message, ...faults.map((fault) => `  ${sayPath(['options', ...fault.path])}: ${fault.message}`)].join(
        '\n',
      ),
    );
    this.faults = faults;
  }
}

/** Makes the run, or throws `RequestError` with every fault at once. */
export async function startRun<Clients extends object>(
  { engine, config }: { engine: Engine<Clients>; config: Config },
  request: RunRequest,
): Promise<{ id: string; acting: Acting }> {
  const registered = findJob(engine.jobs, request.job);
  const settings = config.jobs[request.job];
  const options = { ...settings?.options, ...request.options };
  const faults = optionFaults(registered.job.options, options);
  if (faults.length > 0) throw new RequestError(`${request.job} cannot be started like this:`, faults);
  const acting = mayAct({
    job: request.job,
    dryRun: config.dryRun,
    armed: settings?.armed ?? false,
    go: request.go,
  });
  const id = await engine.create({
    job: request.job,
    options,
    trigger: request.trigger,
    acting: acting.acting,
    ...(request.request === undefined ? {} : { request: request.request }),
  });
  return { id, acting };
}

/** The job of that name, or `RequestError` with the one that was meant or those that there are. */
export function findJob<Clients>(jobs: Registry<Clients>, name: string): RegisteredJob<Clients> {
  const job = jobs.get(name);
  if (job === undefined) throw new RequestError(`${name}: ${unknownWord('job', name, [...jobs.keys()])}`);
  return job;
}
