import { expect, it } from 'vitest';
import { z } from 'zod';
import { parseOptions, type Typed, tellingOptions, valuesOf } from '../../src/cli/options.ts';

const SCHEMA = z.strictObject({
  version: z.string(),
  note: z.string().optional(),
  level: z.enum(['1', '2']),
  limit: z.int(),
  sure: z.boolean(),
  hosts: z.union([z.array(z.string()), z.string()]),
});

it.each([
  ['version=9.10', { version: '9.10' }],
  ['version=true', { version: 'true' }],
  ['version="a b"', { version: 'a b' }],
  ['version=[a', { version: '[a' }],
  ['note=', { note: '' }],
  ['note=a=b', { note: 'a=b' }],
  ['level=2', { level: '2' }],
  ['limit=2', { limit: 2 }],
  ['sure=true', { sure: true }],
  ['hosts=[a, b]', { hosts: ['a', 'b'] }],
  ['hosts=a hosts=b', { hosts: ['a', 'b'] }],
  ['unheard=3', { unheard: 3 }],
])('%s is read as the job takes it', (line, values) => {
  const words = line.split(/ (?=\w+=)/);
  const typed = words.reduce<Typed>((before, word) => parseOptions(word, before), {});

  expect(valuesOf(typed, SCHEMA)).toEqual(values);
});

it('tells the options without which a run would be another one', () => {
  const schema = z.strictObject({
    name: z.string(),
    limit: z.int().default(5),
    gate: z.strictObject({ apiSeconds: z.number().default(10) }).prefault({}),
  });
  const all = { name: 'hv07', limit: 5, gate: { apiSeconds: 10 } };

  expect(tellingOptions(all, schema)).toEqual({ name: 'hv07' });
  expect(tellingOptions({ ...all, limit: 2, gate: { apiSeconds: 3 } }, schema)).toEqual({
    name: 'hv07',
    limit: 2,
    gate: { apiSeconds: 3 },
  });
  expect(tellingOptions({ old: 1 }, schema)).toEqual({ old: 1 });
  expect(tellingOptions(all, undefined)).toEqual(all);
});
