/** `nightshift run`: makes a run, lets a daemon work it or works it here, and says what came of it. */
import type { Installation } from '../daemon.ts';
import { RedisDistrusted } from '../engine/errors.ts';
import type { Json } from '../engine/job.ts';
import { isOver, type RunRecord } from '../engine/runs.ts';
import { startRun } from '../start-run.ts';
import { codeOfState, EXIT } from './exit-codes.ts';
import { followRun } from './follow.ts';
import { renderReport, type View } from './render.ts';
import { renderRun } from './render-run.ts';
import type { Terminal } from './terminal.ts';

export interface RunCommand {
  readonly job: string;
  readonly options: Readonly<Record<string, Json>>;
  readonly go: boolean;
  readonly follow: boolean;
  readonly by: string;
  readonly view: View;
}

/** Returns the exit code. A run that acts and has a daemon to work it is left to it, unless followed. */
export async function runJob(house: Installation, terminal: Terminal, asked: RunCommand): Promise<number> {
  const { engine } = house;
  if (engine.doubt !== undefined)
    throw new RedisDistrusted(`${engine.doubt}. Nothing is started; look, then: nightshift accept-redis`);
  const trigger = { kind: 'cli', by: asked.by } as const;
  const { id, acting } = await startRun(house, { ...asked, trigger });
  const left = await engine.daemonLives();
  terminal.say(acting.acting ? `${id}: acting.` : `Dry run: nothing is changed (${acting.why}).`);
  if (left && acting.acting && !asked.follow) {
    terminal.say(`A daemon works it. Its log: nightshift log -f ${id}`);
    terminal.json(await engine.runs.get(id));
    return EXIT.done;
  }

  const working = left ? undefined : workHere(house, id);
  let worked = working === undefined;
  void working?.finally(() => {
    worked = true;
  });
  const quiet: Terminal = asked.follow ? terminal : { ...terminal, say: () => {} };
  const run = await followRun(engine, id, {
    terminal: quiet,
    until: (seen) => settled(seen) || (working !== undefined && worked),
  });
  await working;
  terminal.say(...sayOutcome(run, asked.view));
  terminal.json(run);
  return codeOfState(run.state);
}

/** Works the run in this process. The first Ctrl-C hands it over: it stays queued for the next owner. */
async function workHere({ engine }: Installation, id: string): Promise<void> {
  const handOver = (): void => void engine.handOver();
  process.once('SIGINT', handOver);
  process.once('SIGTERM', handOver);
  try {
    while ((await engine.work(id)) === 'queued' && !engine.leaving);
    await engine.sendMails();
  } finally {
    process.off('SIGINT', handOver);
    process.off('SIGTERM', handOver);
  }
}

/** The report is the answer; where there is none, or the run did not get there, the run itself is. */
function sayOutcome(run: RunRecord, view: View): string[] {
  return run.state === 'succeeded' && run.report !== undefined
    ? renderReport(run.report, view)
    : renderRun(run, view);
}

function settled({ state }: RunRecord): boolean {
  return isOver(state) || state === 'waiting' || state === 'needs-decision';
}
