/** A world for YAML jobs: hypervisors of a fake cloud whose shells are a real OpenSSH server's, on this machine. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { callHttp } from '../../../src/clients/http-call.ts';
import { type SshHosts, sshHosts } from '../../../src/clients/ssh.ts';
import type { Clients } from '../../../src/context.ts';
import type { Host, Hypervisor } from '../../../src/domain/fleet.ts';
import type { Outcome } from '../../../src/engine/execution.ts';
import type { Json } from '../../../src/engine/job.ts';
import type { RegisteredJob } from '../../../src/engine/registry.ts';
import { isOver, type RunRecord } from '../../../src/engine/runs.ts';
import { readRunbook, reviveRunbook } from '../../../src/runbook/runbook.ts';
import { hypervisor } from '../../support/builders.ts';
import { type DeathPoint, eventually, type House, openHouse, type TestEngine } from '../../support/engine.ts';
import { FakeCloud } from '../../support/fake-cloud.ts';
import { OUR_LETTERS } from '../../support/letters.ts';
import { type Sshd, startSshd } from '../../support/sshd.ts';

export interface World {
  readonly house: House;
  readonly dir: string;
  /** Lines that commands have left in a file of the world. */
  readonly lines: (file?: string) => string[];
  /** One process of an installation with these jobs; several of the same `place` share its Redis. */
  process(jobs: Readonly<Record<string, string>>, options?: ProcessOptions): Promise<TestEngine<Clients>>;
  /** Runs the job to its end in a process of its own. */
  run(text: string, options?: RunOptions): Promise<RunRecord>;
  close(): Promise<void>;
}

interface ProcessOptions {
  readonly place?: string;
  readonly leaseMs?: number;
  readonly deathAt?: (point: DeathPoint) => boolean;
  readonly clients?: Partial<Clients>;
}

interface RunOptions extends ProcessOptions {
  readonly options?: Readonly<Record<string, Json>>;
  readonly acting?: boolean;
}

export const HYPERVISORS: readonly Hypervisor[] = [
  hypervisor('hv1', { aggregates: ['general'] }),
  hypervisor('hv2', { aggregates: ['general'] }),
  hypervisor('hv3', { aggregates: ['general', 'canary'] }),
  hypervisor('hv10', { up: false, disabled: 'disk swap, ask Kim', zone: 'attic' }),
];

export async function openWorld(): Promise<World> {
  const house = await openHouse();
  // Many sessions begin at once here, and a server of its own defence would refuse some.
  const sshd: Sshd = await startSshd({ config: ['MaxStartups 200'] });
  const dir = mkdtempSync(join(tmpdir(), 'ns-runbook-'));
  const addresses = Object.fromEntries(HYPERVISORS.map(({ name }) => [name, `127.0.0.1:${sshd.port}`]));
  const hosts: SshHosts = sshHosts({
    user: sshd.user,
    key: sshd.userKey,
    knownHosts: [sshd.knownHosts()],
    addresses,
  });

  async function process(
    jobs: Readonly<Record<string, string>>,
    { place = 'one', leaseMs = 6000, deathAt, clients }: ProcessOptions = {},
  ): Promise<TestEngine<Clients>> {
    const world: Clients = {
      cloud: new FakeCloud(HYPERVISORS),
      host: (name) => hosts.host(name),
      http: callHttp,
      feed: (name) => ({ name, poll: () => Promise.reject(new Error('this world has no feed')) }),
      mailbox: (name) => {
        throw new Error(`this world has no mailbox ${name}`);
      },
      operators: ['ops@example.org'],
      letter: OUR_LETTERS,
      armed: true,
      handback: { write: async () => {}, clear: async () => {} },
      ...clients,
    };
    const registry = new Map(Object.entries(jobs).map(([name, text]) => [name, registered(name, text)]));
    return house.engine<Clients>(
      {},
      {
        jobs: registry,
        revive: reviveRunbook,
        clients: world,
        prefix: `{${place}}`,
        mailHost: place,
        stateDir: join(house.stateDir, place),
        timings: { leaseMs, renewMs: leaseMs / 5, reconcileMs: 1000, graceMs: 30_000 },
        ...(deathAt === undefined ? {} : { deathAt }),
      },
    );
  }

  return {
    house,
    dir,
    process,
    lines: (file = 'file') => linesOf(join(dir, file)),
    async run(text, { options = {}, acting = true, ...more } = {}) {
      const { engine } = await process({ job: text }, more);
      const id = await engine.create({
        job: 'job',
        options: { dir, ...options },
        trigger: { kind: 'cli', by: 'kim' },
        acting,
      });
      return workToEnd(engine, id);
    },
    async close() {
      await house.close();
      hosts.close();
      sshd.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** Works a run until it ended or a person is asked. */
export async function workToEnd(engine: TestEngine<Clients>['engine'], id: string): Promise<RunRecord> {
  return eventually(`the end of ${id}`, async () => {
    const outcome: Outcome | 'refused' = await engine.work(id);
    const run = await engine.runs.get(id);
    return run !== undefined && (isOver(run.state) || outcome === 'needs-decision') && run;
  });
}

function registered(name: string, text: string): RegisteredJob<Clients> {
  const read = readRunbook(name, text);
  if ('faults' in read) throw new Error(read.faults.map(({ message }) => message).join('\n'));
  const { job, source } = read;
  return { name, job, source, definition: `sha256:${source.length}-${text.length}` };
}

/** This machine itself: what SSH costs for each command is too much where thousands are run. */
export const thisMachine: Host = {
  run: ([program = '', ...args], { timeoutMs, signal }) =>
    new Promise((resolve, reject) => {
      const options = { timeout: timeoutMs, ...(signal === undefined ? {} : { signal }) };
      const child = execFile(program, args, options, (error, stdout, stderr) => {
        if (error !== null && typeof error.code !== 'number') reject(error);
        else resolve({ exit: child.exitCode ?? 255, stdout, stderr });
      });
    }),
};

function linesOf(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').trim().split('\n');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}
