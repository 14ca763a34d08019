import { describe, expect, it } from 'vitest';
import type { PlannedMove } from '../../src/domain/defragment-plan.ts';
import type { Fleet } from '../../src/domain/fleet.ts';
import { snapshotOf } from '../../src/domain/fleet-snapshot.ts';
import { freshWave, type WaveQuestion } from '../../src/domain/fresh-wave.ts';
import { ANYWHERE } from '../../src/domain/reach.ts';
import { group, hypervisor, server, size } from '../support/builders.ts';

const move = (server: string, from = 'hv1', to = 'hv2') => ({ server, from, to });

function seen(more: Partial<Fleet>) {
  const fleet: Fleet = {
    takenAt: '2026-11-24T22:00:00.000Z',
    hypervisors: ['hv1', 'hv2', 'hv3'].map((name) => hypervisor(name)),
    servers: [],
    groups: [],
    ...more,
  };
  return snapshotOf(fleet, 'main', {
    reach: ANYWHERE,
    policy: { projects: {}, classes: [], allow: { cold: false, stop: false } },
    isolatedAggregates: [],
    rackPrefixes: [],
    mbPerSecond: 125,
  }).fleet;
}

function fresh(more: Partial<Fleet>, wave: readonly PlannedMove[], question: Partial<WaveQuestion> = {}) {
  return freshWave(seen(more), { waves: [wave], next: [], limits: {}, ...question });
}

describe('freshWave', () => {
  it('lets begin what still holds', () => {
    const servers = [server('a', 'hv1'), server('b', 'hv1')];

    expect(fresh({ servers }, [move('a'), move('b')])).toEqual({
      moves: [move('a'), move('b')],
      dropped: [],
      misfits: [],
    });
  });

  it('drops servers for which nothing is left to do, and says why', () => {
    const servers = [server('moved', 'hv3'), server('off', 'hv1', { status: 'SHUTOFF' }), server('a', 'hv1')];

    const { moves, dropped, misfits } = fresh(
      { servers },
      ['gone', 'moved', 'off', 'a'].map((id) => move(id)),
    );

    expect(moves).toEqual([move('a')]);
    expect(dropped).toEqual([
      { server: 'gone', why: 'it is gone' },
      { server: 'moved', why: 'it is on hv3 meanwhile' },
      { server: 'off', why: 'it does not run any more' },
    ]);
    expect(misfits).toEqual([]);
  });

  it.each<{ what: string; world: Partial<Fleet>; why: RegExp }>([
    {
      what: 'is locked meanwhile',
      world: { servers: [server('a', 'hv1', { locked: true })] },
      why: /locked/,
    },
    {
      what: 'finds no room any more',
      world: { servers: [server('a', 'hv1'), server('big', 'hv2', { size: size(124) })] },
      why: /\S/,
    },
    {
      what: 'would meet a member of its group',
      world: { servers: [server('a', 'hv1'), server('b', 'hv2')], groups: [group('g', ['a', 'b'])] },
      why: /g/,
    },
    {
      what: 'was to go where somebody has disabled the hypervisor',
      world: {
        hypervisors: [hypervisor('hv1'), hypervisor('hv2', { disabled: 'disk swap' })],
        servers: [server('a', 'hv1')],
      },
      why: /disabled|takes/,
    },
  ])('has planned anew what $what', ({ world, why }) => {
    const { moves, misfits } = fresh(world, [move('a')]);

    expect(moves).toEqual([]);
    expect(misfits).toEqual([{ server: 'a', why: expect.stringMatching(why) }]);
  });

  it('lets the others begin beside one that does not fit', () => {
    const servers = [server('a', 'hv1', { locked: true }), server('b', 'hv1')];

    const { moves, misfits } = fresh({ servers }, [move('a'), move('b')]);

    expect(moves).toEqual([move('b')]);
    expect(misfits.map(({ server }) => server)).toEqual(['a']);
  });

  it('keeps to the limits of a wave', () => {
    const servers = [server('a', 'hv1'), server('b', 'hv1')];

    const { moves, misfits } = fresh({ servers }, [move('a'), move('b')], {
      limits: { outPerHypervisor: 1 },
    });

    expect(moves.length).toBeLessThan(2);
    expect(misfits.length + moves.length).toBe(2);
  });

  describe('while migrations are under way', () => {
    const big = size(96);
    /** As much again would not fit: `b` has to leave hv2 before `a` comes. */
    const servers = [server('a', 'hv1', { size: big }), server('b', 'hv2', { size: big })];
    const waves = [[move('b', 'hv2', 'hv3')], [move('a')]];

    it('sees gone what earlier waves are to take away', () => {
      expect(fresh({ servers }, [], { waves })).toMatchObject({ misfits: [], moves: waves.flat() });
      expect(fresh({ servers }, [move('a')]).misfits).toHaveLength(1);
    });

    it('counts what Placement books at the other end once', () => {
      const hypervisors = [
        hypervisor('hv1'),
        hypervisor('hv2', { used: big }),
        hypervisor('hv3', { used: big }),
      ];
      const [first = [], second = []] = waves;

      const question = { waves: [first, second], underWay: first };

      expect(fresh({ servers, hypervisors }, [], question)).toEqual({
        moves: second,
        dropped: [],
        misfits: [],
      });
    });

    it('holds both ends of one that shows its new place already', () => {
      const moved = [server('a', 'hv1', { size: big }), server('b', 'hv3', { size: big })];
      const [first = [], second = []] = waves;

      expect(fresh({ servers: moved }, [], { waves: [first, second], underWay: first }).misfits).toEqual([]);
      const beside = [...first, move('c', 'hv1', 'hv3')];
      const crowded = [...moved, server('c', 'hv1', { size: big })];
      expect(fresh({ servers: crowded }, [], { waves: [beside], underWay: first }).misfits).toEqual([
        { server: 'c', why: expect.stringContaining('no room on hv3') },
      ]);
    });

    it('judges a server that stops over by where it will be', () => {
      const twice = [[move('a')], [move('a', 'hv2', 'hv3')]];
      const small = [server('a', 'hv1')];

      expect(fresh({ servers: small }, [], { waves: twice, underWay: twice[0]! })).toEqual({
        moves: twice[1],
        dropped: [],
        misfits: [],
      });
      expect(fresh({ servers: [] }, [], { waves: twice }).dropped).toHaveLength(2);
    });
  });
});
