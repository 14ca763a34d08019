import { describe, expect, it } from 'vitest';
import { faultIn } from '../../src/server/json-body.ts';

function nested(times: number): unknown {
  let value: unknown = 1;
  for (let i = 0; i < times; i += 1) value = i % 2 === 0 ? [value] : { key: value };
  return value;
}

describe('a body', () => {
  it.each([
    ['plain', { a: [1, 'two', null, true, 'ü 🙂'] }, undefined],
    ['as deep as may be', nested(32), undefined],
    ['deeper', nested(33), 'is nested deeper than 32 times'],
    ['far deeper', nested(100_000), 'is nested deeper than 32 times'],
    ['half a sign', ['\ud83d'], 'holds text that is no Unicode: half of a pair of surrogates'],
    ['half a sign in a key', { '\ude42': 1 }, 'holds text that is no Unicode: half of a pair of surrogates'],
    ['a number beyond all', { a: JSON.parse('1e999') as number }, 'holds a number that is too large'],
  ])('that is %s', (_, value, fault) => {
    expect(faultIn(value)).toBe(fault);
  });
});
