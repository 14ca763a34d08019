/** A night in virtual time for tests: the stage that the product rehearses on, with a small cloud and a run by hand. */
import type { z } from 'zod';
import type { Clients } from '../../src/context.ts';
import type { Job, Json } from '../../src/engine/job.ts';
import type { OutgoingMail } from '../../src/engine/outbox.ts';
import type { RunRecord, RunSummary } from '../../src/engine/runs.ts';
import { openStage, type Stage } from '../../src/rehearse/stage.ts';
import type { Seed } from '../../src/twin/seed.ts';
import { openQuietTwin, type QuietTwin } from '../../src/twin/twin.ts';
import { openHouse } from './engine.ts';
import { OUR_LETTERS } from './letters.ts';

export interface Rehearsal {
  readonly twin: QuietTwin;
  /** The way back, as it lies on disk. */
  readonly handback: Stage['handback'];
  /** Runs a job until it ends, or until nothing goes on by itself; answers what became of it. */
  readonly play: (job: string, options: Json) => Promise<RunRecord>;
  /** Every run there is, by id. */
  runs(): Promise<readonly RunSummary[]>;
  /** Every mail so far, in the order in which they left. */
  mails(): Promise<readonly OutgoingMail[]>;
  close(): Promise<void>;
}

const START = Date.UTC(2026, 10, 24, 22, 30);

export async function openRehearsal(
  jobs: Readonly<Record<string, Job<z.ZodType, Clients>>>,
  seed: Partial<Seed>,
  more: Partial<Clients> = {},
): Promise<Rehearsal> {
  const house = await openHouse();
  const twin = openQuietTwin({ seed: 7, hypervisors: 5, servers: 0, at: START, ...seed });
  const stage = await openStage({
    jobs: new Map(
      Object.entries(jobs).map(([name, job]) => [name, { name, job, definition: 'sha256:test' }]),
    ),
    twin,
    redis: house.redis,
    prefix: '{rehearsal}',
    stateDir: house.stateDir,
    more: () => ({ letter: OUR_LETTERS, ...more }),
  });
  const { engine } = stage;
  let played = 0;

  return {
    twin,
    handback: stage.handback,
    async play(job, options) {
      played += 1;
      const id = `${job}~20261124T2230${String(played).padStart(2, '0')}Z`;
      await engine.create({ job, id, options, trigger: { kind: 'cli', by: 'kim' }, acting: true });
      await stage.play({ run: id });
      const run = await engine.runs.get(id);
      if (run === undefined) throw new Error(`there is no run ${id}`);
      return run;
    },
    runs: () => engine.runs.list({ limit: 10_000 }),
    mails: () => stage.mails(),
    async close() {
      await stage.close();
      await house.close();
    },
  };
}
