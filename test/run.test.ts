import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { endStrays, run } from './support/processes.js';
import { addUp, sentence, tally } from './support/tally.js';

function report(...statuses: string[]) {
  return {
    testResults: [{ assertionResults: statuses.map((status) => ({ status, fullName: `a ${status} test` })) }],
  };
}

describe('the count of a test run', () => {
  it.each([
    { why: 'all passed', exit: 0, report: report('passed', 'passed'), line: '2 passed, 0 failed' },
    { why: 'one failed', exit: 1, report: report('passed', 'failed'), line: '1 passed, 1 failed' },
    {
      why: 'some were skipped',
      exit: 0,
      report: report('passed', 'pending', 'todo'),
      line: '1 passed, 0 failed, 2 skipped',
    },
    { why: 'an error fell between the tests', exit: 1, report: report('passed'), line: '1 passed, 1 failed' },
    {
      why: 'one failed and two files did not load',
      exit: 1,
      report: {
        testResults: [
          ...report('failed').testResults,
          { status: 'failed' },
          { status: 'failed', assertionResults: [] },
        ],
      },
      line: '0 passed, 3 failed',
    },
    { why: 'it died without a report', exit: 137, report: undefined, line: '0 passed, 1 failed' },
    {
      why: 'it says that all is well and reports nothing',
      exit: 0,
      report: undefined,
      line: '0 passed, 1 failed',
    },
  ])('is "$line" when $why', ({ exit, report, line }) => {
    expect(sentence(tally(exit, report))).toBe(line);
  });

  it('names what was skipped', () => {
    expect(tally(0, report('passed', 'skipped')).skippedNames).toEqual(['a skipped test']);
  });

  it('adds up over several runs', () => {
    const runs = [
      tally(0, report('passed', 'pending')),
      tally(1, report('passed', 'failed')),
      tally(1, undefined),
    ];

    expect(sentence(addUp(runs))).toBe('2 passed, 2 failed, 1 skipped');
  });
});

describe.runIf(existsSync('/usr/bin/prlimit'))('a process that outlives its run', () => {
  it.each([
    { way: 'in a session of its own', command: 'setsid --fork sleep 60' },
    { way: 'without an environment', command: 'env -i setsid --fork sleep 60' },
    { way: 'under another title', command: 'exec -a other sleep 60 &' },
  ])('is found and ended: $way', async ({ command }) => {
    await run('bash', ['-c', command], process.env);

    const ended = await endStrays(0);

    expect(ended).toEqual([expect.stringMatching(/^\d+ .*(sleep|other)/)]);
    expect(await endStrays(2_000)).toEqual([]);
  });

  it('is left alone when it belongs to somebody else', async () => {
    const other = spawn('sleep', ['60']);
    await once(other, 'spawn');

    const ended = await endStrays(0);

    expect(ended).toEqual([]);
    expect(other.exitCode ?? other.signalCode).toBeNull();
    other.kill('SIGKILL');
  });

  it('answers how its program ended', async () => {
    expect(await run('sh', ['-c', 'exit 5'], process.env)).toBe(5);
    expect(await run('sh', ['-c', 'kill -KILL $$'], process.env)).toBe(137);
  });
});
