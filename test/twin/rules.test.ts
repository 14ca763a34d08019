/** Whom a rule of failure strikes, and what the cloud's log says of it. */
import { afterEach, describe, expect, it } from 'vitest';
import type { FaultRule } from '../../src/twin/failures.ts';
import { beginLiveMigration } from '../../src/twin/live-migration.ts';
import type { Happening } from '../../src/twin/log.ts';
import { openQuietTwin } from '../../src/twin/twin.ts';
import { openTestTwin, type TestTwin } from '../support/twin.ts';

/** Asks every guest of hv01 to move, and answers which of them did not. */
function unmoved(rules: readonly FaultRule[], seed = 7): readonly string[] {
  const { world, faults } = openQuietTwin({ seed, hypervisors: 6, servers: 60, at: 0 });
  faults.rules.push(...structuredClone(rules));
  const guests = world.listedOn('hv01').filter(({ vmState, group }) => vmState === 'active' && !group);
  for (const guest of guests) beginLiveMigration(world, guest, null);
  world.advance(3_600_000);
  return guests.filter(({ host }) => host === 'hv01').map(({ name }) => name);
}

describe('a rule', () => {
  const all = unmoved([{ what: 'refuse' }]);

  it('strikes everybody when it names nobody', () => {
    expect(all.length).toBeGreaterThan(4);
    expect(unmoved([])).toEqual([]);
  });

  it('strikes those whose name or hypervisor fits its pattern', () => {
    const [one = ''] = all;

    expect(unmoved([{ when: { server: one }, what: 'refuse' }])).toEqual([one]);
    expect(unmoved([{ when: { server: '*-?*' }, what: 'refuse' }])).toEqual(all);
    expect(unmoved([{ when: { hypervisor: 'hv0[2-9]' }, what: 'refuse' }])).toEqual([]);
    expect(unmoved([{ when: { hypervisor: 'hv?1' }, what: 'refuse' }])).toEqual(all);
  });

  it('strikes the so-many-th time alone', () => {
    expect(unmoved([{ when: { nth: 3 }, what: 'refuse' }])).toEqual([all[2]]);
  });

  it('strikes by chance, the same ones for the same seed', () => {
    const by = (probability: number) => unmoved([{ when: { probability }, what: 'refuse' }]);

    expect(by(0.5)).toEqual(by(0.5));
    expect(by(0.5).length).toBeGreaterThan(0);
    expect(by(0.5).length).toBeLessThan(all.length);
    expect([by(0), by(1)]).toEqual([[], all]);
  });

  it('comes before those behind it', () => {
    const rules: FaultRule[] = [{ when: { nth: 1 }, what: 'slow', seconds: 1 }, { what: 'refuse' }];

    expect(unmoved(rules)).toEqual(all.slice(1));
  });
});

describe('the log over HTTP', () => {
  let world: TestTwin | undefined;
  afterEach(() => world?.close());

  it('tells what happened since it was read last', async () => {
    world = await openTestTwin();
    const { cloud, twin } = world;
    const read = async (after: number) => {
      const response = await fetch(new URL(`/twin/log?after=${after}`, twin.authUrl));
      return (await response.json()) as { happenings: Happening[]; next: number };
    };
    await cloud.cordon('hv01.twin.example', 'a test');
    const first = await read(0);

    await cloud.uncordon('hv01.twin.example');

    expect(first.happenings).toMatchObject([
      { what: 'cordoned', hypervisor: 'hv01.twin.example', reason: 'a test' },
    ]);
    expect((await read(first.next)).happenings).toMatchObject([{ what: 'uncordoned' }]);
  });
});
