import { expect, it } from 'vitest';
import { rowsAbout, withoutAddress } from '../../src/domain/person-rows.ts';

const ALICE = 'alice@alpha.example';

it.each([
  { key: ALICE, row: {}, is: true },
  { key: `contact ${ALICE}`, row: {}, is: true },
  { key: 'x', row: { email: 'Alice@Alpha.example' }, is: true },
  { key: 'x', row: { why: `asked by ${ALICE}.` }, is: true },
  { key: `m${ALICE}`, row: {}, is: false },
  { key: `b.${ALICE}`, row: {}, is: false },
  { key: `${ALICE}.org`, row: {}, is: false },
  { key: 'alice@alphaXexample', row: {}, is: false },
])('a row $key $row is about alice: $is', ({ key, row, is }) => {
  expect(rowsAbout(new Map([[key, row]]), ALICE).size).toBe(is ? 1 : 0);
});

it('leaves of a row all but the address', () => {
  expect(withoutAddress({ why: `asked by ${ALICE}`, by: 'kim' }, ALICE)).toEqual({
    why: 'asked by (erased)',
    by: 'kim',
  });
});
