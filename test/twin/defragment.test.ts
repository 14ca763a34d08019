/** Nights that empty hypervisors on the simulated cloud, in virtual time, through the real client. */
import { afterEach, describe, expect, it } from 'vitest';
import type { Clients } from '../../src/context.ts';
import type { RunRecord } from '../../src/engine/runs.ts';
import type { FaultRule } from '../../src/twin/failures.ts';
import type { World } from '../../src/twin/world.ts';
import { DEFRAGMENT_JOBS } from '../support/defragment-jobs.ts';
import { whatWentWrong } from '../support/night-check.ts';
import { openRehearsal, type Rehearsal } from '../support/rehearsal.ts';

const OLD = '6.1.0-18-amd64';
const NEW = '6.1.0-28-amd64';
const OPTIONS = { iterations: 50, keepEmpty: 1 };

let open: Rehearsal | undefined;
afterEach(async () => {
  await open?.close();
  open = undefined;
});

interface Wish {
  readonly hypervisors?: number;
  readonly servers?: number;
  readonly rules?: readonly FaultRule[];
  readonly prepare?: (world: World) => void;
  readonly more?: Partial<Clients>;
}

/** Every hypervisor serves and awaits a kernel. */
async function rehearse({ hypervisors = 8, servers = 40, rules = [], prepare, more }: Wish = {}) {
  const rehearsal = await openRehearsal(DEFRAGMENT_JOBS, { hypervisors, servers }, more);
  open = rehearsal;
  const { world } = rehearsal.twin;
  for (const one of Object.values(world.state.hypervisors)) {
    Object.assign(one, { disabled: false, disabledReason: null });
    one.boot = { ...one.boot, kernel: OLD };
    one.kernels = [OLD, NEW];
  }
  world.state.faults.rules.push(...rules);
  prepare?.(world);
  return { ...rehearsal, world };
}

/** Of the campaign as the site has configured it. */
function campaign(options: object): Partial<Clients> {
  return { optionsOf: (job) => (job === 'reboot-hypervisors' ? { ...options } : {}) };
}

function emptyOnes(world: World): string[] {
  return Object.values(world.state.hypervisors)
    .filter(({ name }) => world.listedOn(name).every(({ vmState }) => vmState === 'stopped'))
    .map(({ name }) => name)
    .toSorted();
}

function keptOnes(world: World): string[] {
  return Object.values(world.state.hypervisors)
    .filter(({ disabledReason }) => disabledReason?.includes('reserved for reboot-hypervisors'))
    .map(({ name }) => name)
    .toSorted();
}

function faultsOf({ twin, handback }: Rehearsal, { notes, report }: RunRecord): readonly string[] {
  const { log, state } = twin.world;
  return whatWentWrong({ log, state, notes, report, handback: [...handback.keys()], outAtOnce: 1 });
}

function moves(world: World): number {
  return world.log.filter(({ what }) => what === 'moved').length;
}

describe('a night that empties hypervisors', () => {
  it('leaves as many empty as it says, and harms nobody', async () => {
    const rehearsal = await rehearse({ more: campaign({ limit: 4 }) });
    const { world, play } = rehearsal;
    const before = emptyOnes(world);

    const run = await play('defragment-hypervisors', OPTIONS);

    expect(run.state).toBe('succeeded');
    expect(faultsOf(rehearsal, run)).toEqual([]);
    const emptied = emptyOnes(world).length - before.length;
    expect(emptied).toBeGreaterThan(0);
    expect(run.report?.headline).toMatch(
      new RegExp(`^${emptied} hypervisors? emptied, ${moves(world)} servers? moved`),
    );
    expect(keptOnes(world).length).toBeGreaterThan(0);
    for (const name of keptOnes(world)) expect(emptyOnes(world)).toContain(name);
  });

  it('is followed by a campaign that reboots what was kept, without a move', async () => {
    const rehearsal = await rehearse({ more: campaign({ limit: 3 }) });
    const { world, play } = rehearsal;
    await play('defragment-hypervisors', OPTIONS);
    const kept = keptOnes(world);
    const moved = moves(world);

    const run = await play('reboot-hypervisors', { limit: kept.length });

    expect(kept.length).toBeGreaterThan(0);
    expect(run.report?.headline).toContain(`${kept.length} done`);
    const booted = world.log.flatMap((each) => (each.what === 'booted' ? [each.hypervisor] : []));
    expect(booted.toSorted()).toEqual(kept);
    expect(moves(world)).toBe(moved);
    expect(keptOnes(world)).toEqual([]);
    expect(faultsOf(rehearsal, run)).toEqual([]);
  });

  it('gives back in time what no campaign has taken', async () => {
    const rehearsal = await rehearse({ more: campaign({ limit: 3 }) });
    const { world, play, handback } = rehearsal;
    const { id } = await play('defragment-hypervisors', OPTIONS);
    expect(keptOnes(world).length).toBeGreaterThan(0);

    const [keeper] = (await rehearsal.runs()).filter((run) => run.id === `${id}~reserved`);
    expect(keeper?.state).toBe('waiting');
    await play('return-reserved', { run: id, until: new Date(world.now + 9 * 3_600_000).toISOString() });

    expect(keptOnes(world)).toEqual([]);
    expect(handback.size).toBe(0);
  }, 90_000);

  it('plans around migrations that fail, and stops at its limit of them', async () => {
    const rules: FaultRule[] = [{ what: 'fail', when: { probability: 0.3 } }];
    const rehearsal = await rehearse({ rules, more: campaign({ limit: 4 }) });

    const run = await rehearsal.play('defragment-hypervisors', { ...OPTIONS, maxFailed: 2 });

    expect(run.state).toBe('succeeded');
    expect(faultsOf(rehearsal, run)).toEqual([]);
    expect(run.notes.filter(({ verdict }) => verdict === 'stays').length).toBeGreaterThan(0);
  });

  it('does not begin what would not be over when the window ends, and goes on the next night', async () => {
    const times = { open: '22:00', startBy: '22:33', backBy: '22:34', days: ALL_DAYS, except: [] };
    const window = { name: 'nightly', times, zone: 'UTC' };
    const rehearsal = await rehearse({ more: { ...campaign({ limit: 5 }), window } });
    const { world, play } = rehearsal;

    const first = await play('defragment-hypervisors', OPTIONS);

    expect(first.report?.lines?.join('\n')).toMatch(/stopped {2}.*\(window nightly\)/);
    expect(faultsOf(rehearsal, first)).toEqual([]);
    const after = moves(world);
    await play('return-reserved', { run: first.id, until: new Date(world.now).toISOString() });
    const second = await play('defragment-hypervisors', {
      ...OPTIONS,
      outsideWindow: true,
      coolDownHours: 0,
    });
    expect(second.state).toBe('succeeded');
    expect(moves(world)).toBeGreaterThan(after);
    expect(faultsOf(rehearsal, second)).toEqual([]);
  });

  it('finds nothing to do the night after', async () => {
    const { world, play } = await rehearse({ more: campaign({ limit: 4 }) });
    await play('defragment-hypervisors', { ...OPTIONS, coolDownHours: 0 });
    const after = moves(world);

    const run = await play('defragment-hypervisors', { ...OPTIONS, coolDownHours: 0 });

    expect(run.report?.headline).toMatch(/^No hypervisor|^no hypervisors emptied, no servers moved/);
    expect(moves(world)).toBe(after);
  });
});

const ALL_DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
