/** Stays with the night: has due runs made, shows what they say, and sees when it is over. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Engine } from '../engine/engine.ts';
import { isOver, type RunRecord } from '../engine/runs.ts';
import { answerFromConsole } from '../twin/console.ts';
import { familiesOf } from './family.ts';
import type { DemoHouse } from './house.ts';
import { layOut, moving, NOTHING_TOLD, type Told, tell } from './picture.ts';
import type { Screen } from './screen.ts';

const LOOK_EVERY_MS = 200;
const MOST_RUNS = 100;
/** A run that waits may go on at once; one that has waited for so long goes on another day. */
const SETTLED_AFTER_MS = 10_000;

export type Ending =
  | { readonly how: 'over' | 'needs a decision'; readonly runs: RunRecord[]; readonly leftOut: string[] }
  | { readonly how: 'interrupted' };

export class Watch {
  readonly #house: DemoHouse;
  readonly #screen: Screen;
  readonly #footer: () => string;
  #told: Told = NOTHING_TOLD;
  #changedAt = performance.now();
  #standing = '';

  /** `footer`: the last of the lines that change. */
  constructor(house: DemoHouse, screen: Screen, footer: () => string) {
    this.#house = house;
    this.#screen = screen;
    this.#footer = footer;
  }

  /** Resolves when every job of the night has had its run and none goes on, or when `stop` aborts. */
  async night(stop: AbortSignal): Promise<Ending> {
    const { engine, config } = this.#house.installation;
    const due = Object.entries(config.jobs).flatMap(([job, { schedule }]) => (schedule ? [job] : []));
    for (;;) {
      const runs = await this.#look();
      if (stop.aborted) return { how: 'interrupted' };
      const ledger = await engine.cron.ledger();
      const allDue = due.every((job) => ledger.some((row) => row.job === job));
      if (allDue && this.#isSettled(runs)) {
        await sendAllMails(engine);
        this.#screen.show([]);
        const leftOut = ledger.flatMap(({ job, at, leftOut: why }) =>
          why === undefined ? [] : [`${job} of ${at.slice(11, 16)}: ${why}`],
        );
        const asks = runs.some(({ state }) => state === 'needs-decision');
        return { how: asks ? 'needs a decision' : 'over', runs, leftOut };
      }
      await pause(stop);
    }
  }

  /** Goes on showing what happens until `stop` aborts. */
  async after(stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      await this.#look();
      await pause(stop);
    }
  }

  async #look(): Promise<RunRecord[]> {
    const { installation, clock } = this.#house;
    const { engine } = installation;
    // The daemon's own look comes every ten seconds of ours, which is late where time goes faster.
    await engine.cron.tick(clock.now());
    const runs = await readRuns(engine);
    const { lines, told } = tell(this.#told, runs);
    this.#told = told;
    this.#screen.say(lines.flatMap((line) => layOut(line, this.#screen.width)));
    for (const run of runs) await this.#answer(run);
    const underWay = moving(runs, this.#screen.width);
    this.#screen.show(underWay.length === 0 ? [] : [...underWay, this.#footer()]);
    return runs;
  }

  /** Somebody who was killed may have left a question that a look at the machine settles: it is answered for the person. */
  async #answer({ id, state, steps }: RunRecord): Promise<void> {
    if (state !== 'needs-decision') return;
    const { installation, twin } = this.#house;
    for (const { key } of steps.filter((step) => step.state === 'unknown')) {
      const answer = answerFromConsole(key, twin.world.state);
      if (answer === undefined) continue;
      await installation.engine.acts.decide(id, { step: key, by: 'the demo', ...answer });
      const text = `  answered for you (nightshift decide): ${answer.why}`;
      this.#screen.say(layOut({ time: '', text, hang: 4 }, this.#screen.width));
    }
  }

  #isSettled(runs: readonly RunRecord[]): boolean {
    if (runs.some(({ state }) => state === 'running' || state === 'queued')) return false;
    // What was started may wait for days; nobody waits for it tonight.
    if (familiesOf(runs).every(({ root }) => isOver(root.state))) return true;
    const standing = runs.map(({ id, state, steps }) => `${id} ${state} ${steps.length}`).join('\n');
    if (standing !== this.#standing) {
      this.#standing = standing;
      this.#changedAt = performance.now();
    }
    return performance.now() - this.#changedAt > SETTLED_AFTER_MS;
  }
}

/** Oldest first. */
async function readRuns({ runs }: Engine): Promise<RunRecord[]> {
  const listed = await runs.list({ limit: MOST_RUNS });
  const found = await Promise.all(listed.map(({ id }) => runs.get(id)));
  return found.filter((run) => run !== undefined).toReversed();
}

async function sendAllMails(engine: Engine): Promise<void> {
  await engine.sendMails();
  // What another sender has in hand is gone in a moment.
  for (let looks = 0; looks < 20 && (await engine.census()).mailsWaiting > 0; looks += 1)
    await sleep(LOOK_EVERY_MS);
}

async function pause(stop: AbortSignal): Promise<void> {
  await sleep(LOOK_EVERY_MS, undefined, { signal: stop }).catch(() => {});
}
