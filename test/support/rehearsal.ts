/**
 * A night in virtual time: the product's jobs and clients on a real engine, against a simulated cloud in the
 * same process. Time jumps to the next thing that is waited for as soon as nothing is done any more.
 */
import { setImmediate as turn } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { z } from 'zod';
import { openStackCloud } from '../../src/clients/openstack/cloud.ts';
import { readOpenStackSettings } from '../../src/clients/openstack/settings.ts';
import type { Clients } from '../../src/context.ts';
import type { Job, Json } from '../../src/engine/job.ts';
import type { OutgoingMail } from '../../src/engine/outbox.ts';
import { isOver, type RunRecord, type RunSummary } from '../../src/engine/runs.ts';
import type { Call } from '../../src/engine/scripts.ts';
import { virtualClock } from '../../src/engine/virtual-clock.ts';
import type { Seed } from '../../src/twin/seed.ts';
import { openQuietTwin, type QuietTwin } from '../../src/twin/twin.ts';
import { clientsOver } from './clients.ts';
import { openHouse } from './engine.ts';

export interface Rehearsal {
  readonly twin: QuietTwin;
  readonly clients: Clients;
  /** The way back, as it lies on disk. */
  readonly handback: Map<string, readonly string[]>;
  /** Runs a job until it ends, or until nothing goes on by itself; answers what became of it. */
  readonly play: (job: string, options: Json) => Promise<RunRecord>;
  /** Every run there is, by id. */
  runs(): Promise<readonly RunSummary[]>;
  /** Every mail so far, in the order in which they left. */
  mails(): Promise<readonly OutgoingMail[]>;
  close(): Promise<void>;
}

const PREFIX = '{rehearsal}';
const START = Date.UTC(2026, 10, 24, 22, 30);
/** Turns of the event loop in which nothing may happen before time goes on. */
const STILL_TURNS = 4;
/** After these no other run is due. */
const STEP_SCRIPTS = new Set(['begin', 'finish', 'tell', 'renew']);
/** Who is parked is woken by virtual time, never by Redis's. */
const NEVER_MS = 30 * 86_400_000;

export async function openRehearsal(
  jobs: Readonly<Record<string, Job<z.ZodType, Clients>>>,
  seed: Partial<Seed>,
  more: Partial<Clients> = {},
): Promise<Rehearsal> {
  const house = await openHouse();
  const clock = virtualClock(START);
  const twin = openQuietTwin({ seed: 7, hypervisors: 5, servers: 0, at: START, ...seed });
  const { world, inProcess } = twin;
  const wakes = new Map<string, number>();
  const inHand = new Map<string, Promise<unknown>>();
  let underWay = 0;
  let played = 0;
  /** Something was said to Redis after which another run may be due. */
  let mayBeDue = true;

  const settings = {
    ...readOpenStackSettings({ env: twin.env, cwd: house.stateDir, home: house.stateDir }),
    // Whoever tries again waits on the clock of the night: the steps do.
    timing: { retryForMs: 0 },
  };
  const handback = new Map<string, readonly string[]>();
  const clients = clientsOver({
    cloud: openStackCloud(settings, (asked) => inProcess.exchange(asked)),
    host: (name) => inProcess.host(name),
    handback: {
      write: async (subject, lines) => void handback.set(subject, lines),
      clear: async (subject) => void handback.delete(subject),
    },
    ...more,
  });
  const { engine } = await house.engine<Clients>(jobs, {
    clients,
    clock,
    prefix: PREFIX,
    redis: { ...house.redis, connect: () => counted(house.redis.connect()), close: async () => {} },
    timings: { leaseMs: 60_000, renewMs: 12_000, reconcileMs: 60_000, graceMs: 3_600_000 },
    around:
      (call: Call): Call =>
      (name, args, blob) => {
        const { run, wakeInMs } = args as { run?: string; wakeInMs?: number };
        if (!STEP_SCRIPTS.has(name)) mayBeDue = true;
        if (name === 'claim' && run !== undefined) wakes.delete(run);
        if (name !== 'park' || run === undefined || wakeInMs === undefined) return call(name, args, blob);
        wakes.set(run, clock.now().getTime() + wakeInMs);
        return call(name, { ...args, wakeInMs: NEVER_MS }, blob);
      },
  });
  const redis = house.redis.connect();

  /** A connection whose commands under way are known. */
  function counted(connection: Redis): Redis {
    const send = connection.sendCommand.bind(connection);
    connection.sendCommand = (...args) => {
      const sent = send(...args);
      underWay += 1;
      const over = (): void => void (underWay -= 1);
      Promise.resolve(sent).then(over, over);
      return sent;
    };
    return connection;
  }

  /** Until every run in hand waits for time or for the cloud. */
  async function quiet(): Promise<void> {
    for (let still = 0; still < STILL_TURNS; ) {
      await turn();
      const isBusy = underWay > 0 || inHand.size > clock.pausing + world.waiting;
      still = isBusy ? 0 : still + 1;
    }
  }

  /** True when there was a run to take in hand. */
  async function takeInHand(): Promise<boolean> {
    if (!mayBeDue) return false;
    mayBeDue = false;
    const due = (await engine.acts.due()).filter((id) => !inHand.has(id)).toSorted();
    for (const id of due)
      inHand.set(
        id,
        engine.work(id).finally(() => inHand.delete(id)),
      );
    return due.length > 0;
  }

  /** Goes on to the next thing that is waited for; false when there is none. */
  async function jump(): Promise<boolean> {
    const cloudAt = world.waiting > 0 ? world.nextAt : undefined;
    const times = [clock.nextAt, cloudAt, ...wakes.values()].filter((at) => at !== undefined);
    if (times.length === 0) return false;
    const at = Math.min(...times);
    world.advance(at);
    clock.moveTo(at);
    for (const [run, wakeAt] of wakes) {
      if (wakeAt > at) continue;
      wakes.delete(run);
      await redis.zadd(`${PREFIX}:open`, 'XX', 0, run);
      mayBeDue = true;
    }
    return true;
  }

  return {
    twin,
    clients,
    handback,
    async play(job, options) {
      played += 1;
      const id = `${job}~20261124T2230${String(played).padStart(2, '0')}Z`;
      await engine.create({ job, id, options, trigger: { kind: 'cli', by: 'kim' }, acting: true });
      const isEnded = async () =>
        !inHand.has(id) &&
        isOver(((await redis.hget(`${PREFIX}:run:${id}`, 'state')) ?? '') as RunRecord['state']);
      for (;;) {
        await quiet();
        const goesOn = (await takeInHand()) || (!(await isEnded()) && (await jump()));
        if (goesOn) continue;
        const run = await engine.runs.get(id);
        if (run === undefined) throw new Error(`there is no run ${id}`);
        return run;
      }
    },
    async runs() {
      return engine.runs.list({ limit: 10_000 });
    },
    async mails() {
      await engine.sendMails();
      return house.sent;
    },
    async close() {
      redis.disconnect();
      await house.close();
    },
  };
}
