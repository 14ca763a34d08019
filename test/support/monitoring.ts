/** A real Prometheus and a real Alertmanager for one test: a free port on the loopback, a folder of their own. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from './engine.ts';
import { freePort } from './sshd.ts';

interface Monitor {
  readonly url: string;
  stop(): Promise<void>;
}

/** Left out on a machine that has them not: the test run names what it left untried. */
export const HAS_ALERTMANAGER = isHere('prometheus-alertmanager') && isHere('amtool');
export const HAS_PROMETHEUS = isHere('prometheus');

export function startAlertmanager(): Promise<Monitor> {
  const config = 'route: { receiver: none }\nreceivers: [{ name: none }]\n';
  return start('prometheus-alertmanager', config, (dir, port) => [
    `--storage.path=${dir}`,
    `--web.listen-address=127.0.0.1:${port}`,
    '--cluster.listen-address=',
  ]);
}

/** Without a `config` it scrapes nothing, so it knows what a query makes up itself. */
export function startPrometheus(config = 'global: {}\n'): Promise<Monitor> {
  return start('prometheus', config, (dir, port) => [
    `--storage.tsdb.path=${dir}`,
    `--web.listen-address=127.0.0.1:${port}`,
  ]);
}

async function start(
  program: string,
  config: string,
  argsOf: (dir: string, port: number) => string[],
): Promise<Monitor> {
  const dir = mkdtempSync(join(tmpdir(), 'nightshift-monitor-'));
  const file = join(dir, 'config.yml');
  writeFileSync(file, config);
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const child = spawn(program, [`--config.file=${file}`, ...argsOf(join(dir, 'data'), port)], {
    stdio: 'ignore',
  });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  await eventually(`${program} to be ready`, async () => {
    const answer = await fetch(`${url}/-/ready`).catch(() => undefined);
    return answer?.ok;
  });
  return {
    url,
    async stop() {
      child.kill('SIGKILL');
      await ended;
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

function isHere(program: string): boolean {
  return spawnSync(program, ['--version'], { stdio: 'ignore' }).status === 0;
}
