/** Which settings are there, what may each be, and what is it when it is left out? */
import { homedir } from 'node:os';
import { resolve } from 'node:path';
import { z } from 'zod';
import { cronFault } from '../domain/cron.ts';
import { WEEKDAYS, windowFault } from '../domain/window.ts';
import { unknownKeys, unknownWord } from '../domain/words.ts';
import type { Json } from '../engine/job.ts';
import { feedsSchema } from './feeds.ts';
import * as form from './forms.ts';
import { mailboxesSchema, mailSchema } from './mail.ts';
import { optionFaults } from './options.ts';
import { apiFaults, apiKeys, Positive, path, secret, signInOf, text, Word, webUrl } from './parts.ts';
import type { Surroundings } from './secret.ts';

/** What the schema depends on: jobs by name, names of windows, and where secrets and paths are looked up. */
export interface Site extends Surroundings {
  readonly jobs: Readonly<Record<string, { readonly options: z.ZodType }>>;
  readonly windows: readonly string[];
}

/** Parse with `safeParseAsync`: secrets are read on the way. */
export function configSchema(site: Site) {
  return z.strictObject({
    dryRun: z.boolean().default(true),
    timezone: text(form.zoneFault).default('UTC'),
    windows: z.record(z.string(), WindowSchema).default({}),
    operators: operatorsSchema(site).prefault({}),
    heartbeat: heartbeatSchema(site).optional(),
    redis: z.strictObject({ url: redisUrl(site) }).prefault({}),
    stateDir: path(site).prefault('var/nightshift'),
    jobsDir: path(site).optional(),
    mailTemplates: path(site).optional(),
    http: httpSchema(site).prefault({}),
    clouds: CloudsSchema.default({}),
    ssh: sshSchema(site).optional(),
    mail: mailSchema(site).optional(),
    mailboxes: mailboxesSchema(site).default({}),
    prometheus: monitoringSchema(site).optional(),
    alertmanager: monitoringSchema(site).optional(),
    feeds: feedsSchema(site).default({}),
    jobs: jobsSchema(site).prefault({}),
    keep: KeepSchema.prefault({}),
    engine: EngineSchema.prefault({}),
  });
}

/** What is asked of jobs, and nothing of where the installation lies: other keys are left unread, secrets with them. */
export function jobSettingsSchema(site: Site) {
  return configSchema(site)
    .pick({ timezone: true, windows: true, jobsDir: true, mailTemplates: true, jobs: true })
    .strip();
}

const TimeOfDay = text(form.timeFault);

const WindowSchema = z
  .strictObject({
    open: TimeOfDay,
    startBy: TimeOfDay,
    backBy: TimeOfDay,
    days: z
      .array(z.enum(WEEKDAYS))
      .min(1)
      .default([...WEEKDAYS]),
    except: z.array(text(form.daysFault).transform(form.parseDays)).default([]),
  })
  .superRefine((window, ctx) => {
    const message = windowFault(window);
    if (message !== undefined) ctx.addIssue({ code: 'custom', message });
  });

const CloudsSchema = z.record(z.string(), z.strictObject({ cloud: Word })).superRefine((clouds, ctx) => {
  if (Object.keys(clouds).length < 2 || 'main' in clouds) return;
  ctx.addIssue({
    code: 'custom',
    message: 'of several clouds one is called `main`: the one that is looked after',
  });
});

const KeepSchema = z.strictObject({
  runsDays: Positive.default(90),
  logsDays: Positive.default(90),
  mailsDays: Positive.default(30),
  // After an outage, instants of a month are gone through again.
  ledgerDays: z.int().min(32).default(400),
});

const EngineSchema = z
  .strictObject({
    concurrency: Positive.default(8),
    leaseMs: Positive.default(6000),
    renewMs: Positive.default(1500),
    reconcileMs: Positive.default(2000),
    drainMs: z.int().min(0).default(60_000),
    // One try to send a mail may take 100 s; meanwhile nobody else may take it for left lying.
    hideMailMs: z.int().min(110_000).default(120_000),
  })
  .superRefine(({ leaseMs, renewMs }, ctx) => {
    if (renewMs * 2 <= leaseMs) return;
    const message = `${renewMs} leaves no room for one failed renewal: at most half of leaseMs (${leaseMs})`;
    ctx.addIssue({ code: 'custom', path: ['renewMs'], message });
  });

function operatorsSchema(site: Site) {
  const keys = z.strictObject({
    mail: z.array(text(form.addressFault)).default([]),
    webhook: webUrl(site).optional(),
    webhookSecret: secret(site).optional(),
  });
  return keys.superRefine(({ webhook, webhookSecret }, ctx) => {
    if (!webhookSecret || webhook) return;
    ctx.addIssue({
      code: 'custom',
      path: ['webhookSecret'],
      message: 'has no webhook whose posts it could sign',
    });
  });
}

function heartbeatSchema(site: Site) {
  const keys = z.strictObject({
    file: path(site).optional(),
    url: webUrl(site).optional(),
    everySeconds: Positive.default(60),
  });
  return keys.superRefine(({ file, url }, ctx) => {
    if (file || url) return;
    ctx.addIssue({ code: 'custom', path: ['file'], message: 'is missing (or `url`)' });
  });
}

function httpSchema(site: Site) {
  const keys = z.strictObject({
    listen: text(form.listenFault).transform(form.parseListen).prefault('127.0.0.1:7460'),
    tls: z.strictObject({ cert: path(site), key: secret(site) }).optional(),
    insecure: z.boolean().default(false),
    tokens: z
      .array(z.strictObject({ name: Word, may: z.enum(['read', 'operate']), sha256: text(form.digestFault) }))
      .default([]),
  });
  return keys.superRefine(({ listen, tls, insecure, tokens }, ctx) => {
    const fault = (key: PropertyKey[], message: string) =>
      ctx.addIssue({ code: 'custom', path: key, message });
    if (!form.isLoopback(listen.host) && !tls && !insecure) {
      const ways = 'give `tls: { cert, key }`, or `insecure: true` where something before it does';
      fault(['listen'], `${listen.host} is not this machine alone, so tokens must be encrypted: ${ways}`);
    }
    if (tls && insecure) fault(['insecure'], 'excludes tls');
    tokens.forEach(({ name }, i) => {
      const first = tokens.findIndex((token) => token.name === name);
      if (first < i) fault(['tokens', i, 'name'], `${name} is the name of another token`);
    });
  });
}

function sshSchema(site: Site) {
  const keys = z.strictObject({
    user: Word,
    key: secret(site).optional(),
    passphrase: secret(site).optional(),
    agent: secret(site, () => undefined)
      .transform((socket) => socket.reveal())
      .optional(),
    knownHosts: path(site)
      .transform((file): [string, ...string[]] => [file])
      .default([resolve(site.env.HOME ?? homedir(), '.ssh/known_hosts'), '/etc/ssh/ssh_known_hosts']),
    jump: Word.optional(),
    port: z.int().min(1).max(65_535).default(22),
    /** Where a hypervisor's name is not where its SSH listens. */
    addresses: z.record(z.string(), Word).default({}),
  });
  return keys.superRefine(({ key, agent, passphrase }, ctx) => {
    const fault = (path: string, message: string) => ctx.addIssue({ code: 'custom', path: [path], message });
    if (!key && !agent) fault('key', 'is missing (or `agent`)');
    if (passphrase && !key) fault('passphrase', 'has no key that it could open');
  });
}

/** An HTTP API of the site's monitoring. */
function monitoringSchema(site: Site) {
  return z
    .strictObject(apiKeys(site))
    .superRefine(apiFaults)
    .transform(({ url, ...signIn }) => ({ url, ...signInOf(signIn) }));
}

/** Left out, it is the environment's, as other programs have it. */
function redisUrl(site: Site) {
  const url = secret(site, form.redisFault).refine((given) => form.isRedis(given.reveal()), {
    error: 'refers to something that is no redis://… URL',
  });
  return site.env.REDIS_URL ? url.prefault('env:REDIS_URL') : url.optional();
}

const Armed = z.union(
  [
    z.boolean(),
    z.strictObject({ aggregates: z.array(z.string()).min(1) }),
    z.strictObject({ projects: z.array(z.string()).min(1) }),
  ],
  { error: 'is true, false, { aggregates: [name, …] } or { projects: [name, …] }' },
);

export interface JobConfig {
  readonly armed: z.output<typeof Armed>;
  /** Cron expression in the config's time zone. */
  readonly schedule?: string | undefined;
  /** What becomes of an instant that comes while a run of the job is not over. */
  readonly overlap: 'skip' | 'queue';
  /** What becomes of instants at which no daemon lived: nothing, or the last one is run late. */
  readonly catchUp: 'none' | 'last';
  /** A run that waits for longer is told to operators, once. */
  readonly longWaitHours: number;
  /** Name of a window. */
  readonly window?: string | undefined;
  /** As written: the job's own defaults come in when a run is made. */
  readonly options: Readonly<Record<string, Json>>;
}

/** An entry for each job that there is, also for those the file does not name. */
function jobsSchema({ jobs, windows }: Site): z.ZodType<Readonly<Record<string, JobConfig>>, object> {
  const windowFault = (name: string) =>
    windows.includes(name) ? undefined : unknownWord('window', name, windows);
  const entries = Object.entries(jobs).map(([name, { options }]) => [
    name,
    z
      .strictObject({
        armed: Armed.default(false),
        schedule: text(cronFault).optional(),
        overlap: z.enum(['skip', 'queue']).default('skip'),
        catchUp: z.enum(['none', 'last']).default('none'),
        longWaitHours: Positive.default(24),
        window: text(windowFault).optional(),
        options: optionsSchema(options).prefault({}),
      })
      .prefault({}),
  ]);
  return z.strictObject(Object.fromEntries(entries) as Record<string, z.ZodType<JobConfig>>, {
    error: unknownKeys('job'),
  });
}

/** What a job requires and the file leaves out may still be given when a run is started. */
function optionsSchema(options: z.ZodType) {
  return z.record(z.string(), z.json()).superRefine((given, ctx) => {
    const faults = optionFaults(options, given).filter(
      ({ path: [name] }) => name === undefined || Object.hasOwn(given, name),
    );
    for (const { path, message } of faults) ctx.addIssue({ code: 'custom', path: [...path], message });
  });
}
