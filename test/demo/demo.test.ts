/** The demo as people have it, without a terminal: a small cloud in a night of seconds, killed and gone on with. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { leavePrivateRedis } from '../../src/engine/private-redis.ts';
import { readKept } from '../../src/twin/kept.ts';
import { eventually } from '../support/engine.ts';

const ROOT = join(import.meta.dirname, '../..');
const SMALL = ['--seed', '8', '--hypervisors', '8', '--servers', '30', '--pace', '600'];
const NEW_KERNEL = '6.1.0-28-amd64';

let home: string;
const running = new Map<ChildProcess, Promise<Ended>>();

interface Ended {
  readonly exit: number | null;
  readonly out: string;
  readonly err: string;
}

interface Demo {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  readonly out: () => string;
  readonly says: (words: RegExp) => Promise<RegExpExecArray>;
  /** Ends all its processes at once, as a machine that loses its power does. */
  kill(): Promise<void>;
}

/** In a process group of its own, with `home` in place of var. */
function demo(...args: readonly string[]): Demo {
  const child = spawn(process.execPath, ['src/demo.js', ...args], {
    cwd: ROOT,
    detached: true,
    env: { ...process.env, NIGHTSHIFT_DEMO_IN: home },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [out, err] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
  const ended = once(child, 'close').then(([exit]) => {
    running.delete(child);
    return { exit: exit as number | null, out, err };
  });
  running.set(child, ended);
  return {
    child,
    ended,
    out: () => out,
    says: (words) =>
      eventually(`${words}`, async () => {
        const said = words.exec(out);
        if (said === null && !running.has(child)) throw new Error(`it ended and said:\n${out}${err}`);
        return said ?? false;
      }),
    async kill() {
      process.kill(-child.pid!, 'SIGKILL');
      await ended;
    },
  };
}

async function nightshift(folder: string, ...args: readonly string[]): Promise<string> {
  const config = join(home, folder, 'nightshift.yaml');
  const child = spawn(process.execPath, ['src/nightshift.js', '--config', config, '--json', ...args], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let out = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  await once(child, 'close');
  return out;
}

function hypervisors(folder: string) {
  return Object.values(readKept(join(home, folder, 'cloud.json'))!.state.hypervisors);
}

beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'ns-demo-'));
});

afterAll(async () => {
  const left = [...running];
  for (const [child] of left) process.kill(-child.pid!, 'SIGKILL');
  await Promise.all(left.map(([, ended]) => ended));
  for (const folder of readdirSync(home)) await leavePrivateRedis({ stateDir: join(home, folder, 'state') });
  rmSync(home, { recursive: true, force: true });
});

describe('the demo', () => {
  it('that is killed in the middle goes on where it was, and reboots each hypervisor once', async () => {
    const first = demo(...SMALL);
    await first.says(/hv\d+ +done/);
    await first.kill();
    const before = hypervisors('demo').filter(({ boots }) => boots > 0);

    const { exit, out, err } = await demo(...SMALL).ended;

    expect({ exit, err }).toEqual({ exit: 0, err: '' });
    expect(out).toMatch(/^It goes on where it was at 2[23]:\d\d UTC\./m);
    expect(before.length).toBeGreaterThan(0);
    const rebooted = hypervisors('demo').filter(({ boots }) => boots > 0);
    expect(rebooted.length).toBeGreaterThan(before.length);
    expect(rebooted.map(({ boots }) => boots)).toEqual(rebooted.map(() => 1));
    expect(rebooted.filter(({ boot }) => boot.kernel !== NEW_KERNEL)).toEqual([]);
    const left = hypervisors('demo').filter(({ kernels, boot }) => kernels.at(-1) !== boot.kernel).length;
    const counts = /\. (\d+) needed a reboot: (\d+) done, (?:(\d+) waits, )?(\d+) held\.$/m.exec(out) ?? [];
    const [all, done, waits, held] = counts.slice(1).map((count) => Number(count ?? 0));
    expect([all, done, waits! + held!]).toEqual([rebooted.length + left, rebooted.length, left]);
    expect(out).toMatch(
      new RegExp(
        `^${rebooted.length} hypervisors rebooted one at a time, \\d+ servers live-migrated, 0 stopped, 0 errors\\. \\d mails?\\.$`,
        'm',
      ),
    );
    expect(out).toMatch(/^The next kernel, rehearsed on this cloud: 8 hypervisors need a reboot: .*\.$/m);
    const lines = out.split('\n').filter((line) => line !== '');
    expect(lines).toEqual([...new Set(lines)]);
    expect(out).not.toContain('\u001b');
  }, 120_000);

  it('leaves an installation behind that can be asked', async () => {
    const runs = JSON.parse(await nightshift('demo', 'runs')) as { id: string; state: string }[];
    const why = JSON.parse(await nightshift('demo', 'why', 'hypervisor hv08')) as { note: object };

    expect(runs).toContainEqual(
      expect.objectContaining({ id: 'reboot-hypervisors~20261124T224100Z', state: 'succeeded' }),
    );
    expect(why.note).toMatchObject({
      verdict: 'held',
      why: 'disabled by somebody else: "disk swap, ask Kim"',
    });
    expect(readdirSync(join(home, 'demo', 'mail'))).toHaveLength(2);
  });

  it('begins a new night after one that is over; a second demo beside it has ports and a folder of its own', async () => {
    const first = demo(...SMALL);
    const portsOf = async ({ says }: Demo) => {
      const [, cloud] = await says(/cloud +http:\/\/127\.0\.0\.1:(\d+)/);
      const [, api] = await says(/api +http:\/\/127\.0\.0\.1:(\d+)/);
      return [Number(cloud), Number(api)];
    };
    const ports = await portsOf(first);
    const second = demo(...SMALL, '--seed', '9');
    const others = await portsOf(second);
    const ends = await Promise.all([first.ended, second.ended]);

    expect(ends.map(({ exit, err }) => ({ exit, err }))).toEqual([
      { exit: 0, err: '' },
      { exit: 0, err: '' },
    ]);
    expect(new Set([...ports, ...others]).size).toBe(4);
    expect(first.out()).not.toContain('It goes on');
    expect(existsSync(join(home, 'demo-2', 'mail'))).toBe(true);
    expect(second.out()).toContain(join(home, 'demo-2', 'nightshift.yaml'));
  }, 120_000);

  it('hands over when it is told to end, and goes on later', async () => {
    const first = demo(...SMALL);
    await first.says(/^22:\d\d {2}reboot-hypervisors/m);
    first.child.kill('SIGTERM');
    const stopped = await first.ended;
    const second = await demo(...SMALL).ended;

    expect(stopped.exit).toBe(143);
    expect(stopped.out).toMatch(
      /^Stopped at 2\d:\d\d UTC of that night; npm run demo goes on from there\.$/m,
    );
    expect({ exit: second.exit, err: second.err }).toEqual({ exit: 0, err: '' });
    expect(second.out).toContain('It goes on where it was');
  }, 120_000);

  it.each([
    { args: ['--hypervisors', '3'], words: 'It is a whole number from 6 to 99.' },
    { args: ['--sead', '8'], words: "unknown option '--sead'" },
  ])('refuses $args', async ({ args, words }) => {
    const { exit, err } = await demo(...args).ended;

    expect({ exit, err }).toEqual({ exit: 2, err: expect.stringContaining(words) });
  });
});
