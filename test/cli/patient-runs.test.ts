import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RunRecord } from '../../src/engine/runs.ts';
import { chanceOf } from '../engine/support/chance.ts';
import { type CutEvents, readCut } from '../server/support/cut-events.ts';
import { OPERATE, TOKENS } from '../server/support/server.ts';
import { eventually } from '../support/engine.ts';
import { openSite, type Running, type Site } from '../support/nightshift.ts';
import askFirst from './patient-jobs/ask-first.ts';
import leaveChild from './patient-jobs/leave-child.ts';
import writeLog from './patient-jobs/write-log.ts';

const HEADERS = { authorization: `Bearer ${OPERATE}` };

describe('a daemon with its API', { timeout: 120_000 }, () => {
  let site: Site;
  let service: Running;
  let url: string;

  beforeEach(async () => {
    site = await openSite();
    const file = `options: { file: ${join(site.dir, 'answers')} }`;
    site.write(
      'nightshift.yaml',
      `dryRun: false
stateDir: state
http: { listen: '127.0.0.1:0', ${TOKENS} }
engine: { leaseMs: 1000, renewMs: 200, reconcileMs: 200 }
jobsDir: ${join(import.meta.dirname, 'patient-jobs')}
jobs:
  ask-first: { armed: true, ${file} }
  leave-child: { armed: true, ${file} }
  write-log: { armed: true, options: { lines: 400 } }
`,
    );
    await begin();
  });
  afterEach(() => site.close());

  async function begin(): Promise<void> {
    service = site.start('daemon');
    let said = '';
    service.child.stderr?.on('data', (text: string) => {
      said += text;
    });
    url = await eventually('the daemon to listen', async () => /"url":"(http:[^"]+)"/.exec(said)?.[1]);
  }

  async function post<T>(path: string, body: unknown): Promise<T> {
    const answer = await fetch(`${url}/api/v1/${path}`, {
      method: 'POST',
      headers: { ...HEADERS, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    return (await answer.json()) as T;
  }

  async function start(job: string): Promise<string> {
    return (await post<RunRecord>(`jobs/${job}/runs`, { go: true })).id;
  }

  function reaches(run: string, state: string): Promise<RunRecord> {
    return eventually(
      `${run} to be ${state}`,
      async () => {
        const answer = await fetch(`${url}/api/v1/runs/${encodeURIComponent(run)}`, { headers: HEADERS });
        const record = (await answer.json()) as RunRecord;
        return record.state === state && record;
      },
      60_000,
    );
  }

  const answers = (): string => readFileSync(join(site.dir, 'answers'), 'utf8');

  it('lists its jobs', async () => {
    const { out } = await site.nightshift('jobs');

    for (const { summary } of [askFirst, leaveChild, writeLog]) expect(out).toContain(summary);
  });

  it('takes an approval over HTTP', async () => {
    const run = await start('ask-first');
    const waiting = await reaches(run, 'waiting');

    const held = await post(`runs/${run}/approve`, { key: 'go on', answer: 'yes', why: 'looks good' });
    const over = await reaches(run, 'succeeded');

    expect(waiting.waiting?.for).toBe('an answer to "Shall it go on?"');
    expect(held).toEqual({ answer: 'yes', by: 'kim', why: 'looks good' });
    expect(over.report?.headline).toBe('kim said yes.');
    expect(answers()).toBe('yes by kim\n');
  });

  it('takes an approval from the command line, and the first answer holds', async () => {
    const run = await start('ask-first');
    await reaches(run, 'waiting');

    const first = await site.nightshift('approve', run, 'go on', '--answer', 'no', '--reason', 'not tonight');
    await reaches(run, 'succeeded');
    const late = await site.nightshift('approve', run, 'go on', '--answer', 'yes');

    expect(first).toMatchObject({ exit: 0, out: `${run}: "go on" is answered with no.\n` });
    expect(late.exit).toBe(2);
    expect(late.err).toContain(`${run} has ended already (succeeded)`);
    expect(answers()).toBe('no by kim\n');
  });

  it('lets a child wait while its parent ends, over its own death, and go on later', async () => {
    const parent = await start('leave-child');
    const ended = await reaches(parent, 'succeeded');
    const child = `${parent}~later`;
    await reaches(child, 'waiting');
    service.child.kill('SIGKILL');
    await service.ended;
    await begin();

    const still = await reaches(child, 'waiting');
    const said = await site.nightshift('approve', child, 'go on', '--answer', 'yes');
    const over = await reaches(child, 'succeeded');

    expect(ended.report?.headline).toBe(`${child} goes on by itself.`);
    expect(still.parent).toBe(parent);
    expect(said.exit).toBe(0);
    expect(answers()).toBe('yes by kim\n');
    expect(Date.parse(over.endedAt ?? '')).toBeGreaterThan(Date.parse(ended.endedAt ?? ''));
  });

  it('loses no line of a followed log, though the connection breaks at any byte and the daemon dies', async () => {
    const chance = chanceOf(11);
    const run = await start('write-log');
    const events: CutEvents = { lines: [], last: '', end: undefined };
    let breaks = 0;
    const deaths: number[] = [];

    while (events.end === undefined) {
      const path = `${url}/api/v1/runs/${encodeURIComponent(run)}/log`;
      await readCut(path, HEADERS, { events, mostBytes: chance.int(1, 4000) });
      breaks += 1;
      if (events.lines.length > 100 * (deaths.length + 1) && deaths.length < 2) {
        deaths.push(events.lines.length);
        service.child.kill('SIGKILL');
        await service.ended;
        await begin();
      }
    }

    const log = readFileSync(join(site.dir, 'state/logs', `${run}.ndjson`), 'utf8');
    expect(`${events.lines.join('\n')}\n`).toBe(log);
    expect(Number(events.last)).toBe(Buffer.byteLength(log));
    expect(JSON.parse(events.end)).toEqual({ state: 'succeeded' });
    expect(deaths).toHaveLength(2);
    expect(breaks).toBeGreaterThan(30);
    const messages = log
      .split('\n')
      .slice(0, -1)
      .map((line) => (JSON.parse(line) as { message: string }).message);
    expect(new Set(messages.filter((message) => message.startsWith('line '))).size).toBe(400);
  });
});
