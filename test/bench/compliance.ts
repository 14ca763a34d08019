/**
 * How long does a look at the patches of a large cloud take, with how much memory, and does one that finds nothing
 * new write nothing? How fast is a feed read beside csv-parse alone, and how fast do mails leave beside nodemailer alone?
 *
 *   node test/bench/compliance.ts [--json] [--only run | parse | mail] [--hosts 100000] [--owners 8000] [--mails 2000] [--pairs 3]
 *
 * Each measurement is a process of its own on one core; the feed and the relay are another. Exit codes: 0 all bars are
 * met, 1 one is missed.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { startPakiti } from '../support/pakiti.ts';
import { startSmtp } from '../support/smtp.ts';
import { reportHosts } from './compliance-hosts.ts';
import type { Answer, Question } from './compliance-process.ts';
import { type Figure, machineWith, median, renderMeasured, spread } from './figures.ts';

const PROCESS = join(import.meta.dirname, 'compliance-process.ts');
/** Where there is no such program, a measurement may use what it gets. */
const ONE_CORE = existsSync('/usr/bin/taskset') ? ['/usr/bin/taskset', '-c', '0'] : [];
/** What a daemon of such a site is started with (`NODE_OPTIONS`): Node lets garbage lie where memory is plenty. */
const HEAP = '--max-old-space-size=448';
const BARS = { seconds: 60, rssMb: 700, parse: 2, mail: 0.8 };

const { values } = parseArgs({
  options: {
    json: { type: 'boolean' },
    only: { type: 'string' },
    hosts: { type: 'string', default: '100000' },
    owners: { type: 'string', default: '8000' },
    mails: { type: 'string', default: '2000' },
    pairs: { type: 'string', default: '3' },
  },
});
const [hosts, owners, mails, pairs] = [values.hosts, values.owners, values.mails, values.pairs].map(
  Number,
) as [number, number, number, number];

const wanted = (what: string) => values.only === undefined || values.only === what;
const figures: Figure[] = [];
if (wanted('run') || wanted('parse')) {
  const pakiti = await startPakiti();
  reportHosts(pakiti, hosts, new Date(Date.now() - 3_600_000));
  if (wanted('run')) figures.push(...(await measureRun(pakiti.url)));
  if (wanted('parse')) figures.push(await measureParse(pakiti.url));
  await pakiti.stop();
}
if (wanted('mail')) figures.push(await measureMail());
if (figures.length === 0) throw new Error(`there is no measurement ${values.only}`);
const measured = { machine: machineWith('private'), figures };
console.log(values.json ? JSON.stringify(measured, undefined, 2) : renderMeasured(measured));
process.exitCode = figures.some(({ met }) => met === false) ? 1 : 0;

async function measureRun(url: string): Promise<Figure[]> {
  const { seconds, rssMb, count, again } = await ask({ measure: 'run', url, servers: hosts, owners });
  if (count !== hosts || again === undefined) throw new Error(`${count} of ${hosts} servers were judged`);
  const how = `n=1, ${hosts} servers with 5 findings each, ${owners} owners told, rows written to Redis`;
  const said = again.changed.length === 0 ? 'no table' : again.changed.join(', ');
  return [
    {
      what: 'a first look: polled, judged, every owner told',
      figure: `${seconds.toFixed(1)} s`,
      bar: `< ${BARS.seconds} s`,
      met: seconds < BARS.seconds,
      how,
    },
    {
      what: 'its memory',
      figure: `${rssMb.toFixed(0)} MB`,
      bar: `< ${BARS.rssMb} MB`,
      met: rssMb < BARS.rssMb,
      how: `n=1, most resident at any time, of the whole process, started with ${HEAP}`,
    },
    {
      what: 'a look that finds nothing new changes',
      figure: `${said}, ${again.mails} mails`,
      bar: 'nothing',
      met: again.changed.length === 0 && again.mails === 0,
      how: `n=1, ${again.seconds.toFixed(1)} s`,
    },
  ];
}

async function measureParse(url: string): Promise<Figure> {
  const ratios = await paired(
    () => ask({ measure: 'parse', url }),
    () => ask({ measure: 'csv-parse', url }),
  );
  const ratio = median(ratios);
  return {
    what: 'a Pakiti list read, over HTTP',
    figure: `${ratio.toFixed(2)} × csv-parse alone`,
    bar: `≤ ${BARS.parse} ×`,
    met: ratio <= BARS.parse,
    how: `${spread(ratios, { digits: 2 })}, pairs one after the other`,
  };
}

async function measureMail(): Promise<Figure> {
  const relay = await startSmtp({
    onData: (stream, _session, callback) => void stream.on('end', () => callback()).resume(),
  });
  const { port } = relay;
  const ratios = await paired(
    () => ask({ measure: 'nodemailer', port, mails }),
    () => ask({ measure: 'mail', port, mails }),
  );
  await relay.close();
  const ratio = median(ratios);
  return {
    what: 'mails handed to a relay, five at once',
    figure: `${ratio.toFixed(2)} × nodemailer's pool`,
    bar: `≥ ${BARS.mail} ×`,
    met: ratio >= BARS.mail,
    how: `${spread(ratios, { digits: 2 })}, ${mails} mails each, pairs one after the other`,
  };
}

/** The seconds of the first, as a part of those of the second; both have to do the same. */
async function paired(first: () => Promise<Answer>, second: () => Promise<Answer>): Promise<number[]> {
  const ratios: number[] = [];
  for (let n = 0; n < pairs; n += 1) {
    const [one, other] = [await first(), await second()];
    if (one.count !== other.count) throw new Error(`${one.count} were read or sent, and ${other.count}`);
    ratios.push(one.seconds / other.seconds);
  }
  return ratios;
}

async function ask(question: Question): Promise<Answer> {
  console.error(`Measuring: ${question.measure}.`);
  const [program, ...args] = [...ONE_CORE, process.execPath, HEAP, PROCESS];
  const { stdout } = await promisify(execFile)(program, [...args, JSON.stringify(question)]);
  return JSON.parse(stdout) as Answer;
}
