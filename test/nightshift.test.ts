import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const repository = join(import.meta.dirname, '..');
const launcher = join(repository, 'src/nightshift.js');
const bundled = `node-${process.platform}-${process.arch}`;

/** A command line that tells what it was started with, and counts the signals that it gets. */
const commandLine = `
interface Start { readonly version: string; readonly args: readonly string[] }
const start: Start = { version: process.versions.node, args: process.argv.slice(2) };
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => console.log(signal));
console.log(JSON.stringify(start));
for await (const line of process.stdin) {
  const text = String(line).trim();
  if (text === 'die') process.kill(process.pid, 'SIGKILL');
  else console.log('read ' + text);
}
process.exitCode = 5;
`;

function olderNode(): string | undefined {
  const candidates = [...(process.env.PATH ?? '').split(delimiter), '/usr/bin', '/usr/local/bin'];
  return candidates
    .map((folder) => join(folder, 'node'))
    .filter((path) => existsSync(path))
    .find((path) => {
      const [major = 0, minor = 0] = spawnSync(path, ['-p', 'process.versions.node'])
        .stdout.toString()
        .split('.')
        .map(Number);
      return major < 24 || (major === 24 && minor < 12);
    });
}

const older = existsSync(join(repository, 'node_modules', bundled)) ? olderNode() : undefined;
let home: string;

/** Lays the launcher out as in a clone, with the bundled Node beside it. */
function layOut(folder: string): string {
  mkdirSync(join(folder, 'src/cli'), { recursive: true });
  mkdirSync(join(folder, 'node_modules'), { recursive: true });
  for (const file of ['nightshift.js', 'strip-types.js'])
    cpSync(join(repository, 'src', file), join(folder, 'src', file));
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  writeFileSync(join(folder, 'src/cli/main.ts'), commandLine);
  if (existsSync(join(repository, 'node_modules', bundled)))
    symlinkSync(join(repository, 'node_modules', bundled), join(folder, 'node_modules', bundled));
  return join(folder, 'src/nightshift.js');
}

beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'nightshift-launcher-'));
  layOut(join(home, 'clone'));
  layOut(join(home, 'elsewhere/node_modules/nightshift'));
});

afterAll(() => rmSync(home, { recursive: true, force: true }));

function start(program: string, args: readonly string[]) {
  const child = spawn(program, args, {
    env: { ...process.env, HOME: home },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let errors = '';
  child.stderr.on('data', (text) => {
    errors += text;
  });
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  return {
    child,
    line: async (): Promise<string | undefined> => (await lines.next()).value,
    end: async () => {
      const [code, signal] = await once(child, 'close');
      return { code, signal, errors };
    },
  };
}

describe.each([
  { kind: 'the Node that runs the tests', node: process.execPath },
  { kind: 'a Node older than 24.12 (skipped where the machine has none)', node: older },
])('nightshift on $kind', ({ node }) => {
  describe.skipIf(node === undefined).each(['clone', 'elsewhere/node_modules/nightshift'])(
    'in %s',
    (place) => {
      const nightshift = () =>
        start(String(node), [join(home, place, 'src/nightshift.js'), 'run', '--x', 'a b']);

      it('passes on arguments, input, output and exit code, and says nothing itself', async () => {
        const { child, line, end } = nightshift();

        expect(JSON.parse(String(await line()))).toEqual({
          version: expect.stringMatching(/^24\.(1[2-9]|[2-9]\d)\.|^(2[5-9]|[3-9]\d)\./),
          args: ['run', '--x', 'a b'],
        });
        child.stdin.end('hello\n');

        expect(await line()).toBe('read hello');
        expect(await end()).toEqual({ code: 5, signal: null, errors: '' });
      });

      it.each(['SIGINT', 'SIGTERM'] as const)('passes %s on, once', async (signal) => {
        const { child, line, end } = nightshift();
        await line();

        child.kill(signal);

        expect(await line()).toBe(signal);
        child.stdin.end();
        expect(await line()).toBeUndefined();
        expect((await end()).code).toBe(5);
      });

      it.skipIf(!existsSync('/usr/bin/script'))('hears one Ctrl-C on a terminal once', async () => {
        const command = `exec ${node} ${join(home, place, 'src/nightshift.js')}`;
        const { child, line, end } = start('/usr/bin/script', ['-qec', command, '/dev/null']);
        await line();

        child.stdin.write('\x03');
        expect(await line()).toContain('SIGINT');
        child.stdin.write('\x04');

        const rest = [await line(), await line()];
        expect(rest.filter((text) => text?.includes('SIGINT'))).toEqual([]);
        expect((await end()).code).toBe(5);
      });

      it('dies of the signal that its command line died of', async () => {
        const { child, line, end } = nightshift();
        await line();

        child.stdin.write('die\n');

        expect(await end()).toMatchObject({ code: null, signal: 'SIGKILL' });
      });
    },
  );
});

it.skipIf(older === undefined)(
  'says in one line what is needed where there is no newer Node (skipped likewise)',
  async () => {
    const alone = join(home, 'alone/src');
    mkdirSync(alone, { recursive: true });
    cpSync(launcher, join(alone, 'nightshift.js'));
    writeFileSync(join(alone, 'package.json'), '{ "type": "module" }');

    const { end } = start(String(older), [join(alone, 'nightshift.js')]);

    expect(await end()).toEqual({
      code: 78,
      signal: null,
      errors: expect.stringMatching(
        /^Nightshift needs Node 24\.12 or newer and this is \d+\.\d+\.\d+; npm install .*\n$/,
      ),
    });
  },
);
