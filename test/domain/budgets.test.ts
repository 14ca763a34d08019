import { expect, it } from 'vitest';
import { admit } from '../../src/domain/admission.ts';
import { budgetGate } from '../../src/domain/budgets.ts';
import type { Domain } from '../../src/domain/domains.ts';

function one(name: string, ...domains: Domain[]) {
  return { name, domains };
}

const queue = [
  one('hv1', 'zone a', 'rack r1'),
  one('hv2', 'zone a', 'rack r2'),
  one('hv3', 'zone b', 'rack r1'),
  one('hv4', 'zone b', 'rack r2'),
];

it.each([
  { what: 'nothing', budgets: [], order: ['hv1', 'hv2', 'hv3', 'hv4'], held: [] },
  {
    what: 'a zone',
    budgets: [{ per: 'zone', atMost: 1 } as const],
    order: ['hv1', 'hv3'],
    held: [
      'the budget of 1 a window in zone a is spent: 1 planned before it',
      'the budget of 1 a window in zone b is spent: 1 planned before it',
    ],
  },
  {
    what: 'a rack of a zone',
    budgets: [{ per: 'rack', atMost: 1 } as const, { per: 'zone', atMost: 2 } as const],
    order: ['hv1', 'hv2'],
    held: [
      'the budget of 1 a window in rack r1 is spent: 1 planned before it',
      'the budget of 1 a window in rack r2 is spent: 1 planned before it',
    ],
  },
  {
    what: 'the window',
    budgets: [{ per: 'window', atMost: 3 } as const],
    spent: [one('hv9', 'zone z')],
    order: ['hv1', 'hv2'],
    held: [
      'the budget of 3 a window is spent: 1 tried already, 2 planned before it',
      'the budget of 3 a window is spent: 1 tried already, 2 planned before it',
    ],
  },
  {
    what: 'everything',
    budgets: [{ per: 'window', atMost: 0 } as const],
    order: [],
    held: Array(4).fill('the budget of 0 a window is spent'),
  },
])('a budget of $what', ({ budgets, spent = [], order, held }) => {
  const admitted = admit(queue, [budgetGate(budgets, spent)], 9);

  expect(admitted.order.map(({ name }) => name)).toEqual(order);
  expect(admitted.held.map(({ why }) => why)).toEqual(held);
});

it('leaves the budget to those that go: what is beyond the limit spends nothing', () => {
  const { order, held, later } = admit(queue, [budgetGate([{ per: 'zone', atMost: 1 }], [])], 1);

  expect(order.map(({ name }) => name)).toEqual(['hv1']);
  expect(held.map(({ name }) => name)).toEqual(['hv2']);
  expect(later.map(({ name }) => name)).toEqual(['hv3', 'hv4']);
});
