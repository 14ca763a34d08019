/** An operator's machine: a configuration, the command line and daemons on it, and the mails that came. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { RunRecord, RunState } from '../../../src/engine/runs.ts';
import { ADDRESSES, labDir, openrc, until } from './lab.ts';

const launcher = new URL('../../../src/nightshift.js', import.meta.url).pathname;

export interface Said {
  readonly exit: number | null;
  readonly out: string;
  readonly err: string;
}

export interface Mail {
  readonly subject: string;
  readonly text: string;
}

/** One line of a run's log. */
export interface LogLine {
  readonly step?: string;
  readonly message: string;
  readonly time: string;
}

export interface Daemon {
  /** Ends it as a power cut would. */
  kill(): Promise<void>;
}

export interface SiteOptions {
  /** Of the job, beside those that fit the lab. */
  readonly options?: Readonly<Record<string, string | number | object>>;
  readonly knownHosts?: string;
}

/** The hypervisors of the lab are quick. */
const OPTIONS = { pollMs: 200 };

/** The run of its own in which a campaign has a hypervisor in hand. */
export function runOf(campaign: string, hypervisor: string): string {
  return `${campaign}~${hypervisor}`;
}

export class Site {
  readonly dir = mkdtempSync(join(tmpdir(), 'nightshift-site-'));
  readonly #daemons = new Set<ChildProcess>();

  constructor({ options = {}, knownHosts = join(labDir, 'ssh/known_hosts') }: SiteOptions = {}) {
    const config = {
      dryRun: false,
      operators: { mail: ['ops@example.org'] },
      stateDir: join(this.dir, 'state'),
      http: { listen: '127.0.0.1:0' },
      ssh: { user: 'root', key: `file:${join(labDir, 'ssh/id_ed25519')}`, knownHosts, addresses: ADDRESSES },
      mail: { folder: join(this.dir, 'mail') },
      jobs: {
        'reboot-hypervisors': { armed: true, options: { ...OPTIONS, ...options } },
        'defragment-hypervisors': { armed: true, options: OPTIONS },
      },
    };
    // JSON is YAML.
    writeFileSync(join(this.dir, 'nightshift.yaml'), JSON.stringify(config, null, 2));
  }

  /** The command line, as it is typed. */
  async nightshift(...args: string[]): Promise<Said> {
    return await this.#finish(this.#start(args));
  }

  /** A command that goes well and answers in JSON. */
  async ask<T>(...args: string[]): Promise<T> {
    const { exit, out, err } = await this.nightshift('--json', ...args);
    expect(err).toBe('');
    expect([0, 3]).toContain(exit);
    return JSON.parse(out) as T;
  }

  async show(run: string): Promise<RunRecord> {
    return await this.ask('show', run);
  }

  /** Waits until a run is in this state; answers the run. */
  async reached(run: string, state: RunState): Promise<RunRecord> {
    return await until(async () => {
      const seen = await this.show(run);
      expect(seen.state).toBe(state);
      return seen;
    });
  }

  /** Runs a command line as a mail or a page shows it, in a shell. */
  async type(commandLine: string): Promise<Said> {
    const nightshift = `nightshift() { "${process.execPath}" "${launcher}" -c "${this.#config}" "$@"; }`;
    return await this.#finish(
      spawn('sh', ['-c', `${nightshift}; ${commandLine}`], { env: this.#env, stdio: 'pipe' }),
    );
  }

  /** A daemon that works. */
  async daemon(): Promise<Daemon> {
    const child = this.#start(['daemon']);
    this.#daemons.add(child);
    child.once('exit', () => this.#daemons.delete(child));
    let said = '';
    await new Promise<void>((works, fails) => {
      child.stderr?.on('data', (text) => {
        said += text;
        if (said.includes('nightshift works')) works();
      });
      child.once('exit', (code) => fails(new Error(`the daemon ended with ${code}: ${said}`)));
    });
    return { kill: () => end(child, 'SIGKILL') };
  }

  /** Starts a run that the living daemon works; answers its id. */
  async start(...args: string[]): Promise<string> {
    const { id } = await this.ask<RunRecord>('run', 'reboot-hypervisors', '--go', ...args);
    return id;
  }

  /** Waits until the log of a run has a line of this step with this message; answers the line. */
  async logged(run: string, step: string | RegExp, message: string): Promise<LogLine> {
    return await until(() => {
      const fits = (said = '') => (typeof step === 'string' ? said === step : step.test(said));
      const line = this.log(run).find((each) => fits(each.step) && each.message === message);
      expect(line, `"${String(step)}" ${message}`).toBeDefined();
      return line as LogLine;
    });
  }

  /** What the run's log says so far. */
  log(run: string): LogLine[] {
    const file = join(this.dir, 'state/logs', `${run}.ndjson`);
    if (!existsSync(file)) return [];
    const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1);
    return lines.map((line) => JSON.parse(line) as LogLine);
  }

  /** The mails that came, in the order of their names. */
  mails(): Mail[] {
    const folder = join(this.dir, 'mail');
    if (!existsSync(folder)) return [];
    const letters = readdirSync(folder).filter((file) => file.endsWith('.eml'));
    return letters.toSorted().map((file) => readMail(readFileSync(join(folder, file), 'utf8')));
  }

  /** What is written down about giving back by hand, a text for each thing held. */
  handback(): string[] {
    const folder = join(this.dir, 'state/handback');
    const files = existsSync(folder) ? readdirSync(folder).toSorted() : [];
    return files.map((file) => readFileSync(join(folder, file), 'utf8'));
  }

  /** Ends the private Redis as a power cut would, and takes its disk away. No daemon may be left to revive it. */
  loseRedis(): void {
    const pid = this.#redis();
    if (pid === undefined) throw new Error('there is no private Redis to lose');
    process.kill(pid, 'SIGKILL');
    rmSync(join(this.dir, 'state/redis'), { recursive: true });
  }

  /** Ends what still runs. Throws when the private Redis outlived its last user. */
  async close(): Promise<void> {
    await Promise.all([...this.#daemons].map((daemon) => end(daemon, 'SIGTERM')));
    const left = this.#redis();
    if (left !== undefined) process.kill(left, 'SIGKILL');
    for (const kept of ['state/logs', 'mail'].map((folder) => join(this.dir, folder)))
      if (existsSync(kept)) cpSync(kept, join(labDir, 'log/nightshift'), { recursive: true });
    rmSync(this.dir, { recursive: true, force: true });
    if (left !== undefined) throw new Error(`the private Redis, process ${left}, outlived its last user`);
  }

  #redis(): number | undefined {
    const file = join(this.dir, 'state/redis/redis.pid');
    if (!existsSync(file)) return undefined;
    const pid = Number(readFileSync(file, 'utf8'));
    return existsSync(`/proc/${pid}`) ? pid : undefined;
  }

  get #config(): string {
    return join(this.dir, 'nightshift.yaml');
  }

  get #env(): NodeJS.ProcessEnv {
    const { REDIS_URL: _, ...env } = process.env;
    return { ...env, ...openrc() };
  }

  #start(args: readonly string[]): ChildProcess {
    return spawn(process.execPath, [launcher, '-c', this.#config, ...args], {
      env: this.#env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  async #finish(child: ChildProcess): Promise<Said> {
    let [out, err] = ['', ''];
    child.stdout?.on('data', (text) => (out += text));
    child.stderr?.on('data', (text) => (err += text));
    const [exit] = (await once(child, 'close')) as [number | null];
    return { exit, out, err };
  }
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill(signal);
  await exit;
}

function readMail(raw: string): Mail {
  const [, head = '', body = ''] = /^([\s\S]*?)\r?\n\r?\n([\s\S]*)$/.exec(raw) ?? [];
  const subject = /^Subject: (.*(?:\r?\n[ \t].*)*)/m.exec(head)?.[1] ?? '';
  return {
    // What is folded or not ASCII travels as encoded words, with an underscore for a space.
    subject: subject
      .replaceAll(/\?=\s+=\?UTF-8\?Q\?/g, '')
      .replaceAll(/=\?UTF-8\?Q\?(.*?)\?=/g, (_, word: string) => decode(word.replaceAll('_', ' '))),
    text: decode(body.replaceAll(/=\r?\n/g, '')).replaceAll('\r\n', '\n'),
  };
}

/** Undoes quoted-printable, in which mails travel. */
function decode(printable: string): string {
  const bytes = printable.replaceAll(/=([0-9A-F]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return Buffer.from(bytes, 'latin1').toString('utf8');
}
