/** Engines for tests: several at once on a private Redis of the test's own, each of which can die like a process. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import type { z } from 'zod';
import { Engine, type EngineOptions } from '../../src/engine/engine.ts';
import type { Job, Log } from '../../src/engine/job.ts';
import type { OutgoingMail } from '../../src/engine/outbox.ts';
import { openRedis, type RedisAccess } from '../../src/engine/redis.ts';
import type { Call, ScriptName } from '../../src/engine/scripts.ts';

/** Where a process may die: just before a script is sent, or just after it was carried out. */
export interface DeathPoint {
  readonly when: 'before' | 'after';
  readonly script: ScriptName;
  /** The step's key, where the script has one. */
  readonly key?: string;
}

export interface TestEngine<Clients extends object> {
  readonly engine: Engine<Clients>;
  /** Resolves when it has died at its death point. */
  readonly died: Promise<void>;
  /** Everything it writes from now on goes nowhere, as if the process were gone. */
  die(): void;
}

export interface House {
  readonly stateDir: string;
  readonly redis: RedisAccess;
  readonly sent: OutgoingMail[];
  readonly logged: string[];
  engine<Clients extends object>(
    jobs: Record<string, Job<z.ZodType, Clients>>,
    options?: Partial<EngineOptions<Clients>> & {
      clients?: Clients;
      deathAt?: (point: DeathPoint) => boolean;
    },
  ): Promise<TestEngine<Clients>>;
  close(): Promise<void>;
}

/** Leases of 300 ms, so that a take-over takes no longer than a blink. */
const QUICK = { leaseMs: 300, renewMs: 75, reconcileMs: 100, graceMs: 200 };

/**
 * A state directory with a private Redis in it, without an append-only file unless asked for; or, given
 * its `url`, on a Redis that the test itself starts and ends.
 */
export async function openHouse({
  durable = false,
  url,
}: {
  durable?: boolean;
  url?: string;
} = {}): Promise<House> {
  const stateDir = mkdtempSync(join(tmpdir(), 'ns-'));
  const place = { stateDir, url, ...(durable ? {} : { volatile: true as const }), onError: () => {} };
  const redis = await openRedis(place);
  const closings: (() => Promise<void>)[] = [];
  const sent: OutgoingMail[] = [];
  const logged: string[] = [];
  const say = (message: string, fields?: object): void =>
    void logged.push(`${message} ${JSON.stringify(fields ?? {})}`);
  const log: Log = { info: say, warn: say, error: say };

  return {
    stateDir,
    redis,
    sent,
    logged,
    async engine<Clients extends object>(
      jobs: Record<string, Job<z.ZodType, Clients>>,
      options: Partial<EngineOptions<Clients>> & {
        clients?: Clients;
        deathAt?: (point: DeathPoint) => boolean;
      } = {},
    ) {
      const death = Promise.withResolvers<void>();
      let dead = false;
      const die = (): void => {
        dead = true;
        death.resolve();
      };
      const around =
        (call: Call): Call =>
        async (name, args, blob) => {
          const point = { script: name, ...('key' in args ? { key: String(args.key) } : {}) };
          if (!dead && options.deathAt?.({ when: 'before', ...point })) die();
          if (dead) return never();
          const answer = await call(name, args, blob);
          if (!dead && options.deathAt?.({ when: 'after', ...point })) die();
          return dead ? never() : answer;
        };
      const connections: Redis[] = [];
      const connect = (): Redis => {
        const connection = redis.connect();
        connections.push(connection);
        return connection;
      };
      const engine = await Engine.open<Clients>({
        redis: { ...redis, connect, close: () => Promise.resolve() },
        stateDir,
        jobs: new Map(
          Object.entries(jobs).map(([name, job]) => [name, { name, job, definition: 'sha256:test' }]),
        ),
        clientsFor: () => Promise.resolve(options.clients ?? ({} as Clients)),
        deliver: (mail) => {
          sent.push(mail);
          return Promise.resolve();
        },
        log,
        mailHost: 'nightshift.test',
        timings: QUICK,
        around,
        ...options,
      });
      closings.push(async () => {
        if (!dead) return engine.close();
        for (const connection of connections) connection.disconnect();
      });
      return { engine, died: death.promise, die };
    },
    async close() {
      await Promise.all(closings.map((close) => close()));
      await redis.close();
      rmSync(stateDir, { recursive: true, force: true });
    },
  };
}

function never<T>(): Promise<T> {
  return new Promise<T>(() => {});
}

/** Waits until `look` gives something; fails after `withinMs`, saying what it waited for. */
export async function eventually<T>(
  what: string,
  look: () => Promise<T | undefined | false>,
  withinMs = 15_000,
): Promise<T> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const seen = await look();
    if (seen !== undefined && seen !== false) return seen;
    if (performance.now() > deadline) throw new Error(`waited ${withinMs} ms in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
