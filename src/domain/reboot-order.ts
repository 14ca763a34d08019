/** Which hypervisors are rebooted tonight, in which order, and why the others are not. */
import { type Armed, sayArmed } from './acting.ts';
import { findRoom } from './capacity.ts';
import { describeCordon } from './cordon.ts';
import { decideDrain } from './drain-policy.ts';
import type { Fleet, Hypervisor, Server } from './fleet.ts';
import { byName, serverName } from './names.ts';
import type { RebootNeed } from './reboot-need.ts';
import { sayCount, sayList } from './say.ts';

type PlannedReboot = {
  readonly name: string;
  /** Running guests that must move first. */
  readonly guests: number;
  /** Memory and disk of those guests. */
  readonly ramMb: number;
  readonly diskGb: number;
  readonly why: string;
  readonly drainSeconds: number;
};

type Held = { readonly name: string; readonly why: string };

/** Every hypervisor that was asked about and needs a reboot, or cannot say, is in exactly one list. */
export type RebootPlan = {
  /** Empty ones first, then the cheapest drain. */
  readonly order: readonly PlannedReboot[];
  readonly held: readonly Held[];
  /** Beyond the limit, in the order in which they would follow. */
  readonly later: readonly string[];
};

export interface RebootQuestion {
  readonly fleet: Fleet;
  /** By hypervisor name; who is not named here is not asked about. */
  readonly needs: Readonly<Record<string, RebootNeed>>;
  readonly armed: Armed;
  readonly limit: number;
  /** What live migration moves, memory and disk together. */
  readonly mbPerSecond: number;
}

/** What each migration takes beside copying. */
const SECONDS_EACH = 5;

export function planReboots(question: RebootQuestion): RebootPlan {
  const { fleet, needs } = question;
  const aboard = Map.groupBy(fleet.servers, (server) => server.hypervisor);
  const ready: PlannedReboot[] = [];
  const held: Held[] = [];

  for (const hypervisor of fleet.hypervisors) {
    const { name } = hypervisor;
    const need = needs[name];
    if (need === undefined || need.need === 'no') continue;
    const servers = aboard.get(name) ?? [];
    const why = whyHeld(question, hypervisor, servers);
    if (why === undefined) ready.push(planned(name, need.why, running(servers), question.mbPerSecond));
    else held.push({ name, why });
  }
  const queue = ready.toSorted((a, b) => a.drainSeconds - b.drainSeconds || byName(a.name, b.name));
  return {
    order: queue.slice(0, question.limit),
    held: held.toSorted((a, b) => byName(a.name, b.name)),
    later: queue.slice(question.limit).map(({ name }) => name),
  };
}

/** The first thing that speaks against it, cheapest to learn first. */
function whyHeld(
  { fleet, needs, armed }: RebootQuestion,
  hypervisor: Hypervisor,
  servers: readonly Server[],
): string | undefined {
  const need = needs[hypervisor.name];
  const unarmed = whyNotArmed(armed, hypervisor);
  if (unarmed !== undefined) return unarmed;
  if (hypervisor.disabled !== undefined) return describeCordon(hypervisor.disabled);
  if (need?.need === 'unclear') return need.why;
  if (!hypervisor.up) return 'its compute service is down';
  return whyGuestsHold(servers) ?? whyUnseen(fleet) ?? whyNoRoom(fleet, hypervisor, servers);
}

function whyGuestsHold(servers: readonly Server[]): string | undefined {
  const fixed = servers.flatMap((server) => {
    const decision = decideDrain(server);
    return 'why' in decision ? [`${serverName(server)} ${decision.why}`] : [];
  });
  if (fixed.length === 0) return undefined;
  return `${sayCount(fixed.length, 'server')} cannot leave now: ${sayList(fixed, 3)}`;
}

/** No hypervisor can be proved empty while Nova cannot say where some servers are. */
function whyUnseen({ servers }: Fleet): string | undefined {
  const unseen = servers.filter((server) => server.status === 'UNKNOWN').length;
  return unseen === 0 ? undefined : `Nova cannot see ${sayCount(unseen, 'server')}: a cell is down`;
}

function whyNoRoom(fleet: Fleet, hypervisor: Hypervisor, servers: readonly Server[]): string | undefined {
  const room = findRoom(fleet, hypervisor, running(servers));
  return room.found ? undefined : room.why;
}

function running(servers: readonly Server[]): readonly Server[] {
  return servers.filter((server) => decideDrain(server).does === 'live');
}

function planned(name: string, why: string, guests: readonly Server[], mbPerSecond: number): PlannedReboot {
  const ramMb = guests.reduce((sum, { size }) => sum + size.ramMb, 0);
  const diskGb = guests.reduce((sum, { size }) => sum + size.diskGb, 0);
  const seconds = guests.length * SECONDS_EACH + (ramMb + diskGb * 1024) / mbPerSecond;
  return { name, guests: guests.length, ramMb, diskGb, why, drainSeconds: Math.ceil(seconds) };
}

function whyNotArmed(armed: Armed, { aggregates }: Hypervisor): string | undefined {
  if (armed === true) return undefined;
  if (armed === false) return 'not armed';
  const within = 'aggregates' in armed && armed.aggregates.some((name) => aggregates.includes(name));
  return within ? undefined : `not armed (outside ${sayArmed(armed)})`;
}
