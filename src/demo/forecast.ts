/** What would the next campaign be on the demo's cloud? A rehearsal says so, with the demo's own configuration. */
import type { FleetFile } from '../domain/fleet-file.ts';
import { describeForecast } from '../domain/forecast-report.ts';
import { faultRules } from '../rehearse/faults.ts';
import { type RehearsalProgress, rehearse } from '../rehearse/rehearse.ts';
import { type RehearsedSite, readSite } from '../rehearse/site.ts';
import { fleetOf } from '../twin/to-fleet.ts';
import type { World } from '../twin/world.ts';

const SEEDS = [1, 2, 3];
/** Few, because nobody wants to wait for servers that end in a week. */
const NIGHTS = 2;
/** In simulated time, which the demo's own polls are not made for. */
const PATIENCE = { pollMs: 2000, waitPollSeconds: 3600 };

/** One sentence, and how it was found. Rejects with the signal's reason when that aborts. */
export async function forecastNext(
  world: World,
  config: string,
  tools: { readonly signal: AbortSignal; readonly progress: (far: RehearsalProgress) => void },
): Promise<string[]> {
  const site = patient(await readSite(config));
  const wish = { fleet: nextKernel(fleetOf(world, 'demo')), site, from: world.now, nights: NIGHTS };
  const forecast = await rehearse({ ...wish, faults: faultRules('usual'), seeds: SEEDS }, tools);
  const { headline } = describeForecast(forecast, site.timezone);
  return [`The next kernel, rehearsed on this cloud: ${headline}`];
}

/** Everybody awaits one, and what we hold is given back. */
function nextKernel(fleet: FleetFile): FleetFile {
  const hypervisors = fleet.hypervisors.map((each) => {
    const { kernel: _, ...awaiting } = each;
    const isOurs = each.disabledReason?.startsWith('nightshift') === true;
    return isOurs ? { ...awaiting, enabled: true } : awaiting;
  });
  return { ...fleet, hypervisors };
}

/** Polls as on a real site; an option that a job does not have is left out. */
function patient(site: RehearsedSite): RehearsedSite {
  const schedules = site.schedules.map((one) => {
    const options = Object.assign({}, one.options, PATIENCE);
    const takes = site.jobs.get(one.job)?.job.options.safeParse(options).success === true;
    return { ...one, options: takes ? options : Object.assign({}, one.options, { pollMs: PATIENCE.pollMs }) };
  });
  return { ...site, schedules };
}
