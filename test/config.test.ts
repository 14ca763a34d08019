import { generateKeyPairSync } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import patchCompliance from '../jobs/patch-compliance.ts';
import { configSchema } from '../src/config/schema.ts';
import { Secret } from '../src/config/secret.ts';
import { type Config, ConfigError, readConfig, secretsIn } from '../src/config.ts';

const jobs = {
  'reboot-hypervisors': {
    options: z.object({
      limit: z.int().positive().default(5),
      hosts: z.array(z.string()).optional(),
      names: z.union([z.array(z.string().min(1)), z.string()]).optional(),
      drain: z.object({ parallel: z.int().max(8) }).optional(),
      reason: z.string(),
    }),
  },
  'watch-announcements': { options: z.object({}) },
};

const TOKEN = `{ name: kim, may: read, sha256: "${'0'.repeat(64)}" }`;

/** A job of which the file says nothing. */
const UNSET = { armed: false, overlap: 'skip', catchUp: 'none', longWaitHours: 24, options: {} };

let cwd: string;

beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'nightshift-config-'));
  await mkdir(join(cwd, 'config'));
});

afterEach(async () => {
  await rm(cwd, { recursive: true });
});

async function read(yaml: string, env: Record<string, string> = {}, more = {}): Promise<Config> {
  await writeFile(join(cwd, 'config/nightshift.yaml'), yaml);
  return readConfig({ env: { PATH: process.env.PATH, ...env }, cwd, jobs: { ...jobs, ...more } });
}

/** What the operator is told about `yaml`, without the frame around the faults. */
async function faultsIn(yaml: string, env: Record<string, string> = {}): Promise<string[]> {
  const error: unknown = await read(yaml, env).catch((error: unknown) => error);
  expect(error).toBeInstanceOf(ConfigError);
  return (error as ConfigError).message
    .split('\n')
    .slice(1, -1)
    .map((line) => line.trim().replace(/ {2,}/, ' '));
}

async function file(name: string): Promise<string> {
  await writeFile(join(cwd, name), 'timezone: Europe/London');
  return join(cwd, name);
}

function password(reference: string): string {
  return `mail: { smtp: "smtps://relay", user: me, from: a@example.org, password: ${JSON.stringify(reference)} }`;
}

function passwordOf({ mail }: Config): Secret | undefined {
  return mail && 'login' in mail ? mail.login?.password : undefined;
}

describe('where the configuration comes from', () => {
  it('is the file that was asked for, before all others', async () => {
    await file('config/nightshift.yaml');
    const asked = await file('asked.yaml');

    const config = await readConfig({
      path: 'asked.yaml',
      env: { NIGHTSHIFT_CONFIG: 'other.yaml' },
      cwd,
      jobs,
    });

    expect(config).toMatchObject({ file: asked, timezone: 'Europe/London' });
  });

  it('is the file that NIGHTSHIFT_CONFIG names, before the usual places', async () => {
    await file('config/nightshift.yaml');
    const named = await file('named.yaml');

    const config = await readConfig({ env: { NIGHTSHIFT_CONFIG: named }, cwd, jobs });

    expect(config.file).toBe(named);
  });

  it('is config/nightshift.yaml where there is one', async () => {
    const usual = await file('config/nightshift.yaml');

    expect((await readConfig({ env: {}, cwd, jobs })).file).toBe(usual);
  });

  it('may be nowhere: then nothing is changed and no job is armed', async () => {
    const config = await readConfig({ env: {}, cwd, jobs });

    expect(config).toEqual({
      file: undefined,
      dryRun: true,
      timezone: 'UTC',
      windows: {},
      operators: { mail: [] },
      redis: {},
      stateDir: join(cwd, 'var/nightshift'),
      http: { listen: { host: '127.0.0.1', port: 7460 }, insecure: false, tokens: [] },
      clouds: {},
      feeds: {},
      jobs: {
        'reboot-hypervisors': UNSET,
        'watch-announcements': UNSET,
      },
      mailboxes: {},
      keep: { runsDays: 90, logsDays: 90, mailsDays: 30, ledgerDays: 400 },
      engine: {
        concurrency: 8,
        leaseMs: 6000,
        renewMs: 1500,
        reconcileMs: 2000,
        drainMs: 60_000,
        hideMailMs: 120_000,
      },
    });
  });

  it.each(['', '# all is commented out\n', '---\n'])('may be an empty file: %j', async (yaml) => {
    expect((await read(yaml)).dryRun).toBe(true);
  });

  it('must be there when it was asked for', async () => {
    const reading = readConfig({ path: 'missing.yaml', env: {}, cwd, jobs });

    await expect(reading).rejects.toThrow(
      'missing.yaml\n  the file does not exist\n1 fault; nothing was started.',
    );
  });
});

describe('jobs of the site', () => {
  const siteJobs = async (folder: string) => {
    if (!folder.endsWith('good')) throw new Error(`${folder} does not exist`);
    return { 'restart-agents': { options: z.object({ batch: z.int().default(3) }) } };
  };
  const readSite = async (yaml: string) => {
    await writeFile(join(cwd, 'config/nightshift.yaml'), yaml);
    return readConfig({ env: {}, cwd, jobs, siteJobs });
  };

  it('are set like those that come with Nightshift, and stand beside them', async () => {
    const config = await readSite('jobsDir: good\njobs: { restart-agents: { armed: true } }');

    expect(config.jobsDir).toBe(join(cwd, 'good'));
    expect(config.jobs['restart-agents']).toEqual({ ...UNSET, armed: true });
    expect(Object.keys(config.jobs)).toContain('reboot-hypervisors');
  });

  it('have their options checked', async () => {
    await expect(
      readSite('jobsDir: good\njobs:\n  restart-agents: { options: { bach: 1 } }'),
    ).rejects.toThrow('line 3  jobs.restart-agents.options.bach: unknown option, did you mean `batch`?');
  });

  it('that cannot be loaded are a fault among the others', async () => {
    const reading = readSite('dryRun: maybe\njobsDir: bad');

    await expect(reading).rejects.toThrow(`line 2  jobsDir: ${join(cwd, 'bad')} does not exist`);
    await expect(reading).rejects.toThrow('2 faults; nothing was started.');
  });
});

describe('a right configuration', () => {
  it('is typed, complete, and absolute in its paths', async () => {
    const config = await read(
      `
dryRun: false
timezone: Europe/London
windows: { nightly: { startBy: "04:00", open: 22:00, backBy: "05:00", days: [mon, thu], except: [2026-12-24..2027-01-02, 2027-04-02] } }
operators: { mail: [cloud-ops@example.org] }
redis: { url: "redis://127.0.0.1:6379/1" }
stateDir: state
http: { listen: "[::1]:80" }
clouds: { main: { cloud: prod } }
ssh: { user: ops, knownHosts: known_hosts, agent: env:SSH_AUTH_SOCK, addresses: { hv01: 192.0.2.1 } }
mail: { folder: mail }
jobs:
  reboot-hypervisors: { armed: { aggregates: [canary] }, schedule: "30 22 * * mon-thu", window: nightly, options: { limit: 12 } }
`,
      { SSH_AUTH_SOCK: '/run/agent' },
    );

    expect(config).toMatchObject({
      dryRun: false,
      windows: {
        nightly: {
          open: '22:00',
          days: ['mon', 'thu'],
          except: [
            { from: '2026-12-24', to: '2027-01-02' },
            { from: '2027-04-02', to: '2027-04-02' },
          ],
        },
      },
      stateDir: join(cwd, 'state'),
      http: { listen: { host: '::1', port: 80 } },
      ssh: {
        user: 'ops',
        knownHosts: [join(cwd, 'known_hosts')],
        agent: '/run/agent',
        port: 22,
        addresses: { hv01: '192.0.2.1' },
      },
      mail: { folder: join(cwd, 'mail'), from: 'Nightshift <nightshift@localhost>' },
      jobs: {
        'reboot-hypervisors': {
          armed: { aggregates: ['canary'] },
          schedule: '30 22 * * mon-thu',
          window: 'nightly',
          options: { limit: 12 },
        },
      },
    });
    expect(config.redis.url?.reveal()).toBe('redis://127.0.0.1:6379/1');
  });

  it('takes REDIS_URL from the environment when it names no Redis itself', async () => {
    const config = await read('dryRun: true', { REDIS_URL: 'redis://:hunter2@redis.example.org' });

    expect(config.redis.url?.reveal()).toBe('redis://:hunter2@redis.example.org');
  });

  it('may ask a monitoring that needs no secret in the open, and keeps those that it needs', async () => {
    const config = await read(
      'prometheus: { url: "http://prom.example.org:9090/p" }\nalertmanager: { url: "https://am", user: ns, password: env:PW, ca: ca.pem }',
      { PW: 's3cret' },
    );

    expect(config.prometheus).toEqual({ url: 'http://prom.example.org:9090/p' });
    expect(config.alertmanager).toMatchObject({ login: { user: 'ns' }, ca: join(cwd, 'ca.pem') });
    expect(secretsIn(config).map((secret) => secret.reveal())).toEqual(['s3cret']);
  });

  it('asks each feed in its own way, and keeps what it signs in with as secrets', async () => {
    const config = await read(
      `
feeds:
  pakiti: { pakiti: { url: "https://pakiti.example.org/pakiti", cert: me.pem, key: env:KEY, staleAfter: 2d } }
  exporters: { prometheus: { url: "http://prom.example.org", targets: { job: vms }, labels: { host: name } } }
  scans: { drop: { url: env:LIST, listsClean: true } }
`,
      { KEY: 'k3y', LIST: 'https://scans.example.org/t0ken' },
    );

    expect(config.feeds).toMatchObject({
      pakiti: {
        pakiti: { certificate: { cert: join(cwd, 'me.pem') }, packages: true, staleMs: 2 * 86_400_000 },
      },
      exporters: {
        prometheus: {
          labels: { serverId: 'instance_id', host: 'name', address: 'instance' },
          securityOrigins: { apt: ['*-security*'], yum: ['*'] },
        },
      },
      scans: { drop: { complete: true, listsClean: true, staleMs: 7 * 86_400_000 } },
    });
    expect(new Set(secretsIn(config).map((secret) => secret.reveal()))).toEqual(
      new Set(['k3y', 'https://scans.example.org/t0ken']),
    );
  });

  it('checks the mails that a site words itself, each fault with its line', async () => {
    await mkdir(join(cwd, 'mail'));
    await writeFile(join(cwd, 'mail/reboot-consent.txt.liquid'), 'Subject: x\n\n{{ servr }}\n');
    const faults = await read('mailTemplates: mail').then(
      () => 'none',
      (error: Error) => error.message,
    );

    expect(faults).toContain('mail/reboot-consent.txt.liquid');
    expect(faults).toContain('line 3');
    expect(faults).toContain('undefined variable: servr');
    await rm(join(cwd, 'mail'), { recursive: true });
    await expect(read('mailTemplates: mail')).rejects.toThrow(
      'line 1  mailTemplates: the folder does not exist',
    );
  });

  it('keeps where operators are told and the heartbeat goes as secrets: both may hold a token', async () => {
    const config = await read(
      'operators: { webhook: env:HOOK, webhookSecret: env:SIGN }\nheartbeat: { file: beat, url: "http://[::1]:8080/ping/token" }',
      { HOOK: 'https://hooks.example.org/s3cret', SIGN: 'shared' },
    );

    expect(config.heartbeat).toMatchObject({ file: join(cwd, 'beat'), everySeconds: 60 });
    expect(new Set(secretsIn(config).map((secret) => secret.reveal()))).toEqual(
      new Set(['https://hooks.example.org/s3cret', 'shared', 'http://[::1]:8080/ping/token']),
    );
  });

  it('checks host keys against the files that ssh uses when it names none itself', async () => {
    const config = await read('ssh: { user: ops, agent: /run/agent }', { HOME: '/home/ops' });

    expect(config.ssh?.knownHosts).toEqual(['/home/ops/.ssh/known_hosts', '/etc/ssh/ssh_known_hosts']);
  });

  it('may use anchors, and faults behind an alias have the line of the anchor', async () => {
    const yaml = 'windows:\n  a: &a\n    open: "22:00"\n    startBy: "04:00"\n    backBy: "5:00"\n  b: *a\n';

    expect(await faultsIn(yaml)).toEqual([
      'line 5 windows.a.backBy: "5:00" is no time of day (00:00–23:59)',
      'line 5 windows.b.backBy: "5:00" is no time of day (00:00–23:59)',
    ]);
  });
});

describe('faults', () => {
  it('are told all at once, with their lines', async () => {
    const reading = read(`# night shift
dryRun: true
windows: { nightly: { open: "25:00", startBy: "04:00", backBy: "05:00" } }









jobs:
  reboot-hypervisors:
    options: { limt: 3 }
`);

    await expect(reading).rejects.toThrow(
      [
        'config/nightshift.yaml',
        '  line 3   windows.nightly.open: "25:00" is no time of day (00:00–23:59)',
        '  line 15  jobs.reboot-hypervisors.options.limt: unknown option, did you mean `limit`?',
        '2 faults; nothing was started.',
      ].join('\n'),
    );
    await expect(reading).rejects.toMatchObject({
      retryable: false,
      faults: [
        { line: 3, path: ['windows', 'nightly', 'open'] },
        { line: 15, path: ['jobs', 'reboot-hypervisors', 'options', 'limt'] },
      ],
    });
  });

  it.each([
    ['a wrong word for a boolean', 'dryRun: yes', 'line 1 dryRun: "yes" is neither true nor false'],
    ['a key without a value', 'dryRun:', 'line 1 dryRun: has no value: give one or leave the key out'],
    ['an unknown key near a known one', 'dryrun: true', 'line 1 dryrun: unknown key, did you mean `dryRun`?'],
    [
      'an unknown key near nothing',
      'engine: { colour: 3 }',
      'line 1 engine.colour: unknown key; there is concurrency, leaseMs, renewMs, reconcileMs, drainMs, hideMailMs',
    ],
    ['a list for a mapping', '- dryRun', 'a mapping (key: value) belongs here'],
    [
      'a zone with a slip',
      'timezone: Europe/Londno',
      'line 1 timezone: "Europe/Londno" is no time zone, did you mean `Europe/London`?',
    ],
    [
      'a zone from nowhere',
      'timezone: Middle-Earth',
      'line 1 timezone: "Middle-Earth" is no time zone (as in Europe/London)',
    ],
    [
      'a number for a text',
      'clouds: { main: { cloud: 7 } }',
      'line 1 clouds.main.cloud: 7 is no text; quote it: "7"',
    ],
    ['a missing key', 'clouds:\n  main: {}', 'line 2 clouds.main.cloud: is missing'],
    ['an empty text', 'clouds: { main: { cloud: "" } }', 'line 1 clouds.main.cloud: is empty'],
    [
      'a text for a number',
      'engine: { concurrency: many }',
      'line 1 engine.concurrency: "many" is no number',
    ],
    ['a fraction', 'engine: { concurrency: 1.5 }', 'line 1 engine.concurrency: 1.5 is no whole number'],
    [
      'a number too small',
      'engine: { concurrency: 0 }',
      'line 1 engine.concurrency: 0 is too small: at least 1',
    ],
    [
      'a number too large',
      'ssh: { user: a, agent: /run/agent, port: 65536 }',
      'line 1 ssh.port: 65536 is too large: at most 65535',
    ],
    [
      'a text for a list',
      'operators: { mail: ops@example.org }',
      'line 1 operators.mail: "ops@example.org" is no list',
    ],
    [
      'an item of a list',
      'operators:\n  mail:\n    - ops@example.org\n    - ops',
      'line 4 operators.mail[1]: "ops" is no mail address',
    ],
    [
      'a webhook that others could read',
      'operators: { webhook: "http://hooks.example.org/x" }',
      'line 1 operators.webhook: "http://hooks.example.org/x" is not encrypted: https://…, or http://… on this machine',
    ],
    [
      'a webhook with a user',
      'operators: { webhook: "https://kim:pw@hooks.example.org/x" }',
      'line 1 operators.webhook: carries a user; put a token into its path or query',
    ],
    [
      'a webhook that is no URL of the web',
      'operators: { webhook: "ftp://hooks.example.org" }',
      'line 1 operators.webhook: "ftp://hooks.example.org" is no URL of the form https://…',
    ],
    [
      'a reference to what is no URL, without showing it',
      'operators: { webhook: env:KEY }',
      'line 1 operators.webhook: refers to something that is no https://… URL, or one with a user in it',
    ],
    [
      'a secret that signs nothing',
      'operators: { webhookSecret: env:KEY }',
      'line 1 operators.webhookSecret: has no webhook whose posts it could sign',
    ],
    [
      'a secret that is written down',
      'operators: { webhook: "https://hooks.example.org", webhookSecret: abc }',
      'line 1 operators.webhookSecret: a secret is not written down here; write env:NAME, file:/path or cmd:command',
    ],
    [
      'a heartbeat that nobody would see',
      'heartbeat: { everySeconds: 30 }',
      'line 1 heartbeat.file: is missing (or `url`)',
    ],
    [
      'a Prometheus that would be told a secret for all to read',
      'prometheus: { url: "http://prom.example.org", token: env:PATH }',
      'line 1 prometheus.url: http://prom.example.org is not encrypted, and a secret is sent there',
    ],
    [
      'a feed of no kind',
      'feeds: { pakiti: {} }',
      'line 1 feeds.pakiti: is of no kind: give pakiti, prometheus or drop',
    ],
    [
      'a Pakiti that would be told a password for all to read',
      'feeds: { p: { pakiti: { url: "http://p.example.org", user: me, password: env:PATH } } }',
      'line 1 feeds.p.pakiti.url: http://p.example.org is not encrypted, and a secret is sent there',
    ],
    [
      'half a client certificate',
      'feeds: { p: { pakiti: { url: "https://p.example.org", cert: me.pem } } }',
      'line 1 feeds.p.pakiti.cert: goes together with key',
    ],
    [
      'a label that Prometheus has not',
      'feeds: { e: { prometheus: { url: "https://p.example.org", targets: { "a-b": x } } } }',
      'line 1 feeds.e.prometheus.targets.a-b: is not allowed as a key',
    ],
    [
      'a drop in two places',
      'feeds: { d: { drop: { file: a.csv, machineFiles: b } } }',
      'line 1 feeds.d.drop.machineFiles: excludes file: give one of file, url or machineFiles',
    ],
    [
      'a file that somebody would sign in for',
      'feeds: { d: { drop: { file: a.csv, token: env:PATH } } }',
      'line 1 feeds.d.drop.token: belongs to url, which is not given',
    ],
    [
      'an Alertmanager whose user has no password',
      'alertmanager: { url: "https://am.example.org", user: nightshift }',
      'line 1 alertmanager.user: goes together with password',
    ],
    [
      'an Alertmanager with two ways in',
      'alertmanager: { url: "https://am.example.org", user: a, password: env:PATH, token: env:PATH }',
      'line 1 alertmanager.token: excludes user and password',
    ],
    [
      'an Alertmanager whose URL carries a user',
      'alertmanager: { url: "https://kim@am.example.org" }',
      'line 1 alertmanager.url: carries a user; give `user` and `password`',
    ],
    [
      'renewing too rarely',
      'engine: { renewMs: 4000 }',
      'line 1 engine.renewMs: 4000 leaves no room for one failed renewal: at most half of leaseMs (6000)',
    ],
    [
      'mails that show again while they are being sent',
      'engine: { hideMailMs: 60000 }',
      'line 1 engine.hideMailMs: 60000 is too small: at least 110000',
    ],
    [
      'a ledger that forgets what an outage asks for',
      'keep: { ledgerDays: 7 }',
      'line 1 keep.ledgerDays: 7 is too small: at least 32',
    ],
    ['a way in without a key', 'ssh: { user: a }', 'line 1 ssh.key: is missing (or `agent`)'],
    [
      'a passphrase for nothing',
      'ssh: { user: a, agent: /run/agent, passphrase: "cmd:echo x" }',
      'line 1 ssh.passphrase: has no key that it could open',
    ],
    [
      'a secret without a value',
      'ssh: { user: a, agent: /run/agent, key: }',
      'line 1 ssh.key: has no value: give one or leave the key out',
    ],
    [
      'a number where a reference may stand',
      'ssh: { user: a, agent: 7 }',
      'line 1 ssh.agent: 7 is no text; quote it: "7"',
    ],
    [
      'an address without port',
      'http: { listen: localhost }',
      'line 1 http.listen: "localhost" is no address:port (127.0.0.1:7460)',
    ],
    [
      'an impossible port',
      'http: { listen: "localhost:77777" }',
      'line 1 http.listen: "localhost:77777" is no address:port (127.0.0.1:7460)',
    ],
    [
      'an unknown right',
      `http: { tokens: [{ name: kim, may: raed, sha256: "${'0'.repeat(64)}" }] }`,
      'line 1 http.tokens[0].may: "raed" is none of read, operate, did you mean `read`?',
    ],
    [
      'two tokens of one name',
      `http: { tokens: [${TOKEN}, ${TOKEN}] }`,
      'line 1 http.tokens[1].name: kim is the name of another token',
    ],
    [
      'an address that others reach, with nothing that encrypts',
      'http: { listen: "0.0.0.0:7460" }',
      'line 1 http.listen: 0.0.0.0 is not this machine alone, so tokens must be encrypted: give `tls: { cert, key }`, or `insecure: true` where something before it does',
    ],
    [
      'a name that only looks like this machine',
      'http: { listen: "127.example.org:7460" }',
      'line 1 http.listen: 127.example.org is not this machine alone, so tokens must be encrypted: give `tls: { cert, key }`, or `insecure: true` where something before it does',
    ],
    [
      'a key of TLS that is written down',
      'http: { tls: { cert: cert.pem, key: -----BEGIN } }',
      'line 1 http.tls.key: a secret is not written down here; write env:NAME, file:/path or cmd:command',
    ],
    [
      'TLS that is insecure',
      'http: { tls: { cert: cert.pem, key: env:KEY }, insecure: true }',
      'line 1 http.insecure: excludes tls',
    ],
  ])('names %s', async (_, yaml, fault) => {
    expect(await faultsIn(yaml, { KEY: 'x' })).toEqual([fault]);
  });

  it.each([
    ['a number', 'open: 2200', 'line 1 windows.w.open: "2200" is no time of day (00:00–23:59)'],
    [
      'a weekday',
      'days: [mon, tus]',
      'line 1 windows.w.days[1]: "tus" is none of sun, mon, tue, wed, thu, fri, sat, did you mean `tue`?',
    ],
    ['no day at all', 'days: []', 'line 1 windows.w.days: is empty'],
    [
      'a date',
      'except: [2026-02-30]',
      'line 1 windows.w.except[0]: "2026-02-30" is no day and no range of days (2026-12-24 or 2026-12-24..2027-01-02)',
    ],
    [
      'half a range',
      'except: [2026-12-24..]',
      'line 1 windows.w.except[0]: "2026-12-24.." is no day and no range of days (2026-12-24 or 2026-12-24..2027-01-02)',
    ],
    [
      'a range that runs backwards',
      'except: [2027-01-02..2026-12-24]',
      'line 1 windows.w.except[0]: "2027-01-02..2026-12-24" ends before it begins',
    ],
    [
      'an order of times',
      'startBy: "06:00"',
      'line 1 windows.w: startBy (06:00) is not between open (22:00) and backBy (05:00)',
    ],
  ])('names in a window %s', async (_, wrong, fault) => {
    const keys = { open: '"22:00"', startBy: '"04:00"', backBy: '"05:00"' };
    const right = Object.entries(keys).filter(([key]) => !wrong.startsWith(key));

    const faults = await faultsIn(
      `windows: { w: { ${[...right.map((pair) => pair.join(': ')), wrong].join(', ')} } }`,
    );

    expect(faults).toEqual([fault]);
  });

  it.each([
    [
      'a job that is not there',
      'reboot-hypervisor: {}',
      'line 2 jobs.reboot-hypervisor: unknown job, did you mean `reboot-hypervisors`?',
    ],
    [
      'a window that is not there',
      'watch-announcements: { window: nighly }',
      'line 2 jobs.watch-announcements.window: unknown window, did you mean `nightly`?',
    ],
    [
      'a schedule',
      'watch-announcements: { schedule: "0 25 * * *" }',
      'line 2 jobs.watch-announcements.schedule: "25" is no hour (0–23)',
    ],
    [
      'a half-armed job',
      'watch-announcements: { armed: canary }',
      'line 2 jobs.watch-announcements.armed: is true, false, { aggregates: [name, …] } or { projects: [name, …] }',
    ],
    [
      'an item of what is armed',
      'watch-announcements: { armed: { aggregates: [canary, 5] } }',
      'line 2 jobs.watch-announcements.armed.aggregates[1]: 5 is no text; quote it: "5"',
    ],
    [
      'an option of a job without options',
      'watch-announcements: { options: { a: 1 } }',
      'line 2 jobs.watch-announcements.options.a: unknown option; there is none',
    ],
    [
      'an option of a wrong type',
      'reboot-hypervisors: { options: { limit: twelve } }',
      'line 2 jobs.reboot-hypervisors.options.limit: "twelve" is no number',
    ],
    [
      'an option out of bounds',
      'reboot-hypervisors: { options: { limit: 0 } }',
      'line 2 jobs.reboot-hypervisors.options.limit: 0 is too small: more than 0',
    ],
    [
      'a part of an option',
      'reboot-hypervisors: { options: { drain: { parallel: 9 } } }',
      'line 2 jobs.reboot-hypervisors.options.drain.parallel: 9 is too large: at most 8',
    ],
    [
      'an item of an option',
      'reboot-hypervisors: { options: { hosts: [hv01, [hv02]] } }',
      'line 2 jobs.reboot-hypervisors.options.hosts[1]: a list is no text',
    ],
    [
      'an option with two forms',
      'reboot-hypervisors: { options: { names: 5 } }',
      'line 2 jobs.reboot-hypervisors.options.names: 5 is no list and no text',
    ],
    [
      'an item of an option with two forms',
      'reboot-hypervisors: { options: { names: [hv01, [hv02]] } }',
      'line 2 jobs.reboot-hypervisors.options.names[1]: a list is no text',
    ],
    [
      'an option named as everything has one',
      'reboot-hypervisors: { options: { constructor: 1 } }',
      'line 2 jobs.reboot-hypervisors.options.constructor: unknown option; there is limit, hosts, names, drain, reason',
    ],
  ])('names of a job %s', async (_, job, fault) => {
    const window = 'windows: { nightly: { open: "22:00", startBy: "04:00", backBy: "05:00" } }';

    expect(await faultsIn(`jobs:\n  ${job}\n${window}`)).toEqual([fault]);
  });

  it('are told in words, each with its line, whatever stands in the file', async () => {
    const keys = Object.keys(configSchema({ env: {}, cwd, jobs, windows: [] }).shape);
    const names = fc.constantFrom(
      'nightly',
      'reboot-hypervisors',
      'mail',
      'smtp',
      'key',
      'url',
      'options',
      'armed',
      'listen',
      'tokens',
    );
    const values = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        fc.constantFrom(null, true, 7, -1.5, '', 'x', '22:00'),
        fc.array(tie('value')),
        fc.dictionary(names, tie('value')),
      ),
    })).value;

    await fc.assert(
      fc.asyncProperty(fc.dictionary(fc.constantFrom(...keys), values), async (content) => {
        const error: unknown = await read(JSON.stringify(content)).catch((error: unknown) => error);

        if (!(error instanceof Error)) return;
        expect(error).toBeInstanceOf(ConfigError);
        expect(error.message).not.toMatch(/invalid|undefined|\[object|expected/i);
        for (const { line, message } of (error as ConfigError).faults)
          expect([line, message]).toEqual([1, expect.stringMatching(/./)]);
      }),
    );
  });

  it('names in the options of a job several at once, but not what may still be given later', async () => {
    const options = '{ limit: 0, limt: 3, colour: red }';

    expect(await faultsIn(`jobs:\n  reboot-hypervisors:\n    options: ${options}`)).toEqual([
      'line 3 jobs.reboot-hypervisors.options.limit: 0 is too small: more than 0',
      'line 3 jobs.reboot-hypervisors.options.limt: unknown option, did you mean `limit`?',
      'line 3 jobs.reboot-hypervisors.options.colour: unknown option; there is limit, hosts, names, drain, reason',
    ]);
  });

  it('names what one option of a job says against another', async () => {
    const options = z
      .object({ from: z.int(), to: z.int() })
      .refine(({ from, to }) => from <= to, 'from is after to');
    await writeFile(join(cwd, 'config/nightshift.yaml'), 'jobs: { span: { options: { from: 2, to: 1 } } }');

    const reading = readConfig({ env: {}, cwd, jobs: { span: { options } } });

    await expect(reading).rejects.toThrow('line 1  jobs.span.options: from is after to');
  });

  it.each([
    [
      'a duplicate key',
      'dryRun: true\ntimezone: UTC\ndryRun: false',
      ['line 3 the key `dryRun` stands here a second time'],
    ],
    [
      'a duplicate key beside another fault',
      'dryRun: maybe\ntimezone: UTC\ntimezone: UTC',
      [
        'line 1 dryRun: "maybe" is neither true nor false',
        'line 3 the key `timezone` stands here a second time',
      ],
    ],
    ['a tab', 'windows:\n\tnightly: {}', ['line 2 a tab indents this line; YAML takes spaces only']],
    [
      'an open bracket',
      'windows: {\ndryRun: true\n',
      ['line 2 the indentation does not fit, or a bracket before it is not closed'],
    ],
    ['an open quote', 'timezone: "UTC\n', ['line 2 a quote or bracket that was opened is not closed']],
    [
      'two keys on a line',
      'mail: from: me',
      ['line 1 two keys run together: check indentation and colons, and quote a text that holds ": "'],
    ],
    [
      'a key without colon',
      'dryRun: true\ntimezone\nmail: {}',
      ['line 2 a key without a colon: check indentation and colons'],
    ],
    [
      'a second document',
      'dryRun: true\n---\ndryRun: false',
      ['line 2 a second document begins here (---); the file holds one'],
    ],
    [
      'an alias to nothing',
      'timezone: *zone',
      ['Unresolved alias (the anchor must be set before the alias): zone'],
    ],
  ])('names in the syntax %s', async (_, yaml, faults) => {
    expect(await faultsIn(yaml)).toEqual(faults);
  });

  it.each([
    [
      'neither sent nor kept',
      '{ from: ops@example.org }',
      'line 1 mail.smtp: is missing (or `folder`: mail is kept there and none is sent)',
    ],
    [
      'both sent and kept',
      '{ from: a@example.org, smtp: "smtp://relay", folder: var }',
      'line 1 mail.folder: excludes smtp: mail is either kept or sent',
    ],
    ['sent by nobody', '{ smtp: "smtp://relay" }', 'line 1 mail.from: is missing'],
    [
      'sent by no address',
      '{ smtp: "smtp://relay", from: "Cloud <cloud>" }',
      'line 1 mail.from: "Cloud <cloud>" is no sender (Name <name@example.org>)',
    ],
    [
      'sent by another protocol',
      '{ smtp: "http://relay", from: a@example.org }',
      'line 1 mail.smtp: "http://relay" is no URL of the form smtp://… or smtps://…',
    ],
    [
      'sent without a password',
      '{ smtp: "smtp://relay", from: a@example.org, user: me }',
      'line 1 mail.user: goes together with password',
    ],
    [
      'sent too fast or too slowly to be meant',
      '{ smtp: "smtp://relay", from: a@example.org, maxPerMinute: 0, connections: 100 }',
      'line 1 mail.maxPerMinute: ',
      'line 1 mail.connections: ',
    ],
    [
      'answered nowhere, or sorted by no name',
      '{ smtp: "smtp://relay", from: a@example.org, bounces: { address: bounces }, listId: "a b" }',
      'line 1 mail.bounces.address: "bounces" is no mail address',
      'line 1 mail.listId: "a b" is no List-Id (Cloud patching <patching.example.org>)',
    ],
    [
      'signed by what is no key',
      '{ smtp: "smtp://relay", from: a@example.org, dkim: { domain: "a b", selector: s, key: env:KEY } }',
      'line 1 mail.dkim.domain: "a b" is no name of the form example.org',
      'line 1 mail.dkim.key: refers to something that is no private key in PEM',
    ],
  ])('names mail that is %s', async (_, mail, ...faults) => {
    expect(await faultsIn(`mail: ${mail}`, { KEY: 'x' })).toEqual(
      faults.map((fault) => expect.stringContaining(fault) as string),
    );
  });

  it('lets mail say how it is sent, signed and answered', async () => {
    const key = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey;
    const pem = key.export({ type: 'pkcs8', format: 'pem' }).toString();
    const { mail } = await read(
      `mail:
  smtp: smtps://relay
  from: Cloud patching <patching@example.org>
  ca: ca.pem
  maxPerMinute: 60
  connections: 4
  bounces: { address: patchd@example.org }
  dkim: { domain: example.org, selector: night, key: env:KEY }
  listId: "Cloud patching <patching.example.org>"`,
      { KEY: pem },
    );

    expect(mail).toEqual({
      smtp: 'smtps://relay',
      from: 'Cloud patching <patching@example.org>',
      ca: join(cwd, 'ca.pem'),
      maxPerMinute: 60,
      connections: 4,
      bounces: { address: 'patchd@example.org', verp: true },
      dkim: { domain: 'example.org', selector: 'night', key: expect.any(Secret) as Secret },
      listId: 'Cloud patching <patching.example.org>',
    });
  });

  it.each([
    [
      'is not IMAP',
      '{ imap: "https://imap", user: me, password: env:KEY }',
      'imap: "https://imap" is no URL of the form imap://… or imaps://…',
    ],
    [
      'holds a user',
      '{ imap: "imaps://me@imap", user: me, password: env:KEY }',
      'imap: carries a user; give `user` and `password`',
    ],
    [
      'has a password written down',
      '{ imap: "imaps://imap", user: me, password: hunter2 }',
      'password: a secret is not written down here; write env:NAME, file:/path or cmd:command',
    ],
  ])('names a mailbox that %s', async (_, mailbox, fault) => {
    expect(await faultsIn(`mailboxes: { bounces: ${mailbox} }`, { KEY: 'x' })).toEqual([
      `line 1 mailboxes.bounces.${fault}`,
    ]);
  });
});

describe('a secret', () => {
  it.each([
    ['the environment', 'env:SMTP_PASSWORD'],
    ['a file, without its last newline', 'file:smtp'],
    ['what a command prints, without its last newline', 'cmd:cat smtp'],
  ])('comes from %s', async (_, reference) => {
    await writeFile(join(cwd, 'smtp'), 'hunter 2\n');

    const config = await read(password(reference), { SMTP_PASSWORD: 'hunter 2' });

    expect(passwordOf(config)?.reveal()).toBe('hunter 2');
  });

  it('is shown by nothing that prints it', async () => {
    const config = await read(password('env:SMTP_PASSWORD'), { SMTP_PASSWORD: 'hunter2' });
    const secret = passwordOf(config);

    expect(`${String(secret)} ${inspect(config, { depth: 9 })} ${JSON.stringify(config)}`).not.toContain(
      'hunter2',
    );
    expect(JSON.stringify(secret)).toBe('"[secret]"');
  });

  it('is found wherever the configuration holds one', async () => {
    const config = await read(`${password('env:A')}\nssh: { user: u, key: env:B }`, {
      A: 'a',
      B: 'b',
      REDIS_URL: 'redis://c',
    });

    expect(
      secretsIn(config)
        .map((secret) => secret.reveal())
        .toSorted(),
    ).toEqual(['a', 'b', 'redis://c']);
  });

  it.each([
    ['a variable that is not set', 'env:SMTP_PASSWORD', 'the environment variable SMTP_PASSWORD is not set'],
    ['a file that is not there', 'file:/nowhere/smtp', '/nowhere/smtp does not exist'],
    ['a directory', 'file:/', '/ is a directory'],
    ['an empty file', 'file:empty', 'file:empty is empty'],
    [
      'a command that is not there',
      'cmd:no-such-command now',
      '`no-such-command now` cannot be run: no-such-command does not exist',
    ],
    ['a command that fails', 'cmd:cat nowhere', '`cat nowhere` ended with exit code 1'],
  ])('that cannot be had is a fault: %s', async (_, reference, fault) => {
    await writeFile(join(cwd, 'empty'), '\n');

    expect(await faultsIn(password(reference))).toEqual([`line 1 mail.password: ${fault}`]);
  });

  it.skipIf(process.getuid?.() === 0)('in a file that may not be read is a fault', async () => {
    await writeFile(join(cwd, 'smtp'), 'hunter2');
    await chmod(join(cwd, 'smtp'), 0);

    expect(await faultsIn(password('file:smtp'))).toEqual([
      `line 1 mail.password: ${join(cwd, 'smtp')} may not be read by this user`,
    ]);
  });

  it.each([
    [
      'a password',
      password('hunter2'),
      'line 1 mail.password: a secret is not written down here; write env:NAME, file:/path or cmd:command',
    ],
    [
      'a password of digits',
      'ssh: { user: u, key: 4711471147 }',
      'line 1 ssh.key: a secret is not written down here; write env:NAME, file:/path or cmd:command',
    ],
    [
      'a Redis URL with a password',
      'redis: { url: "redis://:hunter2@redis" }',
      'line 1 redis.url: carries a password; keep that out of this file',
    ],
    [
      'a relay with a password',
      'mail: { smtp: "smtps://me:hunter2@relay", from: a@example.org }',
      'line 1 mail.smtp: carries a password; keep that out of this file',
    ],
    [
      'a wrong URL with a password',
      'redis: { url: "http://me:hunter2@redis" }',
      'line 1 redis.url: "http://[secret]@redis" is no URL of the form redis://… or rediss://…',
    ],
    ['one a level too high', 'mail: hunter2', 'line 1 mail: a mapping (key: value) belongs here'],
  ])('written into the file is a fault and is not repeated: %s', async (_, yaml, fault) => {
    const faults = await faultsIn(yaml);

    expect(faults).toEqual([fault]);
    expect(faults.join()).not.toMatch(/hunter2|4711/);
  });
});

describe('where HTTP listens', () => {
  it.each(['127.0.0.1:7460', '127.8.8.8:80', '"[::1]:7460"', 'localhost:7460'])(
    'may go without TLS on %s',
    async (listen) => {
      expect((await read(`http: { listen: ${listen} }`)).http.tls).toBeUndefined();
    },
  );

  it.each(['insecure: true', 'tls: { cert: cert.pem, key: env:KEY }'])(
    'may be reached by others with %s',
    async (way) => {
      expect((await read(`http: { listen: "[::]:443", ${way} }`, { KEY: 'x' })).http.listen.port).toBe(443);
    },
  );
});

describe('config/nightshift.example.yaml', () => {
  const example = new URL('../config/nightshift.example.yaml', import.meta.url);

  it('is read without faults, once its secrets are there, and changes nothing', async () => {
    await writeFile(join(cwd, 'secret'), 'hunter2');
    const yaml = (await readFile(example, 'utf8')).replaceAll(/file:\S+/g, 'file:secret');

    const config = await read(
      yaml,
      {
        REDIS_URL: 'redis://redis',
        NIGHTSHIFT_SSH_PASSPHRASE: 'x',
        SMTP_USER: 'x',
        PROMETHEUS_TOKEN: 'x',
      },
      {
        'defragment-hypervisors': { options: z.object({ maxMoves: z.int() }) },
        'read-bounces': { options: z.object({}) },
        'patch-compliance': { options: patchCompliance.options },
      },
    );

    expect(config.dryRun).toBe(true);
    expect(Object.values(config.jobs).map((job) => job.armed)).not.toContain(true);
  });

  it('holds every key there is, those that exclude others behind a #', async () => {
    const site = { env: {}, cwd, jobs, windows: [] };
    const schema = z.toJSONSchema(configSchema(site), { io: 'input', unrepresentable: 'any' });
    const text = await readFile(example, 'utf8');
    const shown = keysIn(parse(text.replaceAll(/^( *)#(\w+:)/gm, '$1$2')));

    const wanted = keysOf(schema).filter((key) => !key.startsWith('jobs.watch-announcements'));

    expect(wanted).toContain('http.tokens.*.sha256');
    expect(wanted.filter((key) => !shown.some((other) => matches(key, other)))).toEqual([]);
  });
});

interface JsonSchema {
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly items?: JsonSchema;
}

/** Paths of all keys in a schema; `*` is any name or index. */
function keysOf(schema: unknown, path: readonly string[] = []): string[] {
  const { properties = {}, additionalProperties, items } = schema as JsonSchema;
  const inner = typeof additionalProperties === 'object' ? additionalProperties : items;
  return [
    ...(path.length === 0 ? [] : [path.join('.')]),
    ...Object.entries(properties).flatMap(([key, value]) => keysOf(value, [...path, key])),
    ...(inner ? keysOf(inner, [...path, '*']) : []),
  ];
}

function keysIn(value: unknown, path: readonly string[] = []): string[] {
  const entries = typeof value === 'object' && value !== null ? Object.entries(value) : [];
  return [path.join('\0'), ...entries.flatMap(([key, inner]) => keysIn(inner, [...path, key]))];
}

function matches(pattern: string, key: string): boolean {
  const [wanted, given] = [pattern.split('.'), key.split('\0')];
  return wanted.length === given.length && wanted.every((part, i) => part === '*' || part === given[i]);
}
