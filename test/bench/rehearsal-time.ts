/** How long does the rehearsal of a campaign's night over a thousand hypervisors take, with one seed? */
import { faultRules } from '../../src/rehearse/faults.ts';
import { rehearse } from '../../src/rehearse/rehearse.ts';
import { readSite } from '../../src/rehearse/site.ts';
import type { Figure } from './figures.ts';
import { generateFleet } from './fleet-generator.ts';

const HYPERVISORS = 1000;
const WANTED_SECONDS = 60;
const NIGHTS = 1;
/** Longer is not waited for. */
const PATIENCE_MS = 600_000;

export async function measureRehearsal(): Promise<Figure> {
  console.error('Measuring: a rehearsal.');
  const fleet = generateFleet({ seed: 1, hypervisors: HYPERVISORS });
  const site = await readSite(undefined, ['reboot-hypervisors']);
  const wish = {
    fleet,
    site,
    from: Date.UTC(2026, 10, 24, 12),
    nights: NIGHTS,
    faults: faultRules('usual'),
    seeds: [1],
  };
  let far = 'not begun';
  const began = performance.now();
  const forecast = await rehearse(wish, {
    signal: AbortSignal.timeout(PATIENCE_MS),
    progress: ({ night, done, needed }) => {
      far = `in night ${night}, ${done} of ${needed} rebooted`;
    },
  }).catch((error: unknown) => {
    if (error instanceof DOMException && error.name === 'TimeoutError') return undefined;
    throw error;
  });
  const seconds = (performance.now() - began) / 1000;
  return {
    what: `a rehearsal of a night of reboot-hypervisors over ${HYPERVISORS} hypervisors`,
    figure: forecast === undefined ? `not done after ${seconds.toFixed(0)} s` : `${seconds.toFixed(1)} s`,
    bar: `< ${WANTED_SECONDS} s`,
    met: forecast !== undefined && seconds < WANTED_SECONDS,
    how: `one seed, ${far}`,
  };
}
