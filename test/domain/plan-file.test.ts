import { describe, expect, it } from 'vitest';
import type { DefragmentPlan } from '../../src/domain/defragment-plan.ts';
import { parsePlan } from '../../src/domain/plan-file.ts';

const plan: DefragmentPlan = {
  format: 'plan/1',
  fleet: 'small',
  seed: 7,
  waves: [[{ server: 's1', from: 'hv1', to: 'hv2', toCells: [0, 1], seconds: 14.4 }], []],
  emptied: ['hv1'],
  emptyBefore: 0,
  emptyAfter: 1,
  bound: 2,
  moves: 1,
  ramMovedMb: 8192,
  makespanSeconds: 14.4,
  makespanBound: 14.4,
  held: [
    { hypervisor: 'hv2', why: 'takes s1' },
    { server: 's2', why: 'pinned' },
  ],
  warnings: ['hv2 is over-full'],
};

describe('a plan in a file', () => {
  it('is what was written, without what nobody knows', () => {
    expect(parsePlan(JSON.stringify({ ...plan, note: 'by hand' }), 'plan.json')).toEqual(plan);
  });

  it('is refused with every fault', () => {
    const broken = {
      ...plan,
      format: 'plan/2',
      waves: [[{ server: 's1', from: 'hv1', toCells: [-1] }]],
      moves: 1.5,
      held: [{ why: 'nobody' }],
      bound: undefined,
    };

    expect(() => parsePlan(JSON.stringify(broken), 'plan.json')).toThrow(
      [
        'plan.json',
        '  format: "plan/2" is not plan/1',
        '  waves[0][0].to: is missing',
        '  waves[0][0].toCells[0]: -1 is too small: at least 0',
        '  bound: is missing',
        '  moves: 1.5 is no whole number',
        '  held[0].hypervisor: is missing',
        '6 faults; nothing was done.',
      ].join('\n'),
    );
  });
});
