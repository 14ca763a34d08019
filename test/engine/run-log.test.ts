import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RunLogs } from '../../src/engine/run-log.ts';

describe('the log of a run', () => {
  let dir: string;

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'ns-'));
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  function text(logs: RunLogs, run: string): string {
    return logs.read(run, 0, 100_000).text.toString();
  }

  it('has a line of JSON for each word, with job, run, step and try, through the redaction', () => {
    const logs = new RunLogs(dir, (line) => line.replaceAll('hunter2', '…'));
    const log = logs.open('try', 'try~1');

    log.log.info('begins', { password: 'hunter2' });
    log.forStep('migrate', 2).warn('slow');
    log.close();

    const [first, second] = text(logs, 'try~1')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as object);
    expect(first).toMatchObject({
      level: 'info',
      job: 'try',
      run: 'try~1',
      message: 'begins',
      password: '…',
    });
    expect(second).toMatchObject({ level: 'warn', step: 'migrate', try: 2, message: 'slow' });
  });

  it('is read by ranges of bytes while it grows', () => {
    const logs = new RunLogs(dir);
    const log = logs.open('try', 'try~1');
    log.log.info('one');
    const first = logs.read('try~1', 0, 10);
    log.log.info('two');
    const rest = logs.read('try~1', first.next, 100_000);
    log.close();

    expect(Buffer.concat([first.text, rest.text]).toString()).toBe(text(logs, 'try~1'));
    expect(rest.next).toBe(rest.size);
    expect(logs.read('try~1', rest.size + 5, 10).text).toHaveLength(0);
    expect(logs.read('try~unheard', 0, 10)).toEqual({ text: Buffer.alloc(0), next: 0, size: 0 });
  });

  it('keeps the order of lines that are written soon, for readers and at its end, too', () => {
    const logs = new RunLogs(dir);
    const log = logs.open('try', 'try~1');
    const soon = log.forStep('migrate', 1, { soon: true });
    const messages = (): string[] =>
      [...text(logs, 'try~1').matchAll(/"message":"(\w+)"/g)].map(([, message]) => message ?? '');

    soon.info('begins');
    log.forStep('migrate', 1).info('moves');
    soon.info('done');
    expect(messages()).toEqual(['begins', 'moves', 'done']);
    soon.info('last');
    log.close();
    expect(messages()).toEqual(['begins', 'moves', 'done', 'last']);
  });

  it('takes no late word of something that was not waited for: its file may be another one by then', () => {
    const logs = new RunLogs(dir);
    const left = logs.open('try', 'try~left');
    const late = left.forStep('migrate', 1);
    left.close();
    const next = logs.open('try', 'try~next');

    late.info('at last');

    next.close();
    expect(text(logs, 'try~left')).toBe('');
    expect(text(logs, 'try~next')).toBe('');
  });
});
