/** How soon is a large simulated cloud there, with its HTTP and SSH, and how much memory does it take? */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Figure } from './figures.ts';

const MOST_S = 3;
const MOST_MB = 500;

export async function measureTwin({ large }: { readonly large: boolean }): Promise<Figure[]> {
  const sizes = [{ hypervisors: 1000, servers: 20_000, isAsked: true }];
  if (large) sizes.push({ hypervisors: 10_000, servers: 200_000, isAsked: false });
  const figures: Figure[] = [];
  for (const { hypervisors, servers, isAsked } of sizes) {
    const seen = await start(hypervisors, servers);
    const what = `a twin of ${count(hypervisors)} hypervisors and ${count(servers)} servers`;
    const [seconds, mb] = [seen.ms / 1000, seen.rssBytes / 1e6];
    const bars = (bar: string, met: boolean) => (isAsked ? { bar, met } : {});
    figures.push(
      {
        what: `${what}: to its first answer`,
        figure: `${seconds.toFixed(1)} s`,
        ...bars(`< ${MOST_S} s`, seconds < MOST_S),
        how: 'n=1, from the call to the opened ports',
      },
      {
        what: `${what}: memory`,
        figure: `${mb.toFixed(0)} MB`,
        ...bars(`< ${MOST_MB} MB`, mb < MOST_MB),
        how: 'n=1, resident, the whole process',
      },
    );
  }
  return figures;
}

/** In a process of its own, so that its memory is its own. */
async function start(hypervisors: number, servers: number): Promise<{ ms: number; rssBytes: number }> {
  const program = new URL('twin-process.ts', import.meta.url).pathname;
  const argv = [program, String(hypervisors), String(servers)];
  const { stdout } = await promisify(execFile)(process.execPath, argv);
  return JSON.parse(stdout) as { ms: number; rssBytes: number };
}

function count(number: number): string {
  return number.toLocaleString('en');
}
