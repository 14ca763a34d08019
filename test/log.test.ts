import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { destination } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Secret } from '../src/config/secret.ts';
import { createLog, type DaemonLog, type LogOptions } from '../src/log.ts';

let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'nightshift-log-'));
});

afterEach(async () => {
  await rm(dir, { recursive: true });
});

/** What is in the file after `write` was handed a log that goes there. */
async function written(
  options: LogOptions,
  write: (log: DaemonLog) => void,
): Promise<Record<string, unknown>[]> {
  const file = join(dir, 'log');
  write(createLog({ ...options, destination: destination({ dest: file, sync: true }) }));
  const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe('the daemon’s log', () => {
  it('has a line of JSON for each message, in the form of the logs of runs', async () => {
    const lines = await written({}, (log) => {
      log.info('started', { node: 'a' });
      log.warn('Redis is away');
    });

    expect(lines).toEqual([
      { level: 'info', time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/), message: 'started', node: 'a' },
      { level: 'warn', time: expect.any(String), message: 'Redis is away' },
    ]);
  });

  it('leaves out what is below its level', async () => {
    const lines = await written({ level: 'warn' }, (log) => {
      log.debug('d');
      log.info('i');
      log.warn('w');
      log.error('e');
    });

    expect(lines.map((line) => line.message)).toEqual(['w', 'e']);
  });

  it('gives common fields to every line', async () => {
    const lines = await written({}, (log) =>
      log.with({ job: 'reboot' }).with({ run: 'r1' }).info('begun', { step: 'plan' }),
    );

    expect(lines).toMatchObject([{ job: 'reboot', run: 'r1', step: 'plan', message: 'begun' }]);
  });

  it('shows errors with what caused them', async () => {
    const [line] = await written({}, (log) =>
      log.error('lost', { error: new Error('no answer', { cause: new Error('ECONNRESET') }) }),
    );

    expect(line?.error).toMatchObject({ type: 'Error', message: 'no answer: ECONNRESET' });
  });

  it('shows no secret, not even in an error or a common field', async () => {
    const error = Object.assign(new Error('login as kim:hunter2 refused'), {
      headers: { 'x-auth-token': 'gAAAA' },
    });

    const lines = await written({ secrets: [new Secret('hunter2')] }, (log) => {
      log.with({ url: 'smtp://kim:hunter2@relay' }).error('hunter2', { error, password: 'other' });
    });

    expect(JSON.stringify(lines)).not.toMatch(/hunter2|gAAAA|other/);
    expect(lines).toMatchObject([
      { message: '[secret]', error: { message: 'login as kim:[secret] refused' } },
    ]);
  });

  it('goes to standard error, and a crash loses none of it', () => {
    const module = new URL('../src/log.ts', import.meta.url).href;
    const code = `import { createLog } from ${JSON.stringify(module)}; createLog({}).info('last words'); process.abort();`;

    const { stderr, stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', code], {
      encoding: 'utf8',
      cwd: dir,
    });

    expect(stderr).toContain('"message":"last words"');
    expect(stdout).toBe('');
  });
});
