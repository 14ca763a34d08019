import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, expect, it } from 'vitest';
import { readDataFile } from '../src/read-data-file.ts';

const dir = mkdtempSync(join(tmpdir(), 'ns-data-'));
afterAll(() => rmSync(dir, { recursive: true }));

function file(name: string, bytes: string | Buffer): string {
  writeFileSync(join(dir, name), bytes);
  return join(dir, name);
}

it.each([
  ['as it is', 'fleet.json', '{"name":"ü"}'],
  ['decompressed', 'fleet.json.gz', gzipSync('{"name":"ü"}')],
  ['decompressed, whatever it is called', 'renamed.json', gzipSync('{"name":"ü"}')],
])('gives the text %s', async (_, name, bytes) => {
  expect(await readDataFile(file(name, bytes))).toBe('{"name":"ü"}');
});

it.each([
  ['that is not there', join(dir, 'none.json'), 'the file does not exist'],
  ['that is a folder', dir, 'the file is a directory'],
  [
    'that is damaged',
    file('cut.gz', gzipSync('{"name":"a"}').subarray(0, 20)),
    'the file cannot be decompressed: unexpected end of file',
  ],
])('refuses a file %s', async (_, path, why) => {
  await expect(readDataFile(path)).rejects.toThrow(`${path}\n  ${why}\n1 fault; nothing was done.`);
});
