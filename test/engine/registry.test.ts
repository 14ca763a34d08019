import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadJobs } from '../../src/engine/registry.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ns-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('a job file that cannot be loaded is named', () => {
  it.each([
    ['that imports what is not there', "import x from './nope.ts';\nexport default x;", /Cannot find module/],
    ['with a slip', 'export const a = 1;\nlet b = ;\n', /cannot be loaded/],
    ['that throws', "\nthrow new Error('no luck');", /no luck/],
    ['that is no job', 'export default 3;', /its default export must come from defineJob/],
  ])('%s', async (_, text, why) => {
    writeFileSync(join(folder, 'restart-agents.ts'), text);

    const error = await loadJobs(folder).catch((thrown: Error) => thrown);

    expect((error as Error).message).toContain(join(folder, 'restart-agents.ts'));
    expect((error as Error).message).toMatch(why);
  });
});
