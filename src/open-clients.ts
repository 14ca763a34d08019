/**
 * How do runs reach the outside world? Each client is loaded and opened when it is first used: a daemon
 * that waits stays small, and a job that needs no cloud runs where none is configured.
 */
import { readFile } from 'node:fs/promises';
import { homedir, hostname } from 'node:os';
import { join } from 'node:path';
import type { MailSink } from './clients/mail.ts';
import type { Post, Webhook } from './clients/webhook.ts';
import { Secret } from './config/secret.ts';
import type { Config } from './config.ts';
import type { Clients } from './context.ts';
import { PermanentError } from './domain/failure.ts';
import type { Cloud, Host } from './domain/fleet.ts';
import type { Mailbox } from './domain/mailbox.ts';
import type { PatchFeed } from './domain/patch-feed.ts';
import { readOnly } from './domain/read-only.ts';
import { unknownWord } from './domain/words.ts';
import type { Deliver, OutgoingMail, Pace } from './engine/outbox.ts';
import { handbackIn } from './handback.ts';
import { openFeed, signInOf } from './open-feed.ts';
import { ownServer } from './own-server.ts';
import { RequestError } from './start-run.ts';

export interface OpenedClients {
  /** What a run's `ctx` holds. Opens nothing; whatever is wrong with a client is the error of its first call. */
  forRun(run: { readonly job: string; readonly acting: boolean }): Clients;
  readonly deliver: Deliver;
  close(): void;
}

/** `secrets` is added to: what a client signs in with must not be seen in a log either. */
export function openClients(config: Config, secrets: Secret[]): OpenedClients {
  const closing: (() => void)[] = [];
  const patient = onDemand(once(() => openCloud(config, secrets)));
  const impatient = readOnly(onDemand(once(() => openCloud(config, secrets, { inDryRun: true }))));
  const hosts = once(async () => {
    const opened = await openHosts(config);
    closing.push(() => opened.close());
    return opened;
  });
  const sink = once(async () => {
    const opened = await openMail(config);
    closing.push(() => opened.close());
    return opened;
  });
  const hook = once(async () => {
    const opened = await openWebhook(config);
    closing.push(() => opened.close());
    return opened;
  });
  const letters = once(async () => {
    const { openTemplates, readTemplates } = await import('./mail-templates.ts');
    return openTemplates(await readTemplates(config.mailTemplates), config.timezone);
  });
  const monitoring = monitoringOf(config);
  const feeds = feedsOf(config);
  const mailboxes = mailboxesOf(config);
  const own = ownServer();
  const handback = handbackIn(join(config.stateDir, 'handback'));

  return {
    forRun: ({ job, acting }) => ({
      cloud: acting ? patient : impatient,
      host: (name): Host => ({
        run: async (argv, options) => (await hosts()).host(name).run(argv, options),
      }),
      ...monitoring,
      feed: (name) => feedCalled(name, feeds),
      mailbox: (name) => mailboxCalled(name, mailboxes),
      ...(config.mail?.bounces && {
        bounces: { address: config.mail.bounces.address, host: mailHostOf(config) },
      }),
      http: async (call, options) => (await import('./clients/http-call.ts')).callHttp(call, options),
      operators: operatorsOf(config),
      letter: async (name, facts) => (await letters()).write(name, facts),
      armed: config.jobs[job]?.armed ?? false,
      zone: config.timezone,
      ...windowOf(config, job),
      optionsOf: (name) => config.jobs[name]?.options ?? {},
      ...(own === undefined ? {} : { ownServer: own }),
      handback,
    }),
    deliver: async (mail, done) => {
      if (mail.to.includes(OPERATORS_WEBHOOK)) return (await hook()).send(postOf(mail));
      return (await sink()).send(mail, done);
    },
    close: () => {
      for (const close of closing) close();
    },
  };
}

function windowOf({ jobs, windows, timezone }: Config, job: string): Pick<Clients, 'window'> {
  const name = jobs[job]?.window;
  const times = name === undefined ? undefined : windows[name];
  return name === undefined || times === undefined ? {} : { window: { name, times, zone: timezone } };
}

/** A cloud that can only be looked at: the one that is called so, which is an error where none is. */
export async function lookAtCloud(config: Config, name: string | undefined): Promise<Cloud> {
  const names = Object.keys(config.clouds);
  const chosen = name === undefined ? undefined : config.clouds[name];
  if (name !== undefined && chosen === undefined) throw new RequestError(whyNoCloud(name, names));
  const clouds = name === undefined || chosen === undefined ? config.clouds : { main: chosen };
  return readOnly(await openCloud({ ...config, clouds }, [], { inDryRun: true }));
}

function whyNoCloud(name: string, names: readonly string[]): string {
  if (names.length === 0)
    return `No cloud is called ${name}: none is configured (\`clouds\`). Without --cloud it is the one of the environment.`;
  return `No cloud is called ${name}; there ${names.length === 1 ? 'is' : 'are'} ${names.join(', ')}.`;
}

/**
 * The only cloud that is configured, the one called `main`, or what the environment says. Whoever asked
 * for a dry run waits for its answer, so that gives up sooner.
 */
async function openCloud(
  { clouds }: Config,
  secrets: Secret[],
  { inDryRun = false }: { inDryRun?: boolean } = {},
): Promise<Cloud> {
  const { openStackCloud } = await import('./clients/openstack/cloud.ts');
  const { IMPATIENT } = await import('./clients/openstack/retry.ts');
  const { readOpenStackSettings } = await import('./clients/openstack/settings.ts');
  const chosen = clouds.main ?? Object.values(clouds)[0];
  const around = { env: process.env, cwd: process.cwd(), home: homedir() };
  const settings = readOpenStackSettings({ ...around, ...chosen });
  const { credential } = settings;
  secrets.push(new Secret('secret' in credential ? credential.secret : credential.password));
  return openStackCloud(inDryRun ? { ...settings, timing: IMPATIENT } : settings);
}

async function openHosts({ ssh }: Config) {
  if (ssh === undefined) {
    throw new PermanentError('`ssh` is not configured, and this job needs the hypervisors');
  }
  const { sshHosts } = await import('./clients/ssh.ts');
  const { key, passphrase, agent, jump, ...plain } = ssh;
  return sshHosts({
    ...plain,
    ...(key === undefined ? {} : { key: key.reveal() }),
    ...(passphrase === undefined ? {} : { passphrase: passphrase.reveal() }),
    ...(agent === undefined ? {} : { agent }),
    ...(jump === undefined ? {} : { jump }),
  });
}

/** What is not configured is absent, so that a run can say so before it begins anything. */
function monitoringOf(config: Config): Pick<Clients, 'prometheus' | 'alertmanager'> {
  const { prometheus, alertmanager } = config;
  const open = {
    prometheus: once(async () => {
      const { openPrometheus } = await import('./clients/prometheus.ts');
      return openPrometheus(await monitoringSettings(prometheus!));
    }),
    alertmanager: once(async () => {
      const { openAlertmanager } = await import('./clients/alertmanager.ts');
      return openAlertmanager(await monitoringSettings(alertmanager!));
    }),
  };
  return {
    ...(prometheus && { prometheus: { query: async (query) => (await open.prometheus()).query(query) } }),
    ...(alertmanager && {
      alertmanager: {
        alerts: async (matchers) => (await open.alertmanager()).alerts(matchers),
        silence: async (silence) => (await open.alertmanager()).silence(silence),
        expire: async (mark) => (await open.alertmanager()).expire(mark),
        expireCommands: async (mark) => (await open.alertmanager()).expireCommands(mark),
      },
    }),
  };
}

/** By name; each is opened by its first poll. */
function feedsOf({ feeds, timezone }: Config): ReadonlyMap<string, PatchFeed> {
  return new Map(
    Object.entries(feeds).map(([name, feed]) => {
      const opened = once(() => openFeed(name, feed, timezone));
      return [name, { name, poll: async (signal) => (await opened()).poll(signal) }];
    }),
  );
}

function feedCalled(name: string, feeds: ReadonlyMap<string, PatchFeed>): PatchFeed {
  const feed = feeds.get(name);
  if (feed !== undefined) return feed;
  throw new PermanentError(`\`feeds\` has no ${name}: ${unknownWord('feed', name, [...feeds.keys()])}`);
}

async function monitoringSettings({ url, ...signIn }: NonNullable<Config['prometheus']>) {
  return { url, ...(await signInOf(signIn)) };
}

async function openMail({ mail, stateDir }: Config): Promise<MailSink> {
  const { mailFolder, smtpTransport } = await import('./clients/mail.ts');
  if (mail === undefined || 'folder' in mail) {
    return mailFolder(mail?.folder ?? join(stateDir, 'mail'), mail);
  }
  const { smtp, login, ca, dkim, ...plain } = mail;
  return smtpTransport({
    ...plain,
    url: smtp,
    ...(login && { user: login.user, password: login.password.reveal() }),
    ...(ca && { ca: await readFile(ca, 'utf8') }),
    ...(dkim && { dkim: { ...dkim, key: dkim.key.reveal() } }),
  });
}

/** The right-hand side of our Message-IDs. */
export function mailHostOf({ mail }: Config): string {
  return /@([\w.-]+)>?\s*$/.exec(mail?.from ?? '')?.[1] ?? hostname();
}

/** How fast mails may leave. */
export function mailPaceOf({ mail }: Config): Pace {
  const perMinute = mail !== undefined && 'smtp' in mail ? mail.maxPerMinute : undefined;
  return { atOnce: mail?.connections ?? 1, ...(perMinute && { perMinute }) };
}

/** By name; each is loaded when it is first read. */
function mailboxesOf({ mailboxes }: Config): ReadonlyMap<string, Mailbox> {
  return new Map(
    Object.entries(mailboxes).map(([name, { imap, user, password, folder, ca }]) => {
      const opened = once(async () => {
        const { imapMailbox } = await import('./clients/mailbox.ts');
        const trusted = ca === undefined ? {} : { ca: await readFile(ca, 'utf8') };
        return imapMailbox({ name, url: imap, user, password: password.reveal(), folder, ...trusted });
      });
      const mailbox: Mailbox = {
        read: async (after, limits) => (await opened()).read(after, limits),
        watch: async (watcher) => (await opened()).watch(watcher),
      };
      return [name, mailbox];
    }),
  );
}

function mailboxCalled(name: string, mailboxes: ReadonlyMap<string, Mailbox>): Mailbox {
  const mailbox = mailboxes.get(name);
  if (mailbox !== undefined) return mailbox;
  throw new PermanentError(
    `\`mailboxes\` has no ${name}: ${unknownWord('mailbox', name, [...mailboxes.keys()])}`,
  );
}

/** Stands for the webhook where the readers of a mail are named. */
const OPERATORS_WEBHOOK = 'webhook:operators';

/** Every way to the operators; none where none is configured. */
export function operatorsOf({ operators: { mail, webhook } }: Config): readonly string[] {
  return webhook === undefined ? mail : [...mail, OPERATORS_WEBHOOK];
}

async function openWebhook({ operators: { webhook: url, webhookSecret } }: Config): Promise<Webhook> {
  const { webhook } = await import('./clients/webhook.ts');
  if (url === undefined) throw new PermanentError('`operators.webhook` is not configured any more');
  const secret = webhookSecret === undefined ? {} : { secret: webhookSecret.reveal() };
  return webhook({ url: url.reveal(), ...secret });
}

function postOf({ messageId, subject, text, headers }: OutgoingMail): Post {
  const run = headers['X-Nightshift-Run'];
  return {
    id: messageId.replaceAll(/[<>]/g, ''),
    subject,
    text,
    ...(run === undefined ? {} : { run }),
    at: new Date(headers.Date ?? 0).toISOString(),
  };
}

/** A cloud that is opened by the first call to it. */
function onDemand(open: () => Promise<Cloud>): Cloud {
  return {
    fleet: async () => (await open()).fleet(),
    service: async (...args) => (await open()).service(...args),
    agents: async (...args) => (await open()).agents(...args),
    cordon: async (...args) => (await open()).cordon(...args),
    uncordon: async (...args) => (await open()).uncordon(...args),
    server: async (...args) => (await open()).server(...args),
    createServer: async (...args) => (await open()).createServer(...args),
    serversNamed: async (...args) => (await open()).serversNamed(...args),
    owners: async (...args) => (await open()).owners(...args),
    projectContacts: async (...args) => (await open()).projectContacts(...args),
    projectNames: async (...args) => (await open()).projectNames(...args),
    deleteServer: async (...args) => (await open()).deleteServer(...args),
    liveMigrate: async (...args) => (await open()).liveMigrate(...args),
    migrations: async (...args) => (await open()).migrations(...args),
    progress: async (...args) => (await open()).progress(...args),
    whyMigrationFailed: async (...args) => (await open()).whyMigrationFailed(...args),
    abortMigration: async (...args) => (await open()).abortMigration(...args),
    forceComplete: async (...args) => (await open()).forceComplete(...args),
    coldMigrate: async (...args) => (await open()).coldMigrate(...args),
    confirmResize: async (...args) => (await open()).confirmResize(...args),
    stop: async (...args) => (await open()).stop(...args),
    start: async (...args) => (await open()).start(...args),
    actions: async (...args) => (await open()).actions(...args),
    allocatedOn: async (...args) => (await open()).allocatedOn(...args),
    bookings: async (...args) => (await open()).bookings(...args),
    devices: async (...args) => (await open()).devices(...args),
    occupancy: async (...args) => (await open()).occupancy(...args),
    health: async () => (await open()).health(),
  };
}

/** Keeps what it got; a failure is not kept, so that the next use tries again. */
function once<T>(open: () => Promise<T>): () => Promise<T> {
  let opened: Promise<T> | undefined;
  return () => {
    opened ??= open().catch((error: unknown) => {
      opened = undefined;
      throw error;
    });
    return opened;
  };
}
