/**
 * What a night makes of the failures that operators know: numbered as the complaints of those who run such
 * tools, and as the failure modes of real clouds. Each on the simulated cloud, in virtual time.
 */
import { afterEach, describe, expect, it } from 'vitest';
import type { RunRecord } from '../../src/engine/runs.ts';
import { FAILURES, type FaultRule } from '../../src/twin/failures.ts';
import type { Happening } from '../../src/twin/log.ts';
import { networkAgents, stopNetworkAgent } from '../../src/twin/network-agents.ts';
import type { Pace } from '../../src/twin/pace.ts';
import type { Hypervisor, Server } from '../../src/twin/state.ts';
import type { World } from '../../src/twin/world.ts';
import { whatWentWrong } from '../support/night-check.ts';
import { REBOOT_JOBS } from '../support/reboot-jobs.ts';
import { openRehearsal, type Rehearsal } from '../support/rehearsal.ts';

const OLD = '6.1.0-18-amd64';
const NEW = '6.1.0-28-amd64';

interface Wish {
  readonly rules?: readonly FaultRule[];
  readonly options?: object;
  /** Those that await a kernel; `hv01` if left out. */
  readonly needs?: readonly string[];
  readonly pace?: Partial<Pace>;
  readonly hypervisors?: number;
  readonly servers?: number;
  /** Whatever else the night finds. */
  readonly prepare?: (world: World) => void;
}

interface Night {
  readonly run: RunRecord;
  readonly world: World;
  readonly log: readonly Happening[];
  /** What the campaign says of a hypervisor: `done: rebooted in …`. */
  readonly says: (name: string) => string;
  /** What the night did: names of those that it disabled, asked to reboot … */
  readonly all: (what: Happening['what']) => readonly string[];
  readonly server: (id: string) => Server;
  readonly again: () => Promise<Night>;
}

let rehearsal: Rehearsal | undefined;
/** Failures that have come about in some night here. */
const struck = new Set<string>();
afterEach(async () => {
  for (const { what, seen = 0 } of rehearsal?.twin.faults.rules ?? []) if (seen > 0) struck.add(what);
  await rehearsal?.close();
  rehearsal = undefined;
});

/** Three hypervisors, the last of them empty, with eight servers; every night must be harmless. */
async function night(wish: Wish): Promise<Night> {
  const { rules = [], needs = ['hv01'], hypervisors = 3, servers = 8, pace = {}, prepare } = wish;
  rehearsal = await openRehearsal(REBOOT_JOBS, { hypervisors, servers, pace });
  const { world } = rehearsal.twin;
  for (const hypervisor of Object.values(world.state.hypervisors)) {
    Object.assign(hypervisor, { disabled: false, disabledReason: null });
    hypervisor.boot = { ...hypervisor.boot, kernel: needs.includes(hypervisor.name) ? OLD : NEW };
    hypervisor.kernels = needs.includes(hypervisor.name) ? [OLD, NEW] : [NEW];
  }
  world.state.faults.rules.push(...rules);
  prepare?.(world);
  return play(rehearsal, wish);
}

async function play({ twin, handback, play: begin }: Rehearsal, wish: Wish): Promise<Night> {
  const { world } = twin;
  const from = world.log.length;
  const run = await begin('reboot-hypervisors', { ...wish.options });
  const log = world.log.slice(from);
  const { notes, report } = run;
  const seen = { log, state: world.state, notes, report, handback: [...handback.keys()], outAtOnce: 1 };
  expect(whatWentWrong(seen)).toEqual([]);
  return {
    run,
    world,
    log,
    says(name) {
      const note = notes.find(({ subject }) => subject === `hypervisor ${name}`);
      return note === undefined ? 'nothing' : `${note.verdict}: ${note.why}`;
    },
    all: (what) =>
      log.flatMap((each) => (each.what === what && 'hypervisor' in each ? [each.hypervisor] : [])),
    server: (id) => world.server(id) as Server,
    again: () => play(rehearsal as Rehearsal, wish),
  };
}

const hv = (world: World, name: string): Hypervisor => world.named(name);
/** Running ones on a hypervisor, oldest first. */
const guestsOn = (world: World, name: string): [Server, ...Server[]] =>
  world.listedOn(name).filter(({ vmState }) => vmState === 'active') as [Server, ...Server[]];
/** Somebody else has taken it out of service. */
const takeOut = (world: World, name: string): void =>
  void Object.assign(hv(world, name), { disabled: true, disabledReason: 'disk swap, ask Kim' });
/** Once something has happened, something else does. */
function once(world: World, what: Happening['what'], then: () => void): void {
  let isDone = false;
  world.watch(() => {
    if (isDone || world.log.at(-1)?.what !== what) return;
    isDone = true;
    then();
  });
}

describe('complaints of operators', () => {
  it('complaint 1: a migration that is completed while the server is where it was ends the drain, named', async () => {
    const { says, all } = await night({ rules: [{ what: 'completed, not moved' }] });

    expect(says('hv01')).toMatch(/^given back: .* is completed, and Nova still has it on hv01/);
    expect(all('reboot asked')).toEqual([]);
  });

  it('complaint 4: a guest that Nova does not list is found aboard, and nothing is rebooted', async () => {
    const { says, all } = await night({
      prepare: (world) => {
        const [stray] = guestsOn(world, 'hv02');
        world.run(stray, { host: 'hv01', running: true });
      },
    });

    expect(says('hv01')).toMatch(/^given back: not rebooted: 1 domain active on the host/);
    expect(all('reboot asked')).toEqual([]);
  });

  it('complaint 5: a host that comes back without its GPUs is not given guests again', async () => {
    const rules = [{ what: 'no devices' }] as const;
    const { says, world } = await night({ hypervisors: 4, needs: ['hv04'], rules });

    expect(says('hv04')).toMatch(/^needs you: it failed its checks: .*GPU|^needs you: .*device/);
    expect(hv(world, 'hv04').disabled).toBe(true);
  });

  it('complaint 7: one guest that fails to move keeps its hypervisor from being rebooted', async () => {
    const { says, all, log } = await night({ rules: [{ when: { nth: 2 }, what: 'fail' }] });

    expect(log.filter(({ what }) => what === 'moved')).toHaveLength(1);
    expect(says('hv01')).toMatch(/^given back: .* ended as failed/);
    expect(all('reboot asked')).toEqual([]);
  });

  it('complaint 8: hypervisors that come back wrong are not left out one after the other', async () => {
    const { all, run } = await night({ needs: ['hv01', 'hv02', 'hv03'], rules: [{ what: 'old kernel' }] });

    expect(all('reboot asked')).toHaveLength(1);
    expect(run.state).toBe('failed');
  });

  it('complaint 9: a host that says yes and never reboots is not called done', async () => {
    const { says, all } = await night({ rules: [{ what: 'ignored' }] });

    expect(says('hv01')).toMatch(/^needs you: .*has not rebooted/);
    expect(all('went down')).toEqual([]);
  });

  it('complaint 10: a server that has moved has moved, whatever its migration says', async () => {
    const { says } = await night({ rules: [{ what: 'failed, but moved' }] });

    expect(says('hv01')).toMatch(/^done: rebooted/);
  });

  it('complaint 11, 12: who needs no reboot is not touched', async () => {
    const { all, says } = await night({});

    expect(all('cordoned')).toEqual(['hv01']);
    expect(all('booted')).toEqual(['hv01']);
    expect(says('hv02')).toBe('nothing');
  });

  it('complaint 17: room is proved anew before each, not once before the first', async () => {
    const { says, all } = await night({
      needs: ['hv01', 'hv02'],
      prepare: (world) =>
        once(world, 'uncordoned', () => {
          takeOut(world, 'hv01');
          takeOut(world, 'hv03');
        }),
    });

    expect(says('hv01')).toMatch(/^done/);
    expect(says('hv02')).toMatch(/^held: no room/);
    expect(all('cordoned')).toEqual(['hv01']);
  });

  it('complaint 18: somebody enables it in mid-drain, and it is not rebooted', async () => {
    const { says, all } = await night({ rules: [{ what: 'enabled', seconds: 5 }] });

    expect(says('hv01')).toMatch(/enabled meanwhile/);
    expect(all('reboot asked')).toEqual([]);
  });

  it('complaint 18: somebody else takes it over in mid-drain, and it is left to them', async () => {
    const { says, all, world } = await night({ rules: [{ what: 'taken over', seconds: 5 }] });

    expect(says('hv01')).toContain('memory errors, ask Kim');
    expect(all('reboot asked')).toEqual([]);
    expect(hv(world, 'hv01').disabledReason).toBe('memory errors, ask Kim');
  });

  it('complaint 20: one that cannot be drained gives its place up, and the next one goes', async () => {
    const { says } = await night({
      needs: ['hv01', 'hv02'],
      rules: [{ when: { hypervisor: 'hv01' }, what: 'stuck' }],
    });

    expect(says('hv01')).toMatch(/^given back/);
    expect(says('hv02')).toMatch(/^done/);
  });

  it('complaint 22: a drain that failed gives the hypervisor back at once', async () => {
    const { log } = await night({ rules: [{ what: 'refuse' }] });
    const failedAt = log.findLast(({ what }) => what === 'migration ended')?.at ?? 0;
    const backAt = log.findLast(({ what }) => what === 'uncordoned')?.at ?? Infinity;

    expect(backAt - failedAt).toBeLessThan(60_000);
  });

  it('complaint 25: a second campaign on the same fleet does nothing', async () => {
    const { again } = await night({});
    const second = await again();

    expect(second.log).toEqual([]);
  });

  it('complaint 30: a server that was in ERROR before is not held against the drain', async () => {
    const { says } = await night({
      prepare: (world) => {
        const [old] = guestsOn(world, 'hv02');
        Object.assign(old, { vmState: 'error', power: 0 });
        world.run(old, { host: 'hv02', running: false });
      },
    });

    expect(says('hv01')).toMatch(/^done/);
  });
});

describe('failure modes of clouds', () => {
  it('failure mode 1: a guest that writes faster than it is copied is given up, whole', async () => {
    const { says, world, all } = await night({ rules: [{ what: 'never converges' }] });

    expect(says('hv01')).toMatch(/^given back/);
    expect(all('guest died')).toEqual([]);
    expect(guestsOn(world, 'hv01').every(({ task, domain }) => task === null && domain?.running)).toBe(true);
  });

  it('failure mode 2: a migration that is slow and gets on is not aborted', async () => {
    const { says, log } = await night({ rules: [{ what: 'slow', seconds: 200 }] });

    expect(says('hv01')).toMatch(/^done/);
    expect(log.filter((each) => each.what === 'migration ended' && each.status === 'cancelled')).toEqual([]);
  });

  it('failure mode 3: what remains may rise now and then while it falls', async () => {
    const { says, log } = await night({ rules: [{ what: 'saw-tooth' }] });

    expect(says('hv01')).toMatch(/^done/);
    expect(log.filter((each) => each.what === 'migration ended' && each.status === 'cancelled')).toEqual([]);
  });

  it('failure mode 4: a guest that would die of it is not forced unless the site allows it', async () => {
    const { says, all } = await night({ rules: [{ what: 'dies when forced' }] });

    expect(all('guest died')).toEqual([]);
    expect(says('hv01')).toMatch(/^given back/);
  });

  it('failure mode 6: a guest whose CPU one hypervisor lacks goes to another', async () => {
    const { says, log } = await night({
      hypervisors: 6,
      servers: 12,
      rules: [{ when: { hypervisor: 'hv03' }, what: 'CPU differs' }],
    });

    expect(says('hv01')).toMatch(/^done/);
    expect(new Set(log.flatMap((each) => (each.what === 'moved' ? [each.to] : [])))).toEqual(
      new Set(['hv02']),
    );
  });

  it('failure mode 7: guests that cannot go back to an old hypervisor strand none of the fleet', async () => {
    const needs = ['hv01', 'hv02', 'hv03'];
    const { says, world } = await night({ needs, rules: [{ what: 'one-way door' }] });

    expect(world.state.faults.rules[0]?.seen).toBeGreaterThan(0);
    for (const name of needs) expect(says(name)).toMatch(/^done/);
  });

  it('failure mode 9: a guest that no NUMA node takes is named in Nova’s words', async () => {
    const { says } = await night({ rules: [{ what: 'does not fit' }] });

    expect(says('hv01')).toMatch(/^given back: .*NUMA topology/);
  });

  it('failure mode 11: a guest that the host cannot migrate is named in Nova’s words', async () => {
    const { says } = await night({ rules: [{ what: 'unsupported' }] });

    expect(says('hv01')).toMatch(/^given back: .*vtpm/);
  });

  it('failure mode 12: guests with a GPU are never asked to move', async () => {
    const { says, log, world } = await night({ hypervisors: 8, servers: 40, needs: ['hv07'] });
    const withGpu = Object.values(world.state.servers).filter(({ flavor }) => flavor === 'g1.gpu');
    const asked = log.flatMap((each) => (each.what === 'migration asked' ? [each.server] : []));

    expect(says('hv07')).toMatch(/PCI device of class gpu/);
    expect(withGpu.filter(({ id }) => asked.includes(id))).toEqual([]);
  });

  it('failure mode 17: a member of a hard group that has no legal place is not moved', async () => {
    const { says, all } = await night({
      prepare: (world) => {
        const id = 'a0000000-0000-4000-8000-000000000001';
        const [first] = guestsOn(world, 'hv01');
        const { projectId, userId } = first;
        const group = { id, name: 'quorum', policy: 'anti-affinity', projectId, userId } as const;
        for (const member of [first, guestsOn(world, 'hv02')[0]]) world.join(member, group);
        takeOut(world, 'hv03');
      },
    });

    expect(says('hv01')).toMatch(/^held: server group quorum needs 2 hypervisors/);
    expect(all('cordoned')).toEqual([]);
  });

  it('failure mode 18: no valid host is said in Nova’s words', async () => {
    const { says } = await night({ rules: [{ what: 'no valid host' }] });

    expect(says('hv01')).toMatch(/^given back: .*No valid host was found/);
  });

  it('failure mode 19: what Placement still books on it stops that hypervisor, and is said', async () => {
    const { says, all } = await night({ rules: [{ when: { nth: 1 }, what: 'allocation left' }] });

    expect(all('allocation left')).toEqual(['hv01']);
    expect(says('hv01')).toMatch(/^given back: .*Placement still books it on hv01/);
    expect(all('reboot asked')).toEqual([]);
  });

  it('failure mode 20: a destination that cannot prepare itself costs one hypervisor, and no guest', async () => {
    const { says, all } = await night({ rules: [{ what: 'prefail' }] });

    expect(says('hv01')).toMatch(/^given back/);
    expect(all('reboot asked')).toEqual([]);
  });

  it('failure mode 22: a guest that a migration left in ERROR keeps its hypervisor out for a person', async () => {
    const { says, world } = await night({ rules: [{ when: { nth: 1 }, what: 'left in ERROR' }] });

    expect(says('hv01')).toMatch(/^needs you: .*ERROR/);
    expect(hv(world, 'hv01').disabled).toBe(true);
  });

  it('failure mode 23: paused guests move, stopped and suspended ones stay', async () => {
    let ids: Record<'paused' | 'suspended', string> = { paused: '', suspended: '' };
    const { says, server } = await night({
      prepare: (world) => {
        const [paused, suspended] = guestsOn(world, 'hv01') as [Server, Server];
        ids = { paused: paused.id, suspended: suspended.id };
        paused.vmState = 'paused';
        suspended.vmState = 'suspended';
        world.run(suspended, { host: 'hv01', running: false });
      },
    });

    expect(says('hv01')).toMatch(/^done/);
    expect(server(ids.paused).host).not.toBe('hv01');
    expect(server(ids.paused).vmState).toBe('paused');
    expect([server(ids.suspended).host, server(ids.suspended).vmState]).toEqual(['hv01', 'suspended']);
  });

  it('failure mode 24: a lock is its owner’s veto', async () => {
    const { says, log } = await night({
      prepare: (world) => {
        guestsOn(world, 'hv01')[0].locked = true;
      },
    });

    expect(says('hv01')).toMatch(/^held: .*locked/);
    expect(log).toEqual([]);
  });

  it('failure mode 25: a server that lands after the cordon is moved away before the reboot', async () => {
    const { says, world } = await night({ rules: [{ what: 'server lands', seconds: 8 }] });
    const late = Object.values(world.state.servers).find(({ name }) => name === 'late-on-hv01');

    expect(says('hv01')).toMatch(/^done/);
    expect(late?.host).not.toBe('hv01');
    expect(late?.domain?.running).toBe(true);
  });

  it('failure mode 27: a host that refuses to reboot is told of', async () => {
    const { says, all } = await night({ rules: [{ what: 'denied' }] });

    expect(says('hv01')).toMatch(/^needs you: .*refuses to reboot/);
    expect(all('went down')).toEqual([]);
  });

  it('failure mode 28: the old kernel is not done', async () => {
    const { says, world } = await night({ rules: [{ what: 'old kernel' }] });

    expect(says('hv01')).toMatch(/^needs you: .*6\.1\.0-18-amd64/);
    expect(hv(world, 'hv01').disabled).toBe(true);
  });

  it('failure mode 29: a host without its compute service is not done', async () => {
    const { says } = await night({ rules: [{ what: 'no service' }] });

    expect(says('hv01')).toMatch(/^needs you: .*compute service/);
  });

  it.each([
    ['hv01', 'ovn-controller'],
    ['hv04', 'neutron-openvswitch-agent'],
  ])('failure mode 29: a host whose network agent stays away is not done: %s', async (name, binary) => {
    const rules = [{ what: 'no network agent' }] as const;
    const { says, world } = await night({ hypervisors: 4, needs: [name], rules });

    expect(says(name)).toBe(
      `needs you: it failed its checks: network agents that were alive before are missing: ${binary} (not alive)`,
    );
    expect(hv(world, name).disabled).toBe(true);
  });

  it('failure mode 29: a network agent that was down before the drain is not demanded after it', async () => {
    const { says, run } = await night({
      prepare: (world) => {
        const [agent] = networkAgents(hv(world, 'hv01'));
        stopNetworkAgent(world, agent!);
        world.advance(world.now + 120_000);
      },
      rules: [{ what: 'no network agent' }],
    });

    expect(says('hv01')).toMatch(/^done/);
    expect(run.state).toBe('succeeded');
  });

  it('failure mode 29: a network agent that dies elsewhere meanwhile stops the night, named', async () => {
    const { says, all, run } = await night({
      needs: ['hv01', 'hv02'],
      options: { gate: { patienceMinutes: 5 } },
      prepare: (world) =>
        once(world, 'cordoned', () => stopNetworkAgent(world, networkAgents(hv(world, 'hv03'))[0]!)),
    });

    expect(says('hv01')).toMatch(/^done/);
    expect(all('cordoned')).toEqual(['hv01']);
    expect(JSON.stringify(run.report)).toContain(
      'down services and agents is red: 1 more than at the beginning: ovn-controller on hv03',
    );
  });

  it('failure mode 29: a compute service that is another one is not done', async () => {
    const { says } = await night({ rules: [{ what: 'second service' }] });

    expect(says('hv01')).toMatch(/^needs you: .*compute service is/);
  });

  it('failure mode 29: a host with a unit that has failed is not done', async () => {
    const { says } = await night({ rules: [{ what: 'failed unit' }] });

    expect(says('hv01')).toMatch(/^needs you: .*failed/);
  });

  it('failure mode 32: a token that ends in mid-night is renewed', async () => {
    const { says } = await night({ pace: { tokenMs: 45_000 } });

    expect(says('hv01')).toMatch(/^done/);
  });

  it('failure mode 33: one that never comes back is told of, and nothing more is begun', async () => {
    const { says, all } = await night({
      needs: ['hv01', 'hv02', 'hv03'],
      rules: [{ when: { nth: 1 }, what: 'never back' }],
    });
    const [gone = ''] = all('went down');

    expect(says(gone)).toMatch(/^needs you: .*does not answer/);
    expect(all('went down')).toHaveLength(1);
  });

  it('failure mode 34: a control plane that answers 503 for a while is waited for', async () => {
    const { says } = await night({
      prepare: (world) =>
        once(world, 'migration began', () => {
          world.state.faults.api.push({ service: 'compute', method: 'GET', answer: 503, times: 3 });
        }),
    });

    expect(says('hv01')).toMatch(/^done/);
  });

  it('failure mode 34: a migration that is accepted and never heard of ends with its time', async () => {
    const { says, all } = await night({ rules: [{ what: 'vanish' }] });

    expect(says('hv01')).toMatch(/^(given back|needs you)/);
    expect(all('reboot asked')).toEqual([]);
  });
});

it('leaves no failure untried that the simulated cloud can make', () => {
  expect(Object.keys(FAILURES).filter((name) => !struck.has(name))).toEqual([]);
});
