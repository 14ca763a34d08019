/** How long does the rehearsal of a campaign over a thousand hypervisors take, with one seed? */
import { faultRules } from '../../src/rehearse/faults.ts';
import { rehearse } from '../../src/rehearse/rehearse.ts';
import { readSite } from '../../src/rehearse/site.ts';
import type { Figure } from './figures.ts';
import { generateFleet } from './fleet-generator.ts';

const HYPERVISORS = 1000;
const WANTED_SECONDS = 60;
const NIGHTS = 120;

export async function measureRehearsal(): Promise<Figure> {
  console.error('Measuring: a rehearsal.');
  const fleet = generateFleet({ seed: 1, hypervisors: HYPERVISORS });
  const site = await readSite(undefined, ['reboot-hypervisors']);
  const began = performance.now();
  const { courses } = await rehearse({
    fleet,
    site,
    from: Date.UTC(2026, 10, 24, 12),
    nights: NIGHTS,
    faults: faultRules('usual'),
    seeds: [1],
  });
  const seconds = (performance.now() - began) / 1000;
  return {
    what: `a rehearsal of reboot-hypervisors over ${HYPERVISORS} hypervisors`,
    figure: `${seconds.toFixed(1)} s`,
    bar: `< ${WANTED_SECONDS} s`,
    met: seconds < WANTED_SECONDS,
    how: `one seed, ${courses[0]?.nights ?? 0} nights`,
  };
}
