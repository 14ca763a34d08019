/** How soon does a run go on elsewhere when its daemon is killed, and when it is told to end? */
import { join } from 'node:path';
import type { Job } from '../../src/engine/job.ts';
import { type Daemon, effectsIn, newWorld, startDaemon, stepsOptions } from '../engine/support/daemons.ts';
import { CLI } from '../engine/support/jobs.ts';
import { redisServer } from '../engine/support/redis-server.ts';
import { eventually, openHouse } from '../support/engine.ts';
import { type Figure, median, spread } from './figures.ts';

const TIMES = 5;
/** Short, so that what is measured is the hand-over and no step. */
const STEP_MS = 20;
const STEPS = 3000;
/** So many steps stand in the journal when the owner is lost. */
const STEPS_BEFORE = 20;

/** Real daemons with the timings that daemons have. */
export async function measureTakeOver(): Promise<Figure[]> {
  return [
    await figureOf('SIGKILL', { what: "a killed daemon's run goes on elsewhere", mostMs: 10_000 }),
    await figureOf('SIGTERM', { what: 'the run of one told to end goes on elsewhere', mostMs: 1000 }),
  ];
}

async function figureOf(
  signal: 'SIGKILL' | 'SIGTERM',
  { what, mostMs }: { what: string; mostMs: number },
): Promise<Figure> {
  const tookMs: number[] = [];
  for (let i = 0; i < TIMES; i += 1) tookMs.push(await takeOver(signal));
  const most = Math.max(...tookMs);
  return {
    what: `${what} (${signal})`,
    figure: `${median(tookMs)} ms`,
    bar: `< ${mostMs / 1000} s`,
    met: most < mostMs,
    how: `${spread(tookMs, { unit: 'ms' })} to the first step elsewhere; the longest counts`,
  };
}

/** Milliseconds from the signal to the next effect, which another daemon has. */
async function takeOver(signal: NodeJS.Signals): Promise<number> {
  const server = await redisServer();
  const house = await openHouse({ url: server.socket });
  const daemons: Daemon[] = [];
  try {
    const world = newWorld(join(house.stateDir, 'world'));
    const elsewhere: Job<typeof stepsOptions> = {
      summary: 'Elsewhere',
      options: stepsOptions,
      run: async () => {},
    };
    const { engine } = await house.engine({ steps: elsewhere });
    const options = { stateDir: house.stateDir, url: server.socket, timings: {}, world };
    daemons.push(...(await Promise.all([startDaemon(options), startDaemon(options)])));
    const run = await engine.create({
      job: 'steps',
      ...CLI,
      options: { steps: STEPS, stepMs: STEP_MS, effects: ['idempotent'] },
    });
    const pid = await eventually('the run to be under way', async () => {
      const effects = effectsIn(world).filter((effect) => effect.run === run);
      return effects.length >= STEPS_BEFORE && effects.at(-1)?.pid;
    });

    const signalledAt = Date.now();
    daemons.find((daemon) => daemon.pid === pid)?.signal(signal);
    const next = await eventually(
      'the run to go on elsewhere',
      async () => effectsIn(world).find((effect) => effect.pid !== pid),
      60_000,
    );
    return next.at - signalledAt;
  } finally {
    for (const daemon of daemons) daemon.signal('SIGKILL');
    await Promise.all(daemons.map(({ ended }) => ended));
    await house.close();
    await server.remove();
  }
}
