import { describe, expect, it } from 'vitest';
import { deedsIn, seedFleet } from '../../src/demo/fleet.ts';
import type { State } from '../../src/twin/state.ts';

const AT = Date.UTC(2026, 10, 24, 22, 29);
const usual = () => seedFleet({ seed: 7, hypervisors: 24, servers: 310, at: AT });

describe('the cloud that the night finds', () => {
  it('is the same for the same seed', () => {
    expect(usual()).toEqual(usual());
  });

  it.each([7, 8, 9])(
    'with seed %i has 14 hypervisors in need: most to drain, one pinned, one disabled',
    (seed) => {
      const state = seedFleet({ seed, hypervisors: 24, servers: 310, at: AT });
      const hosts = Object.values(state.hypervisors);
      const inNeed = hosts.filter(({ kernels }) => kernels.length > 1);
      const aboard = (host: string) => Object.values(state.servers).filter((server) => server.host === host);

      expect(inNeed).toHaveLength(14);
      expect(inNeed.filter(({ disabled }) => disabled)).toHaveLength(1);
      expect(
        inNeed.filter(({ host }) => aboard(host).some(({ flavor }) => flavor === 'g1.gpu')),
      ).toHaveLength(1);
      expect(inNeed.filter(({ host }) => aboard(host).length > 5).length).toBeGreaterThan(5);
    },
  );
});

it('has hypervisors in need that stand empty, as the demo shows it', () => {
  const { hypervisors, servers } = usual();
  const inNeed = Object.values(hypervisors).filter(({ kernels }) => kernels.length > 1);
  const used = new Set(Object.values(servers).map(({ host }) => host));

  expect(inNeed.filter(({ host }) => !used.has(host))).toHaveLength(3);
});

describe('what a night did', () => {
  interface Reboot {
    readonly host: string;
    /** s after the beginning */
    readonly backAt: number;
  }
  function after(...reboots: readonly Reboot[]): State {
    const state = usual();
    for (const { host, backAt } of reboots) {
      const hypervisor = state.hypervisors[host]!;
      hypervisor.boot = { ...hypervisor.boot, at: AT + backAt * 1000 };
      hypervisor.boots += 1;
    }
    return state;
  }

  it.each([
    { what: 'nothing', reboots: [], awayAtOnce: 0 },
    {
      what: 'one after the other',
      reboots: [
        { host: 'hv01', backAt: 100 },
        { host: 'hv02', backAt: 175 },
      ],
      awayAtOnce: 1,
    },
    {
      what: 'two of three at once',
      reboots: [
        { host: 'hv01', backAt: 100 },
        { host: 'hv02', backAt: 174 },
        { host: 'hv03', backAt: 400 },
      ],
      awayAtOnce: 2,
    },
  ])('tells how many were away at a time: $what', ({ reboots, awayAtOnce }) => {
    expect(deedsIn(usual(), after(...reboots))).toEqual({
      rebooted: reboots.length,
      awayAtOnce,
      migrated: 0,
      stopped: 0,
    });
  });

  it('counts a server once that was moved twice, and those that run no more', () => {
    const before = usual();
    const state = usual();
    const running = Object.values(state.servers).filter(({ domain }) => domain?.running);
    const [moved, stopped, deleted] = running as [
      (typeof running)[0],
      (typeof running)[0],
      (typeof running)[0],
    ];
    for (const status of ['completed', 'completed', 'failed'] as const)
      state.migrations.push({ server: moved.id, kind: 'live-migration', status } as State['migrations'][0]);
    state.migrations.push({
      server: stopped.id,
      kind: 'live-migration',
      status: 'failed',
    } as State['migrations'][0]);
    stopped.domain!.running = false;
    delete state.servers[deleted.id];

    expect(deedsIn(before, state)).toMatchObject({ migrated: 1, stopped: 2 });
  });
});
