/** What does the demo's configuration say? An ordinary one, but for where its cloud lies. */
import { createHash } from 'node:crypto';
import { stringify } from 'yaml';
import type { Twin } from '../twin/twin.ts';
import { type Folder, stateDir } from './folder.ts';

/** The bearer token of the demo's API. */
export const TOKEN = 'demo';

/** When the simulated night begins: a minute before its first job. */
export const NIGHT_AT = Date.UTC(2026, 10, 24, 21, 59);

/** What runs in the night, by itself. A job that is added here is in the picture, too. */
const JOBS = {
  'defragment-hypervisors': {
    armed: true,
    schedule: '0 22 * * mon-thu',
    // A demo that was held up a moment is late by the minute.
    catchUp: 'last',
    window: 'nightly',
    options: { maxMoves: 200, mbPerSecond: 600, planSeconds: 3 },
  },
  'reboot-hypervisors': {
    armed: true,
    schedule: '41 22 * * mon-thu',
    catchUp: 'last',
    window: 'nightly',
    options: { limit: 100, mbPerSecond: 600, stopWithinSeconds: 5 },
  },
};

/** Looks at what is under way, once in so many simulated ms. */
const LOOK_EVERY_MS = 6000;
const LOOK_AT_MOST_EVERY_MS = 20;

/** Files by name, to be laid into the folder before the installation is opened. */
export function siteFiles(
  folder: Folder,
  { twin, apiPort, pace }: { twin: Pick<Twin, 'env' | 'ssh'>; apiPort: number; pace: number },
): Readonly<Record<string, string>> {
  const pollMs = Math.max(LOOK_AT_MOST_EVERY_MS, Math.round(LOOK_EVERY_MS / pace));
  const jobs = Object.entries(JOBS).map(([name, job]) => [
    name,
    { ...job, options: { ...job.options, pollMs } },
  ]);
  const configuration = {
    dryRun: false,
    timezone: 'UTC',
    windows: {
      nightly: { open: '22:00', startBy: '04:00', backBy: '05:00', days: ['mon', 'tue', 'wed', 'thu'] },
    },
    operators: { mail: ['cloud-ops@example.org'] },
    stateDir: stateDir(folder),
    http: {
      listen: `127.0.0.1:${apiPort}`,
      tokens: [{ name: 'demo', may: 'operate', sha256: createHash('sha256').update(TOKEN).digest('hex') }],
    },
    clouds: { main: { cloud: 'demo' } },
    ssh: {
      user: twin.ssh.user,
      key: `file:${folder.at('ssh-key')}`,
      knownHosts: folder.at('known-hosts'),
      addresses: twin.ssh.addresses,
    },
    mail: { folder: folder.at('mail'), from: 'Nightshift <nightshift@demo.example>' },
    jobs: Object.fromEntries(jobs),
    // A demo that was killed is to go on soon.
    engine: { leaseMs: 3000, renewMs: 750, reconcileMs: 500 },
  };
  const note = 'Written by `npm run demo` whenever it starts, so changes are lost';
  return {
    'nightshift.yaml': `# ${note}. An ordinary configuration for a simulated cloud.\n${stringify(configuration)}`,
    'clouds.yaml': `# ${note}.\n${stringify({ clouds: { demo: cloudEntry(twin.env) } })}`,
    'ssh-key': twin.ssh.key,
    'known-hosts': twin.ssh.knownHosts,
  };
}

/** As a clouds.yaml says what the environment says in OS_* variables. */
function cloudEntry(env: Twin['env']): object {
  return {
    auth: {
      auth_url: env['OS_AUTH_URL'],
      username: env['OS_USERNAME'],
      password: env['OS_PASSWORD'],
      project_name: env['OS_PROJECT_NAME'],
      user_domain_id: env['OS_USER_DOMAIN_ID'],
      project_domain_id: env['OS_PROJECT_DOMAIN_ID'],
    },
    region_name: env['OS_REGION_NAME'],
  };
}
