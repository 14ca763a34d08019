/** A night of reboots on the simulated cloud, in virtual time, as tests wish for it; every one must be harmless. */
import { expect } from 'vitest';
import type { OutgoingMail } from '../../src/engine/outbox.ts';
import type { RunRecord } from '../../src/engine/runs.ts';
import type { FaultRule } from '../../src/twin/failures.ts';
import type { Happening } from '../../src/twin/log.ts';
import type { Hypervisor, Server } from '../../src/twin/state.ts';
import type { World } from '../../src/twin/world.ts';
import { whatWentWrong } from './night-check.ts';
import { REBOOT_JOBS } from './reboot-jobs.ts';
import { openRehearsal, type Rehearsal } from './rehearsal.ts';

const OLD = '6.1.0-18-amd64';
const NEW = '6.1.0-28-amd64';

export interface Wish {
  readonly rules?: readonly FaultRule[];
  /** Of the campaign; what it takes from the cloud as it is. */
  readonly options?: object | ((world: World) => object);
  /** Those that await a kernel; `hv01` if left out. */
  readonly needs?: readonly string[];
  readonly hypervisors?: number;
  readonly servers?: number;
  /** Whatever else the night finds. */
  readonly prepare?: (world: World) => void;
}

export interface Night {
  readonly run: RunRecord;
  readonly world: World;
  readonly log: readonly Happening[];
  /** What the campaign says of a hypervisor: `done: rebooted in …`. */
  readonly says: (name: string) => string;
  /** The hypervisors to which that happened, in order. */
  readonly all: (what: Happening['what']) => readonly string[];
  /** The same campaign once more. */
  readonly again: () => Promise<Night>;
  /** All that have left. */
  readonly mails: () => Promise<readonly OutgoingMail[]>;
}

/** Three hypervisors, the last of them empty, with eight servers, if nothing else is wished. Whoever asks closes it. */
export async function openNight(wish: Wish): Promise<Rehearsal> {
  const { rules = [], needs = ['hv01'], hypervisors = 3, servers = 8, prepare } = wish;
  const rehearsal = await openRehearsal(REBOOT_JOBS, { hypervisors, servers });
  const { world } = rehearsal.twin;
  for (const hypervisor of Object.values(world.state.hypervisors)) {
    Object.assign(hypervisor, { disabled: false, disabledReason: null });
    hypervisor.boot = { ...hypervisor.boot, kernel: needs.includes(hypervisor.name) ? OLD : NEW };
    hypervisor.kernels = needs.includes(hypervisor.name) ? [OLD, NEW] : [NEW];
  }
  world.state.faults.rules.push(...rules);
  prepare?.(world);
  return rehearsal;
}

export async function playNight(
  rehearsal: Rehearsal,
  { options = {} }: Pick<Wish, 'options'>,
): Promise<Night> {
  const { twin, handback, play } = rehearsal;
  const { world } = twin;
  const from = world.log.length;
  const wereOut = ourCordons(world);
  const run = await play('reboot-hypervisors', {
    ...(typeof options === 'function' ? options(world) : options),
  });
  const log = world.log.slice(from);
  const { notes, report } = run;
  // What an earlier night left to a person is that night's to explain.
  const hypervisors = Object.fromEntries(
    Object.entries(world.state.hypervisors).filter(([, { name }]) => !wereOut.has(name)),
  );
  const seen = {
    log,
    state: { ...world.state, hypervisors },
    notes,
    report,
    handback: [...handback.keys()],
    outAtOnce: 1,
  };
  expect(whatWentWrong(seen)).toEqual([]);
  return {
    run,
    world,
    log,
    mails: () => rehearsal.mails(),
    says(name) {
      const note = notes.find(({ subject }) => subject === `hypervisor ${name}`);
      return note === undefined ? 'nothing' : `${note.verdict}: ${note.why}`;
    },
    all: (what) =>
      log.flatMap((each) => (each.what === what && 'hypervisor' in each ? [each.hypervisor] : [])),
    again: () => playNight(rehearsal, { options }),
  };
}

function ourCordons({ state }: World): ReadonlySet<string> {
  const out = Object.values(state.hypervisors).filter(
    ({ disabled, disabledReason }) => disabled && disabledReason?.startsWith('nightshift'),
  );
  return new Set(out.map(({ name }) => name));
}

/** Running ones on a hypervisor, oldest first. */
export function guestsOn(world: World, name: string): [Server, ...Server[]] {
  return world.listedOn(name).filter(({ vmState }) => vmState === 'active') as [Server, ...Server[]];
}

/** Somebody else has taken it out of service. */
export function takeOut(world: World, name: string): void {
  Object.assign(hv(world, name), { disabled: true, disabledReason: 'disk swap, ask Kim' });
}

/** Once something has happened to a hypervisor, something else does. */
export function once(
  world: World,
  { what, to }: { readonly what: Happening['what']; readonly to: string },
  then: () => void,
): void {
  let isDone = false;
  world.watch(() => {
    const last = world.log.at(-1);
    if (isDone || last?.what !== what || !('hypervisor' in last) || last.hypervisor !== to) return;
    isDone = true;
    then();
  });
}

export function hv(world: World, name: string): Hypervisor {
  return world.named(name);
}
