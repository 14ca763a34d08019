import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { ownServer } from '../src/own-server.ts';

const ID = '3f2a91cc-0000-4000-8000-00000000000a';

function fileThatSays(text: string): string {
  const dir = mkdtempSync(join(tmpdir(), 'ns-own-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  writeFileSync(join(dir, 'uuid'), text);
  return join(dir, 'uuid');
}

it.each([
  { what: 'the firmware, in capitals', files: () => [fileThatSays(`${ID.toUpperCase()}\n`)] },
  { what: 'the next file where one cannot be read', files: () => ['/nowhere/uuid', fileThatSays(ID)] },
  { what: 'the next file where one says no id', files: () => [fileThatSays('i-0000002a'), fileThatSays(ID)] },
])('takes the id of its own server from $what', ({ files }) => {
  expect(ownServer(files())).toBe(ID);
});

it('knows none where nobody tells', () => {
  expect(ownServer(['/nowhere/uuid', fileThatSays('not a server')])).toBeUndefined();
});
