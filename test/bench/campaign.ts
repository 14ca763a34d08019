/**
 * What does a campaign cost beyond what the cloud itself needs? 200 hypervisors on the simulated cloud, a night
 * in virtual time; and how soon a large simulated cloud is there.
 *
 *   node test/bench/campaign.ts [--json] [--only twin | line | waves] [--hypervisors 200] [--servers 2000] [--large]
 *
 * `--large` adds a cloud of 10,000 hypervisors. Exit codes: 0 all bars are met, 1 one is missed.
 */
import { parseArgs } from 'node:util';
import { measureCampaign } from './campaign-night.ts';
import { type Figure, machineWith, renderMeasured } from './figures.ts';
import { measureTwin } from './twin-size.ts';

const { values } = parseArgs({
  options: {
    json: { type: 'boolean' },
    only: { type: 'string' },
    large: { type: 'boolean', default: false },
    hypervisors: { type: 'string', default: '200' },
    servers: { type: 'string', default: '2000' },
  },
});
const size = { hypervisors: Number(values.hypervisors), servers: Number(values.servers) };

const parts: Readonly<Record<string, () => Promise<Figure[]>>> = {
  twin: () => measureTwin(values),
  line: () => measureCampaign('one at a time', size, {}),
  waves: () => {
    const parallelEmpty = { atOnce: 20, perZone: 20, perRack: 20 };
    return measureCampaign('20 empty ones at once', size, { parallelEmpty });
  },
};

const figures: Figure[] = [];
for (const [name, measure] of Object.entries(parts)) {
  if (values.only !== undefined && values.only !== name) continue;
  console.error(`Measuring: ${name}.`);
  figures.push(...(await measure()));
}
const measured = { machine: machineWith('private, without a file'), figures };
console.log(values.json ? JSON.stringify(measured, undefined, 2) : renderMeasured(measured));
process.exitCode = figures.some(({ met }) => met === false) ? 1 : 0;
