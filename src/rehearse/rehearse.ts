/** What would become of a campaign on this fleet? Real jobs on a simulated cloud, once for each seed. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FleetFile } from '../domain/fleet-file.ts';
import { type Course, type Forecast, forecastOf } from '../domain/forecast.ts';
import { openRedis, type RedisAccess } from '../engine/redis.ts';
import type { FaultRule } from '../twin/failures.ts';
import type { Pace } from '../twin/pace.ts';
import { openFleetTwin } from '../twin/twin.ts';
import { courseOn } from './course.ts';
import type { RehearsedSite } from './site.ts';
import { openStage } from './stage.ts';

export interface RehearsalWish {
  readonly fleet: FleetFile;
  readonly site: RehearsedSite;
  /** ms since 1970: the first night is the first after it. */
  readonly from: number;
  /** Nights at most. */
  readonly nights: number;
  /** What goes wrong; see `faultRules`. */
  readonly faults: readonly FaultRule[];
  readonly seeds: readonly number[];
}

/** How far it is. */
export interface RehearsalProgress {
  /** From 1, and how many there are. */
  readonly course: number;
  readonly courses: number;
  readonly night: number;
  readonly done: number;
  readonly needed: number;
}

/** Machines with a lot to check before they boot, five minutes, and services as fast as a small site's. */
const PACE: Partial<Pace> = {
  apiMs: 50,
  stopMs: 5000,
  awayMs: 285_000,
  agentMs: 10_000,
  tokenMs: 3650 * 86_400_000,
};

/**
 * The same wish gives the same forecast. On a private Redis that ends with it; nothing is sent to anybody. Throws
 * the signal's reason when that aborts, and `RefusedError` where no Redis can be started.
 */
export async function rehearse(
  wish: RehearsalWish,
  { signal, progress = () => {} }: { signal?: AbortSignal; progress?: (far: RehearsalProgress) => void } = {},
): Promise<Forecast> {
  const stateDir = await mkdtemp(join(tmpdir(), 'nightshift-rehearsal-'));
  const redis = await openRedis({ stateDir, volatile: true, onError: () => {} });
  try {
    const courses: Course[] = [];
    for (const [index, seed] of wish.seeds.entries()) {
      const far = { course: index + 1, courses: wish.seeds.length };
      const told = (night: number, done: number, needed: number): void =>
        progress({ ...far, night, done, needed });
      courses.push(await courseOf(wish, { seed, redis, stateDir, signal, told }));
    }
    return forecastOf(courses);
  } finally {
    await redis.close();
    await rm(stateDir, { recursive: true, force: true });
  }
}

interface Place {
  readonly seed: number;
  readonly redis: RedisAccess;
  readonly stateDir: string;
  readonly signal: AbortSignal | undefined;
  readonly told: (night: number, done: number, needed: number) => void;
}

async function courseOf(
  { fleet, site, from, nights, faults }: RehearsalWish,
  { seed, redis, stateDir, signal, told }: Place,
): Promise<Course> {
  const twin = openFleetTwin(fleet, { seed, at: from, pace: PACE });
  // Each counts how often it fitted.
  twin.faults.rules.push(...faults.map((rule) => ({ ...rule })));
  const { jobs, schedules, clientsOf } = site;
  const own = join(stateDir, `seed-${seed}`);
  const stage = await openStage({
    jobs,
    twin,
    redis,
    prefix: `{rehearsal-${seed}}`,
    stateDir: own,
    schedules,
    more: clientsOf,
  });
  try {
    return await courseOn(stage, { seed, site, nights, signal, progress: told });
  } finally {
    await stage.close();
  }
}
