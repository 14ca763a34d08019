/** What a hypervisor must show after its reboot before it is trusted with guests again. */
import type { ComputeService, NetworkAgent } from './fleet.ts';
import type { HostBoot } from './host-boot.ts';
import { sayList } from './say.ts';

/** What was known before the reboot. */
export interface Expected {
  /** The boot that must be over. */
  readonly bootId: string;
  /** The kernel that must run. */
  readonly next: string;
  readonly serviceId: string;
  /** What Nova called the hypervisor itself; left out, it is not compared. */
  readonly hypervisorId?: string;
  /** Binaries of the network agents that were alive on it. */
  readonly agents?: readonly string[];
}

/** One look at the hypervisor, and what earlier looks must remember for it. */
export interface Look {
  /** Absent, with a reason, while it does not answer. */
  readonly boot: HostBoot | { readonly away: string };
  readonly service: ComputeService | { readonly away: string };
  /**
   * The times at which its compute service was last heard, ISO 8601, as they were read since the new
   * boot was first seen: each once, oldest first. The first of them may be from before the reboot.
   */
  readonly heard: readonly string[];
  /** Empty where none are expected. */
  readonly agents: readonly NetworkAgent[] | { readonly away: string };
  /** When each of them was heard, as `heard`, by binary. */
  readonly agentsHeard: Readonly<Record<string, readonly string[]>>;
}

export type Check = { readonly name: string; readonly ok: boolean; readonly saw: string };

/** One newer time may be somebody's change of the service's record, which Nova dates as it dates a heartbeat. */
const HEARTBEATS = 2;

/**
 * Judges one look. A living service is proved by two heartbeats, both newer than one that was read when
 * the new boot was seen already: Nova calls a dead service up for a while, and its last heartbeat before
 * the reboot may be newer than any that was looked at.
 */
export function judgeProof(expected: Expected, look: Look): readonly Check[] {
  const { boot, service, heard } = look;
  return [
    ...judgeBoot(expected, boot),
    ...judgeService(expected, service, heard),
    ...judgeAgents(expected, look),
  ];
}

/** What the next look must remember: `heard`, and what a look in the new boot has read, if it is newer. */
export function rememberHeard(heard: readonly string[], heardAt: string): readonly string[] {
  const last = heard.at(-1);
  return last === undefined || Date.parse(heardAt) > Date.parse(last) ? [...heard, heardAt] : heard;
}

/** The same for each agent. */
export function rememberAgents(
  heard: Look['agentsHeard'],
  agents: readonly NetworkAgent[],
): Look['agentsHeard'] {
  const now = agents.map(({ binary, heardAt }) => [binary, rememberHeard(heard[binary] ?? [], heardAt)]);
  return { ...heard, ...Object.fromEntries(now) };
}

/** Why waiting cannot help: it did boot anew, into another kernel. Undefined while it can. */
export function whyHopeless({ bootId, next }: Expected, { boot }: Look): string | undefined {
  if ('away' in boot || boot.bootId === bootId || boot.running === next) return undefined;
  return wrongKernel(boot.running, next);
}

function judgeBoot({ bootId, next }: Expected, boot: Look['boot']): Check[] {
  if ('away' in boot) {
    return [
      { name: 'answers', ok: false, saw: `it does not answer: ${boot.away}` },
      { name: 'new boot', ok: false, saw: 'its boot id cannot be read' },
      { name: 'kernel', ok: false, saw: 'its kernel cannot be read' },
    ];
  }
  const anew = boot.bootId !== bootId;
  const right = boot.running === next;
  return [
    { name: 'answers', ok: true, saw: 'it answers' },
    { name: 'new boot', ok: anew, saw: anew ? `boot id ${boot.bootId}` : 'it still runs its old boot' },
    {
      name: 'kernel',
      ok: right,
      saw: right ? boot.running : wrongKernel(boot.running, next),
    },
  ];
}

function judgeService(
  { serviceId, hypervisorId }: Expected,
  service: Look['service'],
  heard: readonly string[],
): Check[] {
  if ('away' in service) {
    const saw = `its compute service cannot be looked at: ${service.away}`;
    return ['same service', 'heartbeat', 'service up'].map((name) => ({ name, ok: false, saw }));
  }
  const same = service.id === serviceId;
  const isIt = service.hypervisorId === hypervisorId;
  const hypervisor = {
    name: 'same hypervisor',
    ok: isIt,
    saw: isIt
      ? `hypervisor ${hypervisorId}`
      : `Nova takes it for hypervisor ${service.hypervisorId}, it was ${hypervisorId}`,
  };
  const beats = heard.slice(1);
  const lives = beats.length >= HEARTBEATS;
  const up = service.up && !service.forcedDown;
  return [
    {
      name: 'same service',
      ok: same,
      saw: same ? `service ${serviceId}` : `its compute service is ${service.id}, it was ${serviceId}`,
    },
    ...(hypervisorId === undefined ? [] : [hypervisor]),
    {
      name: 'heartbeat',
      ok: lives,
      saw: lives ? `heard at ${beats.slice(-HEARTBEATS).join(' and ')}` : whyNotHeard(beats),
    },
    {
      name: 'service up',
      ok: up,
      saw: up ? 'up' : `its compute service is ${service.forcedDown ? 'forced ' : ''}down`,
    },
  ];
}

/** One heartbeat is enough: no change of an agent's record is dated as one. */
function judgeAgents({ agents: expected = [] }: Expected, { agents, agentsHeard }: Look): Check[] {
  const name = 'network agents';
  if (expected.length === 0) return [];
  if ('away' in agents)
    return [{ name, ok: false, saw: `its network agents cannot be looked at: ${agents.away}` }];
  const faults = expected.flatMap((binary) => {
    const agent = agents.find((each) => each.binary === binary);
    if (agent === undefined) return [`${binary} (Neutron has none)`];
    if (!agent.alive) return [`${binary} (not alive)`];
    return (agentsHeard[binary] ?? []).length > 1 ? [] : [`${binary} (not heard since the reboot)`];
  });
  const saw =
    faults.length === 0
      ? `${sayList(expected)} heard again`
      : `network agents that were alive before are missing: ${sayList(faults)}`;
  return [{ name, ok: faults.length === 0, saw }];
}

function whyNotHeard([once]: readonly string[]): string {
  return once === undefined
    ? 'its compute service has not been heard since the reboot'
    : `its compute service was heard only once since the reboot, at ${once}, which may have been a change of its record`;
}

function wrongKernel(running: string, next: string): string {
  return `kernel ${running} runs, ${next} was expected`;
}
