/**
 * The doorbell: tells some living worker to look at a run. Built on BullMQ, whose job is called a
 * delivery here. A delivery may be lost, doubled or late without harm: the truth is the run's record,
 * and who may work it is decided by `claim`.
 */
import { type ConnectionOptions, Queue, Worker } from 'bullmq';

export interface TransportOptions {
  /** A new connection, ours to close: BullMQ leaves those that it was given open. */
  readonly connect: () => Connection;
  /** BullMQ's keys live below this prefix; a hash tag keeps them on one slot. */
  readonly prefix: string;
  /** Runs worked at once by this process. */
  readonly concurrency: number;
  readonly lockMs: number;
  readonly stalledMs: number;
  /** Works the run as far as it goes; resolves when it has left this process. */
  readonly onRing: (run: string) => Promise<void>;
  readonly onError: (error: Error) => void;
}

type Connection = ConnectionOptions & { disconnect(): void };

const QUEUE = 'runs';

/** A worker that leaves or dies may have taken the sign that woke it along: the others look without one after so long. */
const LOOK_EVERY_S = 1;

export class Transport {
  readonly #options: TransportOptions;
  readonly #connections: Connection[] = [];
  readonly #queue: Queue;
  #worker: Worker | undefined;

  constructor(options: TransportOptions) {
    this.#options = options;
    this.#queue = new Queue(QUEUE, { connection: this.#connect(), prefix: options.prefix });
    this.#queue.on('error', options.onError);
  }

  /** `visit` tells one ring from the next: a bell that still hangs is not rung twice. */
  async ring(run: string, visit: string): Promise<void> {
    await this.#queue.add(
      'ring',
      { run },
      { jobId: `${run}.${visit}`, removeOnComplete: true, removeOnFail: true },
    );
  }

  /** From now on this process answers the bell. */
  listen(): void {
    const { prefix, concurrency, lockMs, stalledMs, onRing, onError } = this.#options;
    this.#worker = new Worker<{ run: string }>(QUEUE, (delivery) => onRing(delivery.data.run), {
      connection: this.#connect(),
      prefix,
      concurrency,
      lockDuration: lockMs,
      stalledInterval: stalledMs,
      // Stalled deliveries are counted by nobody: a run's own claims are.
      maxStalledCount: 1_000_000,
      drainDelay: LOOK_EVERY_S,
    });
    this.#worker.on('error', onError);
  }

  /** From now on others answer the bell; runs in hand are the caller's to hand over. */
  async deafen(): Promise<void> {
    await this.#worker?.close(true);
  }

  async close(): Promise<void> {
    await this.deafen();
    await this.#queue.close();
  }

  /** Lets go of Redis, whether it answers or not. */
  disconnect(): void {
    for (const connection of this.#connections) connection.disconnect();
  }

  #connect(): Connection {
    const connection = this.#options.connect();
    this.#connections.push(connection);
    return connection;
  }
}
