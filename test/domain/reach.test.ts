import { expect, it } from 'vitest';
import { findRoom } from '../../src/domain/capacity.ts';
import type { Hypervisor, Server } from '../../src/domain/fleet.ts';
import { ANYWHERE, type Reach } from '../../src/domain/reach.ts';
import { hypervisor, server } from '../support/builders.ts';

const OLD = ['HW_CPU_X86_AVX2', 'COMPUTE_NODE'];
const NEW = ['HW_CPU_X86_AVX2', 'HW_CPU_X86_AVX512F', 'COMPUTE_NODE'];
const none = 'no room: no other hypervisor has 8 GiB of memory, 2 vCPU, 10 GiB of disk free for g';

interface Case {
  readonly what: string;
  readonly from?: Partial<Hypervisor>;
  readonly to?: Partial<Hypervisor>;
  readonly reach?: Partial<Reach>;
  readonly guest?: Partial<Server>;
  readonly why?: string;
}

it.each<Case>([
  { what: 'to a newer CPU', from: { traits: OLD }, to: { traits: NEW } },
  {
    what: 'to an older CPU',
    from: { traits: NEW },
    to: { traits: OLD },
    why: `${none}; others have room, but the CPU of hv2 lacks AVX512F, which guests here may use`,
  },
  {
    what: 'to an older CPU, where the site says so',
    from: { traits: NEW },
    to: { traits: OLD },
    reach: { cpuDirection: false },
  },
  {
    what: 'to a CPU of which the cloud tells nothing',
    from: { traits: NEW },
    to: { traits: ['COMPUTE_NODE'] },
  },
  { what: 'from a CPU of which the cloud tells nothing', to: { traits: NEW } },
  {
    what: 'within a cell',
    from: { aggregates: ['cell-a'] },
    to: { aggregates: ['x', 'cell-a'] },
    reach: { cellPrefixes: ['cell-'] },
  },
  {
    what: 'into another cell',
    from: { aggregates: ['cell-a'] },
    to: { aggregates: ['cell-b'] },
    reach: { cellPrefixes: ['cell-'] },
    why: `${none}; others have room, but they are not in cell-a, which no guest leaves`,
  },
  { what: 'where nobody told of cells', from: { aggregates: ['cell-a'] }, to: { aggregates: ['cell-b'] } },
  { what: 'to another zone, when nothing binds it', to: { zone: 'az2' }, guest: { zone: null } },
  {
    what: 'to another zone, when its volumes bind it',
    to: { zone: 'az2' },
    guest: { zone: null },
    reach: { crossAzAttach: false },
    why: `${none}; other zones have room, but no server can use its volumes outside zone nova (crossAzAttach=false)`,
  },
])('moves a guest $what, or says why not', ({ from, to, reach, guest, why }) => {
  const hv1 = hypervisor('hv1', from);
  const g = server('g', 'hv1', guest);
  const fleet = { takenAt: '', hypervisors: [hv1, hypervisor('hv2', to)], servers: [g], groups: [] };

  const room = findRoom(fleet, hv1, [g], { ...ANYWHERE, cpuDirection: true, ...reach });

  expect(room.found ? undefined : room.why).toBe(why);
});
