import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readRunbook } from '../../src/runbook/runbook.ts';

const FOLDER = join(import.meta.dirname, '../../config/jobs');

it.each(readdirSync(FOLDER))('the sample %s is without fault', (file) => {
  expect(file).toMatch(/^[a-z][a-z0-9-]*\.yaml$/);
  expect(readRunbook(file, readFileSync(join(FOLDER, file), 'utf8'))).not.toHaveProperty('faults');
});
