import { spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RedisTrust } from '../../src/engine/redis-trust.ts';

let dir: string;
let file: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'ns-'));
  file = join(dir, 'redis-mark.json');
});
afterEach(() => rmSync(dir, { recursive: true }));

function trusting(epoch: string, seq: number): RedisTrust {
  const trust = new RedisTrust(file, '{nightshift}:meta');
  trust.accept(epoch, seq);
  return trust;
}

function mark(): { epoch: string; seq: number } {
  return JSON.parse(readFileSync(file, 'utf8')) as { epoch: string; seq: number };
}

/** A process that saves one mark after the other, each chosen by chance below its end. */
function saver(until: number): Promise<number | null> {
  const code = `
    import { RedisTrust } from ${JSON.stringify(new URL('../../src/engine/redis-trust.ts', import.meta.url).href)};
    for (let seq = 1; seq <= ${until}; seq += Math.ceil(Math.random() * 5)) {
      const trust = new RedisTrust(${JSON.stringify(file)}, 'meta');
      trust.accept('one', seq);
    }
    new RedisTrust(${JSON.stringify(file)}, 'meta').accept('one', ${until});`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: 'inherit' });
  return new Promise((done) => child.once('exit', done));
}

describe('the mark of a state directory', () => {
  it('keeps the highest count that any process there saw', () => {
    const ahead = trusting('one', 100);
    const behind = trusting('one', 7);
    behind.saw(8);
    behind.save();
    expect(mark()).toEqual({ epoch: 'one', seq: 100 });

    ahead.saw(101);
    ahead.save();
    expect(mark()).toEqual({ epoch: 'one', seq: 101 });
  });

  it('is that of the Redis which a person accepted, however little it has counted', () => {
    trusting('one', 100);
    trusting('two', 3);

    expect(mark()).toEqual({ epoch: 'two', seq: 3 });
  });

  it('never goes down while processes write it at the same time', async () => {
    trusting('one', 1);
    const savers = [300, 1000, 600].map(saver);
    const seen: number[] = [];
    const looking = setInterval(() => seen.push(mark().seq), 1);

    const codes = await Promise.all(savers);
    clearInterval(looking);

    expect(codes).toEqual([0, 0, 0]);
    expect(seen).toEqual(seen.toSorted((a, b) => a - b));
    expect(mark().seq).toBe(1000);
    expect(readdirSync(dir)).toEqual(['redis-mark.json']);
  });

  it('is written although a process died while it wrote it', () => {
    trusting('one', 1);
    closeSync(openSync(`${file}.lock`, 'wx'));
    utimesSync(`${file}.lock`, 0, 0);

    trusting('one', 2);

    expect(mark().seq).toBe(2);
  });
});
