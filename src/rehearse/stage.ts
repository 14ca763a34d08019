/**
 * Where are nights rehearsed? The product's jobs and clients on a real engine in virtual time, against a
 * simulated cloud in the same process. Nothing of it reaches the outside.
 */
import { openStackCloud } from '../clients/openstack/cloud.ts';
import { readOpenStackSettings } from '../clients/openstack/settings.ts';
import type { Clients } from '../context.ts';
import type { CronJob } from '../engine/cron.ts';
import type { Engine } from '../engine/engine.ts';
import type { Log } from '../engine/job.ts';
import type { OutgoingMail } from '../engine/outbox.ts';
import type { RedisAccess } from '../engine/redis.ts';
import type { Registry } from '../engine/registry.ts';
import { type Goal, openVirtualEngine } from '../engine/virtual-engine.ts';
import type { QuietTwin } from '../twin/twin.ts';
import { clientsOver } from './clients.ts';

export interface Setting {
  readonly jobs: Registry<Clients>;
  readonly twin: QuietTwin;
  /** One that forgets when it stops will do. It stays open. */
  readonly redis: RedisAccess;
  /** Of this stage's keys in Redis, and the folder of its files. */
  readonly prefix: string;
  readonly stateDir: string;
  readonly schedules?: readonly CronJob[];
  /** What the runs of a job are handed, beside cloud, hosts and the way back. */
  readonly more: (job: string) => Pick<Clients, 'letter'> & Partial<Clients>;
}

export interface Stage {
  readonly engine: Engine<Clients>;
  readonly twin: QuietTwin;
  /** The way back, as it would lie on disk. */
  readonly handback: ReadonlyMap<string, readonly string[]>;
  /** Lets the runs work and time go on; see `VirtualEngine.play`. */
  readonly play: (goal: Goal) => Promise<void>;
  /** Every mail so far, in the order in which they left. */
  mails(): Promise<readonly OutgoingMail[]>;
  /** Gives its runs back and lets go of Redis. */
  close(): Promise<void>;
}

/** The night begins at the time at which the twin is. */
export async function openStage({
  jobs,
  twin,
  redis,
  prefix,
  stateDir,
  schedules,
  more,
}: Setting): Promise<Stage> {
  const { world, inProcess, env } = twin;
  const settings = {
    ...readOpenStackSettings({ env, cwd: stateDir, home: stateDir }),
    // Whoever tries again waits on the clock of the night: the steps do.
    timing: { retryForMs: 0 },
  };
  const handback = new Map<string, readonly string[]>();
  const sent: OutgoingMail[] = [];
  const seen = {
    cloud: openStackCloud(settings, (asked) => inProcess.exchange(asked)),
    host: (name: string) => inProcess.host(name),
    handback: {
      write: async (subject: string, lines: readonly string[]) => void handback.set(subject, lines),
      clear: async (subject: string) => void handback.delete(subject),
    },
  };
  const virtual = await openVirtualEngine<Clients>(
    {
      redis: { ...redis, close: async () => {} },
      prefix,
      stateDir,
      jobs,
      clientsFor: ({ job }) => Promise.resolve(clientsOver({ ...seen, ...more(job) })),
      deliver: async (mail) => void sent.push(mail),
      log: SILENT,
      mailHost: 'rehearsal.invalid',
      ...(schedules === undefined ? {} : { schedules }),
    },
    { startAt: world.now, beside: world },
  );
  return {
    engine: virtual.engine,
    twin,
    handback,
    play: (goal) => virtual.play(goal),
    async mails() {
      await virtual.engine.sendMails();
      return sent;
    },
    close: () => virtual.engine.close(),
  };
}

/** What a daemon would log of itself; the logs of runs are kept. */
const SILENT: Log = { info: () => {}, warn: () => {}, error: () => {} };
