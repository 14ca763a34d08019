/**
 * One measurement of `compliance.ts` in a process of its own, whose memory is nobody else's; says as JSON what came out.
 *
 *   node test/bench/compliance-process.ts '{ "measure": "run", "url": "http://…/pakiti", "servers": 100000, "owners": 8000 }'
 */
import { createHash } from 'node:crypto';
import { parse } from 'csv-parse';
import { createTransport } from 'nodemailer';
import patchCompliance from '../../jobs/patch-compliance.ts';
import { smtpTransport } from '../../src/clients/mail.ts';
import { openPakiti } from '../../src/clients/pakiti/feed.ts';
import type { Clients } from '../../src/context.ts';
import type { Owner, Server } from '../../src/domain/fleet.ts';
import { clientsOver } from '../support/clients.ts';
import { type House, openHouse, type TestEngine } from '../support/engine.ts';
import { FakeCloud } from '../support/fake-cloud.ts';
import { nameOf } from './compliance-hosts.ts';

export type Question =
  | { readonly measure: 'run'; readonly url: string; readonly servers: number; readonly owners: number }
  | { readonly measure: 'parse' | 'csv-parse'; readonly url: string }
  | { readonly measure: 'mail' | 'nodemailer'; readonly port: number; readonly mails: number };

export type Answer = {
  /** Of the processor. */
  readonly seconds: number;
  readonly rssMb: number;
  /** Servers judged, hosts or rows read, mails sent. */
  readonly count: number;
  /** Of the second look, which finds nothing new: what it changed. */
  readonly again?: { readonly seconds: number; readonly mails: number; readonly changed: readonly string[] };
};

const TABLES = [
  'patch-cases',
  'patch-notices',
  'patch-owners',
  'patch-trends',
  'patch-mailed',
  'patch-reports',
];
const EVERY_DAY = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];
const MB = 1024;
const AT_ONCE = 5;

const question = JSON.parse(process.argv[2] ?? '{}') as Question;
console.log(JSON.stringify(await answerTo(question)));

async function answerTo(asked: Question): Promise<Answer> {
  if (asked.measure === 'run') return measureRun(asked);
  const begun = process.cpuUsage();
  const count =
    'port' in asked
      ? await sendAll(asked)
      : await (asked.measure === 'parse' ? readFeed : readCsv)(asked.url);
  return { seconds: cpuSecondsSince(begun), rssMb: peakMb(), count };
}

async function measureRun({ url, servers, owners }: Extract<Question, { measure: 'run' }>): Promise<Answer> {
  const house = await openHouse();
  try {
    const feed = openPakiti('pakiti', { url, timezone: 'UTC' });
    const cloud = cloudOf(servers, owners);
    const clients = clientsOver({ cloud, host: (name) => cloud.host(name), feed: () => feed });
    const living = await house.engine<Clients>(
      { 'patch-compliance': patchCompliance },
      { clients, timings: {} },
    );
    const first = await lookOnce(living);
    const rssMb = peakMb();
    const before = await digests(house);
    const mails = await mailsIn(house);
    const second = await lookOnce(living);
    const after = await digests(house);
    return {
      ...first,
      rssMb,
      again: {
        seconds: second.seconds,
        mails: (await mailsIn(house)) - mails,
        changed: TABLES.filter((_, n) => before[n] !== after[n]),
      },
    };
  } finally {
    await house.close();
  }
}

async function lookOnce({ engine }: TestEngine<Clients>): Promise<{ seconds: number; count: number }> {
  const begun = process.cpuUsage();
  const id = await engine.create({
    job: 'patch-compliance',
    options: {
      feed: 'pakiti',
      maxOwnersPerDay: 100_000,
      policy: { digest: { at: '00:00', days: EVERY_DAY } },
    },
    trigger: { kind: 'cron' },
    acting: true,
  });
  await engine.workFamily(id);
  const run = await engine.runs.get(id);
  if (run?.state !== 'succeeded') throw new Error(`the run ${run?.state}: ${run?.error}`);
  const { servers } = run.result as { servers: number };
  return { seconds: cpuSecondsSince(begun), count: servers };
}

/** Every server has an owner by its number. */
function cloudOf(count: number, owners: number): FakeCloud {
  const servers = Array.from(
    { length: count },
    (_, n): Server => ({
      id: `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`,
      name: nameOf(n),
      projectId: `project-${n % 1000}`,
      userId: `user-${n % owners}`,
      hypervisor: 'hv1',
      status: 'ACTIVE',
      size: { vcpus: 1, ramMb: 1024, diskGb: 10 },
      locked: false,
      metadata: {},
      createdAt: '2026-01-01T00:00:00Z',
    }),
  );
  return Object.assign(new FakeCloud([]), {
    fleet: () => Promise.resolve({ takenAt: '', hypervisors: [], servers, groups: [] }),
    owners: (asked: readonly Server[]) =>
      Promise.resolve(
        Object.fromEntries(
          asked.map(({ id, userId }): [string, Owner] => [
            id,
            { email: `${userId}@site.example`, by: 'user' },
          ]),
        ),
      ),
    projectContacts: () => Promise.resolve({}),
    projectNames: () => Promise.resolve({}),
  });
}

/** Of every table, in any order of its rows. */
async function digests({ redis }: House): Promise<string[]> {
  const connection = redis.connect();
  const all = await Promise.all(
    TABLES.map(async (table) => {
      const rows = Object.entries(await connection.hgetall(`{nightshift}:table:${table}`));
      const hash = createHash('sha256');
      for (const row of rows.toSorted(([a], [b]) => (a < b ? -1 : 1))) hash.update(JSON.stringify(row));
      return hash.digest('hex');
    }),
  );
  connection.disconnect();
  return all;
}

async function mailsIn({ redis }: House): Promise<number> {
  const connection = redis.connect();
  const keys = await connection.keys('{nightshift}:mail*');
  connection.disconnect();
  return keys.length;
}

async function readFeed(url: string): Promise<number> {
  const poll = await openPakiti('pakiti', { url, timezone: 'UTC', packages: false }).poll(
    AbortSignal.timeout(600_000),
  );
  return poll.hosts.reduce((sum, { findings }) => sum + findings.length, 0);
}

async function readCsv(url: string): Promise<number> {
  const { body } = await fetch(`${url}/api/hosts.php?type=csv`);
  const parser = parse({ columns: false });
  let rows = -1;
  parser.on('readable', () => {
    while (parser.read() !== null) rows += 1;
  });
  const over = new Promise((resolve, reject) => parser.once('end', resolve).once('error', reject));
  for await (const chunk of body ?? [])
    if (!parser.write(chunk)) await new Promise((go) => parser.once('drain', go));
  parser.end();
  await over;
  return rows;
}

async function sendAll({ measure, port, mails }: Extract<Question, { port: number }>): Promise<number> {
  const text = 'One of your servers needs security updates.\n'.repeat(40);
  const from = 'Cloud patching <patching@site.example>';
  const sink = smtpTransport({ url: `smtp://127.0.0.1:${port}`, from });
  const pool = createTransport({
    host: '127.0.0.1',
    port,
    pool: true,
    maxConnections: AT_ONCE,
    maxMessages: Infinity,
    ignoreTLS: true,
  });
  const send = async (n: number): Promise<unknown> => {
    const mail = { to: [`user-${n}@site.example`], subject: 'Updates', text, html: `<p>${text}</p>` };
    if (measure === 'nodemailer') return pool.sendMail({ from, ...mail, messageId: `<${n}@site.example>` });
    return sink.send(
      { ...mail, messageId: `<${n}@site.example>`, headers: { Date: new Date(0).toUTCString() } },
      [],
    );
  };
  const queue = Array.from({ length: mails }, (_, n) => n).values();
  const line = async (): Promise<void> => {
    for (const n of queue) await send(n);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, line));
  sink.close();
  pool.close();
  return mails;
}

/** Of the processor: whoever shares it does not count. */
function cpuSecondsSince(begun: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(begun);
  return (user + system) / 1e6;
}

function peakMb(): number {
  return process.resourceUsage().maxRSS / MB;
}
