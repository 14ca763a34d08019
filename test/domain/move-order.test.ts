import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planDefragmentation } from '../../src/domain/defragment.ts';
import type { DefragmentPlan, DefragmentPolicy, PlannedMove } from '../../src/domain/defragment-plan.ts';
import type { FleetFile } from '../../src/domain/fleet-file.ts';
import { enter, leave, missingFor, roomsOf, whyNotCells } from '../../src/domain/fleet-room.ts';
import { type Limits, MoveOrder, type OrderRules } from '../../src/domain/move-order.ts';
import { modelOf } from '../../src/domain/packing/model.ts';
import { sequence } from '../../src/domain/packing/sequence.ts';
import { boundServers } from '../../src/domain/plan-clock.ts';
import { named } from './packing/support/replay.ts';
import { smallFleets } from './packing/support/small-fleets.ts';

const FEW: Limits = { parallel: 20, outPerHypervisor: 1, inPerHypervisor: 2 };
const ANY: Limits = { parallel: Infinity, outPerHypervisor: Infinity, inPerHypervisor: Infinity };

/** `a hv1>hv2 30`: a server, from where, to where, and how many seconds it takes. */
function parse(text: string): PlannedMove {
  const [server = '', ends = '', seconds] = text.split(' ');
  const [from = '', to = ''] = ends.split('>');
  return { server, from, to, ...(seconds !== undefined && { seconds: Number(seconds) }) };
}

/** Moves are named by their servers; one that moves twice is the same word twice. */
function orderOf(
  waves: readonly (readonly string[])[],
  limits: Limits,
  rules: Omit<OrderRules<PlannedMove>, 'limits'> = {},
) {
  const order = new MoveOrder(
    waves.map((wave) => wave.map(parse)),
    { limits, ...rules },
  );
  const underWay = (name: string) => order.underWay.find(({ server }) => server === name)!;
  return {
    /** Begins all that may. */
    go: () => {
      const next = order.next();
      order.begin(next);
      return next.map(({ server }) => server);
    },
    end: (name: string) => order.end(underWay(name)),
    fail: (name: string) => order.fail(underWay(name)),
    drop: (name: string) => order.end(order.next().find(({ server }) => server === name)!),
    left: () => order.left().map((wave) => wave.map(({ server }) => server)),
  };
}

describe('MoveOrder', () => {
  it.each<[string, string[][], Limits, string[]]>([
    [
      'all, where nothing keeps them apart',
      [['a hv1>hv2', 'b hv1>hv2'], ['c hv1>hv2']],
      ANY,
      ['a', 'b', 'c'],
    ],
    ['one off each hypervisor', [['a hv1>hv3'], ['b hv1>hv4'], ['c hv2>hv5']], FEW, ['a', 'c']],
    ['two onto each', [['a hv1>hv9', 'b hv2>hv9'], ['c hv3>hv9']], FEW, ['a', 'b']],
    ['so many in all', [['a hv1>hv2'], ['b hv3>hv4']], { ...FEW, parallel: 1 }, ['a']],
    [
      'one, whatever the limits',
      [['a hv1>hv2']],
      { parallel: 0, outPerHypervisor: 0, inPerHypervisor: 0 },
      ['a'],
    ],
    ['none to where an earlier wave makes room', [['a hv1>hv2'], ['b hv3>hv1']], FEW, ['a']],
    ['those to where the same wave leaves', [['a hv1>hv2', 'b hv3>hv1']], FEW, ['a', 'b']],
    ['those to where a later wave leaves', [['b hv3>hv1'], ['a hv1>hv2']], FEW, ['b', 'a']],
    ['a server once', [['a hv1>hv2'], ['a hv2>hv3']], ANY, ['a']],
    [
      'first in a wave what leaves the hypervisor with most to give away',
      [['a hv1>hv5 30', 'b hv2>hv6 20'], ['c hv2>hv7 20']],
      { ...FEW, parallel: 1 },
      ['b'],
    ],
  ])('lets begin %s', (_, waves, limits, begun) => {
    expect(orderOf(waves, limits).go()).toEqual(begun);
  });

  it('begins the next of a hypervisor as soon as one is over, whatever the rest of its wave does', () => {
    const order = orderOf([['a hv1>hv3', 'b hv2>hv4'], ['c hv1>hv5'], ['d hv1>hv6']], FEW);

    expect(order.go()).toEqual(['a', 'b']);
    order.end('a');
    expect(order.go()).toEqual(['c']);
    order.end('c');
    expect(order.go()).toEqual(['d']);
  });

  it('waits for all that leaves a target in earlier waves, and for no more', () => {
    const order = orderOf([['a hv1>hv3', 'b hv1>hv4'], ['c hv5>hv1'], ['d hv1>hv6']], {
      ...ANY,
      outPerHypervisor: 2,
    });

    expect(order.go()).toEqual(['a', 'b']);
    order.end('b');
    expect(order.go()).toEqual(['d']);
    order.end('a');
    expect(order.go()).toEqual(['c']);
  });

  it('lets a failed move keep back what waits for it, and nothing else', () => {
    const order = orderOf([['a hv1>hv2'], ['b hv3>hv1', 'c hv1>hv4'], ['a hv2>hv5']], FEW);

    expect(order.go()).toEqual(['a']);
    order.fail('a');
    expect(order.go()).toEqual(['c']);
    order.end('c');
    expect(order.go()).toEqual([]);
    expect(order.left()).toEqual([['a'], ['b'], ['a']]);
  });

  it('waits no more for a move for which nothing is left to do', () => {
    const order = orderOf([['a hv1>hv2'], ['b hv3>hv1']], FEW);

    order.drop('a');

    expect(order.go()).toEqual(['b']);
  });

  it('lets a wave with members of a group of affinity begin and end by itself', () => {
    const order = orderOf([['a hv1>hv2', 'b hv3>hv4'], ['c hv1>hv5'], ['d hv3>hv6']], FEW, {
      isBound: ({ server }) => server === 'c',
    });

    expect(order.go()).toEqual(['a', 'b']);
    order.end('a');
    expect(order.go()).toEqual([]);
    order.end('b');
    expect(order.go()).toEqual(['c']);
    order.end('c');
    expect(order.go()).toEqual(['d']);
  });

  it('moves one at a time of those that are to be apart', () => {
    const order = orderOf([['a hv1>hv2', 'b hv3>hv4', 'c hv5>hv6']], FEW, {
      apartAs: ({ server }) => (server === 'c' ? undefined : 'db'),
    });

    expect(order.go()).toEqual(['a', 'c']);
    order.end('a');
    expect(order.go()).toEqual(['b']);
  });
});

describe('MoveOrder on any plan', () => {
  const fleets = smallFleets({ hypervisors: [5, 8], servers: [6, 16] });
  const limits = fc.record({
    parallel: fc.integer({ min: 1, max: 6 }),
    outPerHypervisor: fc.integer({ min: 1, max: 2 }),
    inPerHypervisor: fc.integer({ min: 1, max: 3 }),
  });
  /** Where servers are to go; null for a plan that empties hypervisors. */
  const wishes = fc.option(fc.array(fc.nat(7), { minLength: 16, maxLength: 16 }), { freq: 4 });
  /** Which of those under way ends next, and whether it has failed. */
  const ends = fc.array(fc.record({ nth: fc.nat(5), fails: fc.nat(19).map((n) => n === 7) }), {
    minLength: 1,
    maxLength: 60,
    size: 'max',
  });

  it('always has room at both ends, keeps its limits, and is never stuck', () => {
    let moves = 0;
    fc.assert(
      fc.property(fleets, wishes, limits, ends, fc.boolean(), (fleet, wishes, limits, ends, mayFail) => {
        const waves = wishes === null ? planned(fleet, limits) : shuffled(fleet, wishes, limits);
        moves += waves.flat().length;
        const isBound = boundServers(fleet);
        const order = new MoveOrder(waves, { limits, isBound: ({ server }) => isBound.has(server) });
        const books = new Books(fleet, limits);
        const failed = new Set<PlannedMove>();
        for (let i = 0; ; i++) {
          const next = order.next();
          order.begin(next);
          for (const move of next) books.begin(move);
          const { underWay } = order;
          if (underWay.length === 0) break;
          const { nth, fails } = ends[i % ends.length]!;
          const move = underWay[nth % underWay.length]!;
          if (fails && mayFail) {
            failed.add(move);
            order.fail(move);
            books.end(move, move.to);
          } else {
            order.end(move);
            books.end(move, move.from);
          }
        }
        const left = order.left();
        if (failed.size === 0) expect(left.flat()).toEqual([]);
        for (const move of left.flat()) expect(failed.has(move) || waitsFor(left, move, isBound)).toBe(true);
      }),
      { numRuns: 400 },
    );
    expect(moves).toBeGreaterThan(500);
  });
});

const POLICY: Omit<DefragmentPolicy, keyof Limits> = {
  maxMoves: Infinity,
  wanted: 'max',
  keepEmpty: 0,
  coolDownHours: 0,
  maxGibPerHypervisor: Infinity,
  seed: 1,
  iterations: 5,
};

function planned(fleet: FleetFile, limits: Limits): DefragmentPlan['waves'] {
  return planDefragmentation(fleet, { ...POLICY, ...limits }, { isOver: () => false }).waves;
}

/** All that can move goes somewhere else, with detours where servers change places. */
function shuffled(fleet: FleetFile, wishes: readonly number[], limits: Limits): DefragmentPlan['waves'] {
  const model = modelOf(fleet, POLICY);
  const { items, start } = model.units;
  const target = model.home.map((home, s) =>
    model.canMove[s] === 1 ? wishes[items[start[model.unitOf[s]!]!]!]! % model.hypervisorCount : home,
  );
  const { waves } = sequence(model, model.home, target, limits);
  return waves.map((wave) => wave.map((move) => named(fleet, move)));
}

/** Another count of what is held where, by the books of the checker. */
class Books {
  readonly #fleet: FleetFile;
  readonly #limits: Limits;
  readonly #rooms: ReturnType<typeof roomsOf>;
  readonly #servers: ReadonlyMap<string, FleetFile['servers'][number]>;
  readonly #underWay = new Set<PlannedMove>();

  constructor(fleet: FleetFile, limits: Limits) {
    this.#fleet = fleet;
    this.#limits = limits;
    this.#rooms = roomsOf(fleet);
    this.#servers = new Map(fleet.servers.map((server) => [server.id, server]));
  }

  begin(move: PlannedMove): void {
    const server = this.#servers.get(move.server)!;
    const room = this.#rooms.get(move.to)!;
    expect(this.#rooms.get(move.from)!.servers.has(server.id)).toBe(true);
    expect([...this.#underWay].some((other) => other.server === server.id)).toBe(false);
    expect(missingFor(room, server, this.#fleet.extraResources)).toBeUndefined();
    if (move.toCells !== undefined) expect(whyNotCells(room, server, move.toCells)).toBeUndefined();
    for (const { policy, members, maxPerHost } of this.#fleet.groups) {
      if (policy !== 'anti-affinity' || !members.includes(server.id)) continue;
      expect(members.filter((id) => room.servers.has(id)).length).toBeLessThan(maxPerHost);
    }
    enter(room, server, move.toCells ?? []);
    this.#underWay.add(move);
    const { parallel, outPerHypervisor, inPerHypervisor } = this.#limits;
    const all = [...this.#underWay];
    expect(all.length).toBeLessThanOrEqual(parallel);
    expect(all.filter(({ from }) => from === move.from).length).toBeLessThanOrEqual(outPerHypervisor);
    expect(all.filter(({ to }) => to === move.to).length).toBeLessThanOrEqual(inPerHypervisor);
  }

  /** `gives`: the end that it holds no more. */
  end(move: PlannedMove, gives: string): void {
    this.#underWay.delete(move);
    leave(this.#rooms.get(gives)!, this.#servers.get(move.server)!);
  }
}

/** Whether something that is left keeps the move back. */
function waitsFor(
  left: readonly (readonly PlannedMove[])[],
  move: PlannedMove,
  isBound: ReadonlySet<string>,
): boolean {
  const wave = left.findIndex((moves) => moves.includes(move));
  const before = left.slice(0, wave);
  const isWhole = (moves: readonly PlannedMove[]) => moves.some(({ server }) => isBound.has(server));
  return (
    before.flat().some(({ server, from }) => server === move.server || from === move.to) ||
    before.some(isWhole) ||
    (isWhole(left[wave]!) && before.flat().length > 0)
  );
}
