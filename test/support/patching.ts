/** A site whose servers' patches are watched: a cloud, a feed that tests write, and days that tests choose. */
import { join } from 'node:path';
import type { z } from 'zod';
import patchCompliance from '../../jobs/patch-compliance.ts';
import type { Clients } from '../../src/context.ts';
import { REFUSALS } from '../../src/domain/address-marks.ts';
import type { Poll, ReportedHost } from '../../src/domain/patch-feed.ts';
import type { Job, Json } from '../../src/engine/job.ts';
import type { Deliver, OutgoingMail } from '../../src/engine/outbox.ts';
import type { RunRecord } from '../../src/engine/runs.ts';
import { hypervisor } from './builders.ts';
import { clientsOver } from './clients.ts';
import type { DeathPoint, House, TestEngine } from './engine.ts';
import { FakeCloud } from './fake-cloud.ts';
import { FIRST_POLL, poll, servers } from './polls.ts';

const JOBS: Readonly<Record<string, Job<z.ZodType, Clients>>> = { 'patch-compliance': patchCompliance };
const OPERATORS = 'ops@example.org';

/** What processes of one installation share. */
export class PatchedSite {
  readonly cloud: FakeCloud;
  readonly place: string;
  now: Date = FIRST_POLL;
  /** What the feed answers next; an error is thrown. */
  feed: readonly ReportedHost[] | Error = [];
  more: Partial<Poll> = {};
  armed: Clients['armed'] = true;
  polls = 0;

  constructor(place: string, ...names: readonly string[]) {
    this.place = place;
    this.cloud = new FakeCloud([hypervisor('hv1')], servers(...names));
    this.cloud.users.set('alice', 'alice@alpha.example');
    this.cloud.users.set('bob', 'bob@beta.example');
  }

  /** Gives a server to somebody. */
  give(server: string, userId: string, projectId = 'alpha'): void {
    Object.assign(this.cloud.servers.get(server)!, { userId, projectId });
  }

  process(house: House, { deathAt, leaseMs = 6000, deliver }: Living = {}): Promise<TestEngine<Clients>> {
    const clients = clientsOver({
      cloud: this.cloud,
      host: (name) => this.cloud.host(name),
      feed: (name) => ({
        name,
        poll: () => {
          this.polls += 1;
          if (this.feed instanceof Error) return Promise.reject(this.feed);
          return Promise.resolve(poll(this.now, this.feed, { feed: name, ...this.more }));
        },
      }),
    });
    return house.engine<Clients>(JOBS, {
      clientsFor: () => Promise.resolve({ ...clients, armed: this.armed }),
      prefix: `{${this.place}}`,
      mailHost: this.place,
      stateDir: join(house.stateDir, this.place),
      refusals: REFUSALS,
      clock: { now: () => this.now, realMs: (ms) => ms },
      timings: { leaseMs, renewMs: leaseMs / 5, reconcileMs: 1000, graceMs: 30_000 },
      ...(deathAt && { deathAt }),
      ...(deliver && { deliver }),
    });
  }
}

interface Living {
  readonly deathAt?: (point: DeathPoint) => boolean;
  readonly leaseMs?: number;
  readonly deliver?: Deliver;
}

export interface Asked {
  readonly options?: Record<string, Json>;
  readonly acting?: boolean;
  readonly id?: string;
}

/** Works a run to its end, and sends the mails that it posted. */
export async function look(
  { engine }: TestEngine<Clients>,
  { options = {}, acting = true, id }: Asked = {},
): Promise<RunRecord> {
  const run = await engine.create({
    job: 'patch-compliance',
    options: { feed: 'pakiti', policy: { timezone: 'Europe/London' }, ...options },
    trigger: { kind: 'cron' },
    acting,
    ...(id === undefined ? {} : { id }),
  });
  await engine.workFamily(run);
  await engine.sendMails();
  return (await engine.runs.get(run))!;
}

/** `alice@alpha.example: 1 of your servers …` of those that owners and contacts got, and those of operators apart. */
export function mailsAt(house: House, place: string) {
  const all = house.sent.filter(({ messageId }) => messageId.endsWith(`@${place}>`));
  const isReport = ({ to }: OutgoingMail) => to.includes(OPERATORS);
  return { owners: all.filter((mail) => !isReport(mail)), reports: all.filter(isReport) };
}

export function saidTo(mails: readonly OutgoingMail[]): string[] {
  return mails.map(({ to, subject }) => `${to.join(', ')}: ${subject}`).toSorted();
}

/** Every row of a table, whatever it is. */
export async function rowsOf({ engine }: TestEngine<Clients>, table: string): Promise<Record<string, Json>> {
  return Object.fromEntries(await engine.acts.rows<Json>(table));
}
