/** Nouns of a small cloud for tests: what a test does not name is ordinary. */
import type { Hypervisor, Resources, Server, ServerGroup } from '../../src/domain/fleet.ts';
import type { RebootNeed } from '../../src/domain/reboot-need.ts';

const GIB = 1024;

/** `8` is 8 GiB of memory, 2 vCPU, 10 GiB of disk. */
export function size(ramGib: number): Resources {
  return { ramMb: ramGib * GIB, vcpus: Math.ceil(ramGib / 4), diskGb: 10 };
}

/** 128 GiB of memory, 32 vCPU, 1000 GiB of disk; enabled, up, nothing booked. */
export function hypervisor(name: string, more: Partial<Hypervisor> = {}): Hypervisor {
  return {
    name,
    up: true,
    zone: 'nova',
    aggregates: [],
    capacity: { ramMb: 128 * GIB, vcpus: 32, diskGb: 1000 },
    used: { ramMb: 0, vcpus: 0, diskGb: 0 },
    traits: [],
    ...more,
  };
}

/** A running server of 8 GiB; its id is its name. */
export function server(name: string, hypervisor: string, more: Partial<Server> = {}): Server {
  return {
    id: name,
    name,
    projectId: 'alpha',
    userId: 'alice',
    hypervisor,
    status: 'ACTIVE',
    size: size(8),
    locked: false,
    metadata: {},
    createdAt: '2026-11-01T00:00:00Z',
    ...more,
  };
}

export function group(
  name: string,
  members: readonly string[],
  more: Partial<ServerGroup> = {},
): ServerGroup {
  return { id: name, name, policy: 'anti-affinity', maxPerHost: 1, members, ...more };
}

export function needsReboot(why = '6.1.0-18 runs, 6.1.0-28 boots next'): RebootNeed {
  return { need: 'yes', why, bootId: 'boot-1', running: '6.1.0-18', next: '6.1.0-28' };
}

export function needsNone(): RebootNeed {
  return {
    need: 'no',
    why: '6.1.0-28 runs and boots next',
    bootId: 'boot-1',
    running: '6.1.0-28',
    next: '6.1.0-28',
  };
}
