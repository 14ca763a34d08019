/** Runs a job of the product on a real engine, with a fake cloud as its world. */
import { join } from 'node:path';
import type { z } from 'zod';
import type { Clients } from '../../src/context.ts';
import type { Host } from '../../src/domain/fleet.ts';
import type { Outcome } from '../../src/engine/execution.ts';
import type { Job } from '../../src/engine/job.ts';
import type { RunRecord } from '../../src/engine/runs.ts';
import { clientsOver } from './clients.ts';
import type { DeathPoint, House, TestEngine } from './engine.ts';
import type { FakeCloud } from './fake-cloud.ts';

export interface World {
  readonly cloud: FakeCloud;
  /** The way back, as it lies on disk. */
  readonly handback: Map<string, readonly string[]>;
  readonly armed: Clients['armed'];
  /** Hosts that are no hypervisors. */
  readonly site?: ReadonlyMap<string, Host>;
  readonly monitoring?: Pick<Clients, 'prometheus' | 'alertmanager'>;
}

export interface Worked {
  readonly outcome: Outcome | 'refused';
  readonly run: RunRecord;
}

/** One process of an installation; several of the same `place` share its Redis. */
export async function openProcess(
  house: House,
  jobs: Readonly<Record<string, Job<z.ZodType, Clients>>>,
  world: World,
  {
    place = 'one',
    leaseMs = 6000,
    deathAt,
  }: { place?: string; leaseMs?: number; deathAt?: (point: DeathPoint) => boolean } = {},
): Promise<TestEngine<Clients>> {
  const { cloud, handback, armed } = world;
  const clients = clientsOver({
    cloud,
    host: (name) => world.site?.get(name) ?? cloud.host(name),
    ...world.monitoring,
    armed,
    handback: {
      write: async (subject, lines) => void handback.set(subject, lines),
      clear: async (subject) => void handback.delete(subject),
    },
  });
  return house.engine<Clients>(jobs, {
    clients,
    prefix: `{${place}}`,
    mailHost: place,
    stateDir: join(house.stateDir, place),
    timings: { leaseMs, renewMs: leaseMs / 5, reconcileMs: 1000, graceMs: 30_000 },
    ...(deathAt === undefined ? {} : { deathAt }),
  });
}

/** Works a run and those that it begins as far as they go. */
export async function work({ engine }: TestEngine<Clients>, id: string): Promise<Worked> {
  await engine.workFamily(id);
  const run = await engine.runs.get(id);
  if (run === undefined) throw new Error(`there is no run ${id}`);
  const outcome = run.state === 'running' ? 'refused' : (run.state as Outcome);
  return { outcome, run };
}
