/** Who works a run that somebody asked for at the command line, and what is that person told until it ends or waits? */
import { setTimeout as sleep } from 'node:timers/promises';
import type { RunRecord } from '../engine/runs.ts';
import { interruption, type Visit } from './command.ts';
import { codeOfState, EXIT } from './exit-codes.ts';
import { followRun, isSettled, showLog, showStatus } from './follow.ts';
import { renderReport } from './render.ts';
import { renderRun } from './render-run.ts';

const LOOK_EVERY_MS = 250;

/**
 * Works the run in this process while no daemon does, and stays with it until it has ended, waits, or
 * the person leaves: then it is handed over. Says what came of it; returns the exit code.
 */
export async function accompany(
  visit: Visit,
  id: string,
  { follow, from = 0 }: { follow: boolean; from?: number },
): Promise<number> {
  const { engine, terminal } = visit;
  const left = interruption();
  let worked = false;
  const working = workHere(visit, id, left).finally(() => {
    worked = true;
  });
  const [run] = await Promise.all([
    followRun(engine, id, {
      listener: follow ? showLog(terminal) : showStatus(terminal),
      from,
      until: (seen) => worked || isSettled(seen),
    }),
    working,
  ]);
  terminal.json(run);
  if (isSettled(run)) {
    terminal.say(...sayOutcome(run, visit));
    if (run.state === 'waiting' && !(await engine.daemonLives()))
      terminal.say('', `No daemon works here, so once that is over: nightshift resume ${id}`);
    return codeOfState(run.state);
  }
  terminal.say(...(await sayLeft(run, visit)));
  return EXIT.tryAgain;
}

/** Resolves when the run goes no further, or when `left` aborts and it is handed over. */
async function workHere({ engine, terminal }: Visit, id: string, left: AbortSignal): Promise<void> {
  let daemon = false;
  let handingOver: Promise<void> | undefined;
  const handOver = (): void => {
    if (!daemon)
      terminal.warn(
        'Handing the run over; a step that must not be left is waited for. Ctrl-C again ends at once.',
      );
    handingOver = engine.handOver();
  };
  left.addEventListener('abort', handOver, { once: true });
  while (!left.aborted) {
    daemon = await engine.daemonLives();
    if (!daemon) await engine.workFamily(id);
    const run = await engine.runs.get(id);
    if (run === undefined || isSettled(run)) {
      if (!daemon) await engine.sendMails();
      return;
    }
    await sleep(LOOK_EVERY_MS);
  }
  await handingOver;
}

/** The report is the answer; where there is none, or the run did not get there, the run itself is. */
function sayOutcome(run: RunRecord, { engine, view }: Visit): string[] {
  return run.state === 'succeeded' && run.report !== undefined
    ? renderReport(run.report, view)
    : renderRun(run, view, engine.jobs.get(run.job)?.job.options);
}

async function sayLeft({ id, state }: RunRecord, { engine }: Visit): Promise<string[]> {
  if (await engine.daemonLives())
    return [`${id} is ${state}; a daemon works it. Its log: nightshift log -f ${id}`];
  return [`${id} stays ${state}, and no daemon works here. Go on: nightshift resume ${id}`];
}
