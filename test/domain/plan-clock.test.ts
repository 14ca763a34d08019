import { describe, expect, it } from 'vitest';
import { boundServers, endsOf, makespanOf } from '../../src/domain/plan-clock.ts';

const limits = { parallel: 2, outPerHypervisor: 1, inPerHypervisor: 2 };
const move = (server: string, from: string, to: string, seconds: number) => ({ server, from, to, seconds });

describe('how long a plan takes', () => {
  it.each<[string, ReturnType<typeof move>[][], number]>([
    ['nothing', [], 0],
    ['one move', [[move('a', 'hv1', 'hv2', 30)]], 30],
    ['the longest of those together', [[move('a', 'hv1', 'hv2', 30), move('b', 'hv3', 'hv2', 20)]], 30],
    [
      'the sum of those one after the other',
      [[move('a', 'hv1', 'hv3', 30)], [move('b', 'hv1', 'hv3', 20)]],
      50,
    ],
    [
      'no more where short ones end beside a long one',
      [
        [move('a', 'hv1', 'hv3', 90), move('b', 'hv2', 'hv4', 30)],
        [move('c', 'hv2', 'hv4', 30)],
        [move('d', 'hv2', 'hv4', 30)],
      ],
      90,
    ],
    [
      'the way through what waits for room',
      [[move('a', 'hv1', 'hv3', 90)], [move('b', 'hv2', 'hv1', 30)]],
      120,
    ],
  ])('is %s', (_, waves, seconds) => {
    expect(makespanOf(waves, { limits })).toBe(seconds);
  });

  it('is told of each move', () => {
    const [a, b, c] = [move('a', 'hv1', 'hv3', 40), move('b', 'hv2', 'hv4', 30), move('c', 'hv2', 'hv4', 30)];

    expect([...endsOf([[a, b], [c]], { limits })]).toEqual([
      [b, 30],
      [a, 40],
      [c, 60],
    ]);
  });

  it('waits for whole waves where a group of affinity moves', () => {
    const waves = [[move('a', 'hv1', 'hv3', 90), move('b', 'hv2', 'hv4', 30)], [move('c', 'hv2', 'hv4', 30)]];

    expect(makespanOf(waves, { limits, isBound: ({ server }) => server === 'c' })).toBe(120);
  });
});

describe('boundServers', () => {
  it('are those that a hard group of affinity keeps together with others', () => {
    const group = (policy: 'affinity' | 'anti-affinity' | 'soft-affinity', ...members: string[]) => ({
      id: members.join(''),
      policy,
      maxPerHost: 1,
      members,
    });
    const groups = [
      group('affinity', 'a', 'b'),
      group('affinity', 'c'),
      group('anti-affinity', 'd', 'e'),
      group('soft-affinity', 'f', 'g'),
    ];

    expect([...boundServers({ groups })]).toEqual(['a', 'b']);
  });
});
