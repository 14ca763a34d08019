import { describe, expect, it } from 'vitest';
import { chooseKept, closingsOf } from '../../src/domain/emptying.ts';
import { hypervisor, server, size } from '../support/builders.ts';

const move = (server: string, from: string, to: string) => ({ server, from, to });

describe('closingsOf', () => {
  const emptied = ['hv1', 'hv2'];

  it('closes a hypervisor before its first server leaves', () => {
    const [a, b] = [move('a', 'hv1', 'hv3'), move('b', 'hv2', 'hv3')];

    expect(closingsOf([a], { emptied, left: [a, b] })).toEqual(['hv1']);
    expect(closingsOf([a, b], { emptied, left: [a, b] })).toEqual(['hv1', 'hv2']);
  });

  it('closes one on which servers stop over once the last of them has come', () => {
    const [a, b] = [move('a', 'hv1', 'hv3'), move('b', 'hv2', 'hv1')];
    const [again, c] = [move('b', 'hv1', 'hv2'), move('c', 'hv1', 'hv3')];

    expect(closingsOf([a], { emptied: ['hv1'], left: [a, b, again, c] })).toEqual([]);
    expect(closingsOf([again], { emptied: ['hv1'], left: [again, c] })).toEqual(['hv1']);
  });

  it('leaves open what is not emptied', () => {
    const a = move('a', 'hv3', 'hv4');

    expect(closingsOf([a], { emptied, left: [a] })).toEqual([]);
  });
});

describe('chooseKept', () => {
  const hypervisors = ['hv1', 'hv2', 'hv3', 'hv10'].map((name) => hypervisor(name));
  const fleet = {
    takenAt: '2026-11-24T22:00:00Z',
    hypervisors,
    servers: [server('a', 'hv1', { size: size(64) })],
    groups: [],
  };

  it('keeps as many as are wanted, in the order in which a person counts', () => {
    const headroom = { hypervisors: 0, pools: [] };

    expect(chooseKept(fleet, ['hv10', 'hv3', 'hv2'], { most: 2, headroom })).toEqual({
      keep: ['hv2', 'hv3'],
      open: [{ name: 'hv10', why: '2 are wanted, and so many are kept' }],
    });
  });

  it('leaves open what the servers of one that fails would need', () => {
    const headroom = { hypervisors: 1, pools: [] };

    const { keep, open } = chooseKept(fleet, ['hv2', 'hv3', 'hv10'], { most: Infinity, headroom });

    expect(keep).toEqual(['hv2', 'hv3']);
    expect(open).toEqual([
      { name: 'hv10', why: 'no headroom: 1 hypervisor would be left in nova, and 1 may fail (keepEmpty)' },
    ]);
  });
});
