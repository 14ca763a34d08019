/** How does a campaign go on one simulated cloud, night after night? */
import type { Course, Unfinished } from '../domain/forecast.ts';
import { DAY_MS, instantOf, wallClockAt } from '../domain/local-time.ts';
import { byName } from '../domain/names.ts';
import type { Hypervisor } from '../twin/state.ts';
import type { World } from '../twin/world.ts';
import { morning } from './person.ts';
import type { RehearsedSite } from './site.ts';
import type { Stage } from './stage.ts';
import { type Tally, tallyOf } from './tally.ts';

export interface CourseWish {
  readonly seed: number;
  readonly site: RehearsedSite;
  /** Nights at most. */
  readonly nights: number;
  readonly signal: AbortSignal | undefined;
  /** Told after each night. */
  readonly progress: (night: number, done: number, needed: number) => void;
}

/** The job that says why a hypervisor is not rebooted; of others it may be the last word on something else. */
const REBOOTS = 'reboot-hypervisors';
/** A line of its report: `not tonight  8 (limit=12): hv01 …`. */
const NOT_TONIGHT = /^not tonight {2}\d+ \((.+?)\): /;
/** So many nights in which nothing changed are the end: a weekend's guests have ended by then, too. */
const QUIET_NIGHTS = 5;

/** Plays nights until nothing needs a reboot, nothing changes any more, or there were enough of them. */
export async function courseOn(
  stage: Stage,
  { seed, site, nights, signal, progress }: CourseWish,
): Promise<Course> {
  const { engine, twin } = stage;
  const { world } = twin;
  const from = world.now;
  const tally = tallyOf(world);
  const needed = inNeed(world).length;
  let [night, quiet, calls] = [0, 0, 0];
  let before = tally();
  while (night < nights && quiet < QUIET_NIGHTS && (night === 0 || inNeed(world).length > 0)) {
    const first = engine.cron.forecast(new Date(world.now), 1)[0];
    if (first === undefined) break;
    await stage.play({
      upTo: noonAfter(Date.parse(first.at), site.timezone),
      ...(signal !== undefined && { signal }),
    });
    calls += await morning(engine, world.state);
    night += 1;
    const after = tally();
    quiet = after.changes === before.changes ? quiet + 1 : 0;
    before = after;
    progress(night, needed - inNeed(world).length, needed);
  }
  const unfinished = await unfinishedOn(stage);
  const isStill = quiet === QUIET_NIGHTS;
  const end = inNeed(world).length === 0 ? 'done' : isStill ? 'nothing changes' : 'no more nights';
  return {
    seed,
    from: new Date(from).toISOString(),
    nights: night - (end === 'nothing changes' ? quiet : 0),
    end,
    needed,
    done: needed - unfinished.length,
    unfinished,
    ...figuresOf(tally()),
    ...(await mailsOf(stage, site)),
    calls,
  };
}

function inNeed({ state }: World): Hypervisor[] {
  return Object.values(state.hypervisors).filter(({ boot, kernels }) => kernels.at(-1) !== boot.kernel);
}

/** Those that still need a reboot, and those that had it and are not back; each with the last word on it. */
async function unfinishedOn({ engine, twin }: Stage): Promise<Unfinished[]> {
  const notBack = Object.values(twin.world.state.hypervisors).filter(
    ({ disabled, boots, power }) => boots > 0 && (disabled || power === 'off'),
  );
  const names = new Set([...inNeed(twin.world), ...notBack].map(({ name }) => name));
  const noTurn = `its turn had not come${await whyNoTurn(engine)}`;
  const found = [...names].toSorted(byName).map(async (hypervisor): Promise<Unfinished> => {
    const said = await engine.runs.why(`hypervisor ${hypervisor}`);
    const isTold = said?.run.split('~')[0] === REBOOTS;
    return { hypervisor, why: isTold ? `${said?.note.verdict}: ${said?.note.why}` : noTurn };
  });
  return Promise.all(found);
}

/** In the words of the last campaign, in brackets. */
async function whyNoTurn({ runs }: Stage['engine']): Promise<string> {
  const [last] = await runs.list({ job: REBOOTS, limit: 1 });
  const report = last === undefined ? undefined : (await runs.get(last.id))?.report;
  const whys = (report?.lines ?? []).flatMap((line) => NOT_TONIGHT.exec(line)?.[1] ?? []);
  return whys.length === 0 ? '' : ` (the last campaign: ${whys.join('; ')})`;
}

function figuresOf({ moves, movedMb, died, headroom, lastBackAt }: Tally) {
  return {
    moves,
    movedGib: Math.round(movedMb / 1024),
    died,
    ...(headroom !== undefined && { headroom }),
    ...(lastBackAt !== undefined && { lastBackAt: new Date(lastBackAt).toISOString() }),
  };
}

async function mailsOf(stage: Stage, { operators }: RehearsedSite) {
  const mails = await stage.mails();
  const owners = mails.flatMap(({ to }) => to.filter((address) => !operators.includes(address)));
  return { mails: mails.length, ownersMailed: new Set(owners).size };
}

/** A night belongs to the day on which it begins, and is over at noon. */
function noonAfter(instant: number, zone: string): number {
  const wall = wallClockAt(instant, zone);
  const noon = Math.floor((wall + DAY_MS / 2) / DAY_MS) * DAY_MS + DAY_MS / 2;
  return instantOf(noon, zone);
}
