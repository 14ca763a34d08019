/** Puts the house together: configuration, clients and jobs around an engine. Nothing else knows them all. */
import { homedir, hostname } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Config, readConfig, secretsIn } from './config.ts';
import type { Clients } from './context.ts';
import { sayDecision } from './decision-mail.ts';
import { PermanentError } from './domain/failure.ts';
import type { Cloud } from './domain/fleet.ts';
import { readOnly } from './domain/read-only.ts';
import { Engine } from './engine/engine.ts';
import type { Deliver } from './engine/outbox.ts';
import { openRedis } from './engine/redis.ts';
import { loadJobs } from './engine/registry.ts';
import { handbackIn } from './handback.ts';
import { createLog, type DaemonLog } from './log.ts';
import { redactor } from './redact.ts';

export interface Installation {
  readonly config: Config;
  readonly engine: Engine<Clients>;
  readonly log: DaemonLog;
  /** Hands over the runs in hand and closes every connection. */
  close(): Promise<void>;
}

const JOBS = fileURLToPath(new URL('../jobs/', import.meta.url));

/** Reads and checks the configuration without starting anything. Throws `ConfigError` with all faults at once. */
export async function checkConfig(path?: string): Promise<Config> {
  const jobs = await loadJobs<Clients>(JOBS);
  const options = Object.fromEntries([...jobs].map(([name, { job }]) => [name, job]));
  return readConfig({ path, env: process.env, cwd: process.cwd(), jobs: options });
}

/** Opens the house as the configuration says: the command line and the daemon come in by this one door. */
export async function openInstallation(path?: string): Promise<Installation> {
  const config = await checkConfig(path);
  const secrets = secretsIn(config);
  const log = createLog({ secrets });
  const jobs = await loadJobs<Clients>(JOBS);
  const redis = await openRedis({
    url: config.redis.url?.reveal(),
    stateDir: config.stateDir,
    onError: (error) => log.debug('Redis is away', { why: error.message }),
  });
  const clients = clientsOf(config);
  const engine = await Engine.open<Clients>({
    redis,
    stateDir: config.stateDir,
    jobs,
    clientsFor: clients.forRun,
    deliver: clients.deliver,
    log,
    mailHost: mailHostOf(config),
    askOperators: (run, step, evidence) =>
      sayDecision({ operators: config.operators.mail, run, step, evidence }),
    redact: redactor(secrets),
    concurrency: config.engine.concurrency,
    timings: config.engine,
  });
  return {
    config,
    engine,
    log,
    async close() {
      await engine.close();
      clients.close();
    },
  };
}

/** Clients are loaded when a run first needs them: a daemon that waits should be small. */
function clientsOf(config: Config): {
  forRun: (run: { job: string; acting: boolean }) => Promise<Clients>;
  deliver: Deliver;
  close: () => void;
} {
  const closing: (() => void)[] = [];
  const cloud = once(() => openCloud(config));
  const hosts = once(async () => {
    const { sshHosts } = await import('./clients/ssh.ts');
    if (config.ssh === undefined) return undefined;
    const { key, passphrase, agent, jump, ...plain } = config.ssh;
    const opened = sshHosts({
      ...plain,
      ...(key === undefined ? {} : { key: key.reveal() }),
      ...(passphrase === undefined ? {} : { passphrase: passphrase.reveal() }),
      ...(agent === undefined ? {} : { agent }),
      ...(jump === undefined ? {} : { jump }),
    });
    closing.push(() => opened.close());
    return opened;
  });
  const sink = once(async () => {
    const { mailFolder, smtpTransport } = await import('./clients/mail.ts');
    const { mail } = config;
    if (mail === undefined || 'folder' in mail) {
      return mailFolder(mail?.folder ?? join(config.stateDir, 'mail'), mail?.from);
    }
    const login =
      mail.login === undefined ? {} : { user: mail.login.user, password: mail.login.password.reveal() };
    const opened = smtpTransport({ url: mail.smtp, from: mail.from, ...login });
    closing.push(() => opened.close());
    return opened;
  });
  const handback = handbackIn(join(config.stateDir, 'handback'));

  return {
    async forRun({ job, acting }) {
      const [whole, remote] = [await cloud(), await hosts()];
      return {
        cloud: acting ? whole : readOnly(whole),
        host: (hypervisor) => {
          if (remote === undefined)
            throw new PermanentError('`ssh` is not configured, and this job needs the hypervisors');
          return remote.host(hypervisor);
        },
        operators: config.operators.mail,
        armed: config.jobs[job]?.armed ?? false,
        handback,
      };
    },
    deliver: async (mail) => (await sink()).send(mail),
    close: () => {
      for (const close of closing) close();
    },
  };
}

/** Opens on first use and keeps what it got; a failure is not kept, so that the next use tries again. */
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

/** The only cloud that is configured, the one called `main`, or what the OS_* environment says. */
async function openCloud({ clouds }: Config): Promise<Cloud> {
  const { openStackCloud } = await import('./clients/openstack/cloud.ts');
  const { readOpenStackSettings } = await import('./clients/openstack/settings.ts');
  const names = Object.keys(clouds);
  const chosen = clouds.main ?? (names.length === 1 ? clouds[names[0] ?? ''] : undefined);
  if (chosen === undefined && names.length > 1) {
    throw new PermanentError(`there are several clouds (${names.join(', ')}) and none is called main`);
  }
  const around = { env: process.env, cwd: process.cwd(), home: homedir() };
  return openStackCloud(
    readOpenStackSettings(chosen === undefined ? around : { ...around, cloud: chosen.cloud }),
  );
}

function mailHostOf({ mail }: Config): string {
  return /@([\w.-]+)>?\s*$/.exec(mail?.from ?? '')?.[1] ?? hostname();
}
