/** Which hypervisors are rebooted tonight, in which order, and why the others are not. */
import { type Armed, whyNotArmed } from './acting.ts';
import { admit } from './admission.ts';
import { type Measured, usualSpeed } from './bandwidth.ts';
import { findRoom } from './capacity.ts';
import { describeCordon, rebootReason } from './cordon.ts';
import { type ColdPlaces, findColdPlaces } from './device-places.ts';
import { type Domain, domainsOf } from './domains.ts';
import { type DrainDecision, type DrainPolicy, decideDrain } from './drain-policy.ts';
import { DRAIN_KEY } from './drain-wish.ts';
import type { DeviceStock, Fleet, Hypervisor, Server } from './fleet.ts';
import { type Headroom, NO_HEADROOM, whyNoHeadroom } from './headroom.ts';
import { type Holds, NO_HOLDS, whyLaidDown } from './holds.ts';
import { idleDays, type Lives, outlookOf, sayOutlook } from './lifetimes.ts';
import { byName, serverName } from './names.ts';
import { askedAgainAt, type Notices, type Refusals, standingRefusal, whyTooEarly } from './owner-notices.ts';
import { predictSeconds } from './prediction.ts';
import { ANYWHERE, type Reach } from './reach.ts';
import { ADMIT_ALL, type Admission, gatesOf } from './reboot-gates.ts';
import type { RebootNeed } from './reboot-need.ts';
import { givenBackOf } from './reboot-record.ts';
import { inTurn, sayTriedLast } from './reboot-turns.ts';
import { isReserved, type Reservations, withoutReservations } from './reserved.ts';
import { sayCount, sayInstant, sayList } from './say.ts';

type PlannedReboot = {
  readonly name: string;
  /** Running guests that must move, or be stopped, first. */
  readonly guests: number;
  /** Memory and disk of those that move. */
  readonly ramMb: number;
  readonly diskGb: number;
  readonly why: string;
  readonly drainSeconds: number;
  /** Drain and reboot together, at the worst of ten. */
  readonly needSeconds: number;
  readonly domains: readonly Domain[];
  /** When it was given back since it last booted, so that it goes last; absent where it was not. */
  readonly givenBackAt?: string;
};

type Held = {
  readonly name: string;
  readonly why: string;
  /** Ids of the servers aboard whose owners must be told first. */
  readonly tell?: readonly string[];
};

/** It can go once servers have ended that cannot be moved. */
export type PlannedWait = {
  readonly name: string;
  readonly why: string;
  /** Since when, and in which run it is waited for; absent where nobody waits yet. */
  readonly since?: string;
  readonly run?: string;
  /** Days for which devices on it are likely to stand idle, added up; absent where nothing can be told. */
  readonly idleDays?: number;
};

/** A wait under way, as its run has written it down. */
export type KnownWait = { readonly run: string; readonly since: string };

/** Every hypervisor that was asked about and needs a reboot, or cannot say, is in exactly one list. */
export type RebootPlan = {
  /**
   * Reserved ones first, other empty ones, then the cheapest drain; the one that Nightshift itself runs on last.
   * Behind them those that were given back, whose turn was longest ago first.
   */
  readonly order: readonly PlannedReboot[];
  /** Those that are waited for already first, then those to wait for from tonight. */
  readonly waits: readonly PlannedWait[];
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
  /** Waits under way, by hypervisor name. */
  readonly waiting: Readonly<Record<string, KnownWait>>;
  /** So many hypervisors may be out of service for a wait. */
  readonly maxWaiting: number;
  /** The reason under which the asking run has disabled a hypervisor itself: no hold. */
  readonly mine?: string;
  /** What was emptied for a campaign and is kept disabled for it: no hold, and rebooted before all others. */
  readonly reserved?: Reservations;
  /** What live migration moves, memory and disk together. */
  readonly mbPerSecond: number;
  /** What was measured on those that guests have left, by hypervisor name. */
  readonly measured?: Readonly<Record<string, Measured>>;
  /** What people and past nights have laid down; left out, nothing. */
  readonly holds?: Holds;
  /** What the site wants of rings, budgets and its window; left out, nothing. */
  readonly admission?: Admission;
  /** What guests need of the others; left out, room alone. */
  readonly room?: RoomRules;
  /** What is known of how long servers live that cannot be moved; left out, nothing. */
  readonly lives?: Lives;
  /** The server that Nightshift itself runs on, by its id. */
  readonly self?: string | undefined;
  /** Whose wishes count; nobody's if left out. */
  readonly policy?: DrainPolicy;
  /** How long before owners are told of a stop or cold migration, and who was told; left out, nobody is. */
  readonly notice?: KnownNotices | undefined;
  /** What Placement counts, where a server is to be migrated cold with its device; left out, Nova alone decides. */
  readonly devices?: readonly DeviceStock[] | undefined;
}

export interface KnownNotices {
  readonly noticeHours: number;
  readonly notices: Notices;
  /** Of owners who do not agree to a stop, so that nobody waits for them. */
  readonly refusals?: Refusals;
}

export interface RoomRules {
  readonly headroom: Headroom;
  readonly reach: Reach;
}

const ANY_ROOM: RoomRules = { headroom: NO_HEADROOM, reach: ANYWHERE };

/** What each migration takes beside copying. */
const SECONDS_EACH = 5;

export function planReboots(asked: RebootQuestion): RebootPlan {
  const { needs, limit } = asked;
  const reserved = reservedOf(asked);
  // They go first, so that whoever comes after them finds room there.
  const fleet = withoutReservations(asked.fleet, reserved);
  const kept = new Set(
    asked.fleet.hypervisors.filter((one) => isReserved(reserved, one)).map(({ name }) => name),
  );
  const aboard = Map.groupBy(fleet.servers, (server) => server.hypervisor);
  const question = withColdPlaces({ ...asked, fleet }, aboard);
  const ready: PlannedReboot[] = [];
  const waits: PlannedWait[] = [];
  const held: Held[] = [];

  for (const hypervisor of fleet.hypervisors) {
    const { name } = hypervisor;
    const need = needs[name];
    if (need === undefined || need.need === 'no') continue;
    const servers = aboard.get(name) ?? [];
    const known = knownWait(question, hypervisor);
    const why = known === undefined ? whyHeld(question, hypervisor, servers) : undefined;
    const pinned = whyPinned(question, servers);
    const early = whyTold(question, servers);
    const refused = whyRefused(question, servers);
    if (why !== undefined) held.push({ name, why });
    else if (known === undefined && early !== undefined) held.push({ name, ...early });
    else if (known === undefined && refused !== undefined) held.push({ name, why: refused });
    else if (known !== undefined) waits.push({ name, why: pinned ?? 'its turn', ...known });
    else if (pinned !== undefined) waits.push({ name, why: pinned, ...forecast(question, servers) });
    else ready.push(planned(question, { hypervisor, why: need.why, servers }));
  }
  const own = ownHypervisor(question);
  const queue = inTurn(ready, { reserved: kept, own });
  const gates = gatesOf(
    question,
    [...queue, ...waits].map(({ name }) => name),
  );
  const admitted = admit(queue, gates.all, limit);
  const known = waits.filter(({ run }) => run !== undefined);
  const begun = admit(
    waits.filter(({ run }) => run === undefined),
    [gates.rings],
    waits.length,
  );
  const { now, tooMany } = chooseWaits([...known, ...begun.order], question.maxWaiting);
  return {
    order: admitted.order,
    waits: now,
    held: [...held, ...admitted.held, ...begun.held, ...tooMany].toSorted((a, b) => byName(a.name, b.name)),
    later: admitted.later.map(({ name }) => name),
  };
}

/** Without those that were given back: they go last, and are room for nobody. */
function reservedOf({ reserved = {}, needs, holds = NO_HOLDS }: RebootQuestion): Reservations {
  const fresh = Object.entries(reserved).filter(
    ([name]) => givenBackOf(holds.records[name], needs[name]) === undefined,
  );
  return Object.fromEntries(fresh);
}

/** With where each server that is to be migrated cold with its device finds one; a hypervisor is drained alone. */
function withColdPlaces(
  question: RebootQuestion,
  aboard: ReadonlyMap<string, readonly Server[]>,
): RebootQuestion {
  const { fleet, needs, policy, devices, room: { reach } = ANY_ROOM } = question;
  if (policy === undefined || devices === undefined) return question;
  const places = fleet.hypervisors.map((from) => {
    const movers = (needs[from.name] === undefined ? [] : (aboard.get(from.name) ?? [])).filter(
      (server) => server.pinned !== undefined && decideDrain(server, policy).does === 'cold',
    );
    return findColdPlaces({ fleet, devices, from, reach }, movers);
  });
  return { ...question, policy: { ...policy, coldPlaces: Object.assign({}, ...places) as ColdPlaces } };
}

function ownHypervisor({ fleet, self }: RebootQuestion): string | undefined {
  return self === undefined ? undefined : fleet.servers.find(({ id }) => id === self)?.hypervisor;
}

/** The wait for it that is under way; a row that its run left behind when it ended is none. */
function knownWait({ waiting }: RebootQuestion, { name, disabled }: Hypervisor): KnownWait | undefined {
  const known = waiting[name];
  return known !== undefined && disabled === rebootReason(known.run) ? known : undefined;
}

/** Longer than any that can be told. */
const UNTOLD = 1e6;

/** How long it is likely to be out of service for its pinned servers. */
function forecast(
  { lives = {}, holds = NO_HOLDS, policy }: RebootQuestion,
  servers: readonly Server[],
): Pick<PlannedWait, 'idleDays'> {
  const pinned = servers.filter((server) => decideDrain(server, policy).does === 'pinned');
  const days = idleDays(pinned.map((server) => outlookOf(lives, server, holds.now)));
  return Number.isFinite(days) ? { idleDays: days } : {};
}

function chooseWaits(waits: readonly PlannedWait[], most: number) {
  const inOrder = waits.toSorted(
    (a, b) =>
      Number(b.run !== undefined) - Number(a.run !== undefined) ||
      (a.idleDays ?? UNTOLD) - (b.idleDays ?? UNTOLD) ||
      byName(a.name, b.name),
  );
  const under = inOrder.filter(({ run }) => run !== undefined).length;
  const now = inOrder.slice(0, Math.max(under, most));
  const tooMany = inOrder.slice(now.length).map(({ name, why }) => ({
    name,
    why: `${why}; ${whyNotWaited(now.length)} (maxWaiting=${most})`,
  }));
  return { now, tooMany };
}

function whyNotWaited(waiting: number): string {
  if (waiting === 0) return 'this site does not wait for them';
  return `${sayCount(waiting, 'hypervisor')} ${waiting === 1 ? 'is' : 'are'} out of service for that already`;
}

/** The first thing that speaks against it, cheapest to learn first. */
function whyHeld(
  question: RebootQuestion,
  hypervisor: Hypervisor,
  servers: readonly Server[],
): string | undefined {
  const { fleet, needs, armed, mine, policy, reserved = {}, holds = NO_HOLDS } = question;
  const { disabled } = hypervisor;
  const need = needs[hypervisor.name];
  const unarmed = whyNotArmed(armed, hypervisor.aggregates);
  if (unarmed !== undefined) return unarmed;
  if (disabled !== undefined && disabled !== mine && !isReserved(reserved, hypervisor))
    return describeCordon(disabled);
  const laidDown = whyLaidDown(holds, {
    name: hypervisor.name,
    kernel: need !== undefined && need.need !== 'unclear' ? need.next : undefined,
  });
  if (laidDown !== undefined) return laidDown;
  if (need?.need === 'unclear') return need.why;
  if (!hypervisor.up) return 'its compute service is down';
  return whyGuestsHold(servers, policy) ?? whyUnseen(fleet) ?? whyNoRoom(question, hypervisor, servers);
}

function whyGuestsHold(servers: readonly Server[], policy?: DrainPolicy): string | undefined {
  const decisions = servers.map((server) => ({ server, decision: decideDrain(server, policy) }));
  if (decisions.every(({ decision }) => decision.does !== 'held' && decision.does !== 'waits'))
    return undefined;
  const fixed = decisions.flatMap(({ server, decision }) =>
    'why' in decision ? [`${serverName(server)} ${decision.why}`] : [],
  );
  return `${sayCount(fixed.length, 'server')} cannot leave now: ${sayList(fixed, 3)}`;
}

/** `2 servers cannot move: gpu-a 3f2a… (PCI device; half of its kind end within …) and …`; undefined when none is pinned. */
function whyPinned(
  { policy, lives = {}, holds = NO_HOLDS }: RebootQuestion,
  servers: readonly Server[],
): string | undefined {
  const names = servers.flatMap((server) => {
    const decision = decideDrain(server, policy);
    if (decision.does !== 'pinned') return [];
    const outlook = sayOutlook(outlookOf(lives, server, holds.now));
    return [`${serverName(server)} (${decision.because}${outlook === undefined ? '' : `; ${outlook}`})`];
  });
  if (names.length === 0) return undefined;
  return `${sayCount(names.length, 'server')} cannot move: ${sayList(names, 3)}`;
}

/** Nobody waits for who was asked in vain, until they are asked again or say something else themselves. */
function whyRefused({ policy, notice, holds = NO_HOLDS }: RebootQuestion, servers: readonly Server[]) {
  const refused = servers.flatMap((server) => {
    const refusal = standingRefusal(notice?.refusals ?? {}, server.id, holds.now);
    const isPinned = decideDrain(server, policy).does === 'pinned';
    if (refusal === undefined || !isPinned || server.metadata[DRAIN_KEY] === 'stop') return [];
    const again = sayInstant(askedAgainAt(refusal), 'UTC');
    return [`${serverName(server)} (${refusal.why}; asked again after ${again})`];
  });
  if (refused.length === 0) return undefined;
  return `${sayCount(refused.length, 'server')} may not be stopped: ${sayList(refused, 3)}`;
}

/** Owners are told before their servers are stopped or shut down to move; who has agreed knows already. */
function whyTold({ policy, notice, holds = NO_HOLDS }: RebootQuestion, servers: readonly Server[]) {
  if (notice === undefined) return undefined;
  const felt = servers.filter((server) => {
    const { does } = decideDrain(server, policy);
    return (does === 'stop' || does === 'cold') && policy?.agreed?.[server.id] === undefined;
  });
  return whyTooEarly(felt, { ...notice, now: holds.now });
}

/** No hypervisor can be proved empty while Nova cannot say where some servers are. */
function whyUnseen({ servers }: Fleet): string | undefined {
  const unseen = servers.filter((server) => server.status === 'UNKNOWN').length;
  return unseen === 0 ? undefined : `Nova cannot see ${sayCount(unseen, 'server')}: a cell is down`;
}

function whyNoRoom(
  { fleet, policy, room: { reach, headroom } = ANY_ROOM }: RebootQuestion,
  hypervisor: Hypervisor,
  servers: readonly Server[],
): string | undefined {
  const room = findRoom(fleet, hypervisor, movers(servers, policy), reach);
  return room.found ? whyNoHeadroom(fleet, hypervisor, { headroom, places: room.places }) : room.why;
}

const MOVES = new Set<DrainDecision['does']>(['live', 'cold']);

/** Those that need a place elsewhere. */
function movers(servers: readonly Server[], policy?: DrainPolicy): readonly Server[] {
  return servers.filter((server) => MOVES.has(decideDrain(server, policy).does));
}

function planned(
  { needs, mbPerSecond, measured = {}, policy, holds = NO_HOLDS, admission = ADMIT_ALL }: RebootQuestion,
  { hypervisor, why, servers }: { hypervisor: Hypervisor; why: string; servers: readonly Server[] },
): PlannedReboot {
  const { name } = hypervisor;
  const guests = movers(servers, policy);
  const ramMb = guests.reduce((sum, { size }) => sum + size.ramMb, 0);
  const diskGb = guests.reduce((sum, { size }) => sum + size.diskGb, 0);
  const speed = usualSpeed(measured[name] ?? [], mbPerSecond);
  const drainSeconds = Math.ceil(guests.length * SECONDS_EACH + (ramMb + diskGb * 1024) / speed);
  const needSeconds = predictSeconds(holds.records, {
    name,
    drainSeconds,
    backSeconds: admission.backSeconds,
  });
  const domains = domainsOf(hypervisor, admission.rackPrefixes);
  const stopped = servers.filter((server) => decideDrain(server, policy).does === 'stop').length;
  const back = givenBackOf(holds.records[name], needs[name]);
  const last = back === undefined ? [] : [sayTriedLast(back, holds.zone)];
  return {
    name,
    guests: guests.length + stopped,
    ramMb,
    diskGb,
    why: [why, ...last].join('; '),
    drainSeconds,
    needSeconds,
    domains,
    ...(back !== undefined && { givenBackAt: back.at }),
  };
}
