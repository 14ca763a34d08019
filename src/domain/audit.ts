/** What is wrong with a cloud that somebody should know of before the night: faults, leftovers, and what no drain gets past. */
import { findRoom } from './capacity.ts';
import { describeCordon } from './cordon.ts';
import { decideDrain } from './drain-policy.ts';
import type { Fleet, Hypervisor, Server } from './fleet.ts';
import type { Leftover } from './leftovers.ts';
import { byName, serverName } from './names.ts';
import type { RebootNeed } from './reboot-need.ts';
import type { RebootRecords } from './reboot-record.ts';
import { enableCommand } from './reboot-report.ts';
import { sayCount, sayList } from './say.ts';

/** Worst first; each with what is counted, one and several. */
export const AUDIT_KINDS = {
  'cell down': ['cell that is down', 'cells that are down'],
  error: ['server in ERROR', 'servers in ERROR'],
  orphan: ['orphan allocation', 'orphan allocations'],
  resize: ['resize that nobody confirms', 'resizes that nobody confirms'],
  down: ['compute service down', 'compute services down'],
  undrained: ['hypervisor that could not be drained', 'hypervisors that could not be drained'],
  untouchable: ['hypervisor that can never be emptied', 'hypervisors that can never be emptied'],
  kernel: ['hypervisor whose next kernel is unclear', 'hypervisors whose next kernel is unclear'],
  disabled: ['hypervisor disabled', 'hypervisors disabled'],
  pinned: ['hypervisor with servers that cannot move', 'hypervisors with servers that cannot move'],
} as const;

export type AuditKind = keyof typeof AUDIT_KINDS;

export type Finding = {
  readonly kind: AuditKind;
  /** The same as long as the finding is the same one; within its kind. */
  readonly id: string;
  /** As people call it. */
  readonly subject: string;
  readonly why: string;
  /** Since when it is so, where the cloud itself tells; ISO 8601 in UTC. */
  readonly since?: string;
  /** Commands that show more of it, and that end it, where there is one. */
  readonly look?: string;
  readonly repair?: string;
};

export interface AuditQuestion {
  readonly fleet: Fleet;
  /** By hypervisor name. */
  readonly needs: Readonly<Record<string, RebootNeed>>;
  /** Why no host was asked. */
  readonly whyNoNeeds?: string;
  readonly leftovers: readonly Leftover[];
  /** Since when resizes wait for their owner's word, by server id. */
  readonly resizes: Readonly<Record<string, string>>;
  /** How the latest reboot of each hypervisor ended. */
  readonly reboots: RebootRecords;
}

/** What waits for its owner's word for less than this is nobody else's matter. */
const RESIZE_MS = 86_400_000;

/** What nothing can be said of while Nova does not see every server. */
const OF_SERVERS: readonly AuditKind[] = ['error', 'orphan', 'resize', 'untouchable', 'pinned'];

/** Kinds that are not looked for, with why. */
export type Unasked = Readonly<Partial<Record<AuditKind, string>>>;

export function unaskedOf({ fleet, whyNoNeeds }: Pick<AuditQuestion, 'fleet' | 'whyNoNeeds'>): Unasked {
  const blind = cellDown(fleet).length > 0 ? OF_SERVERS : [];
  return {
    ...Object.fromEntries(blind.map((kind) => [kind, 'a cell is down'])),
    ...(whyNoNeeds !== undefined && { kernel: whyNoNeeds }),
  };
}

/** Every finding, worst kind first, by name within a kind. `fleet.takenAt` is now. */
export function auditCloud(question: AuditQuestion): readonly Finding[] {
  const unasked = unaskedOf(question);
  const found = [
    ...cellDown(question.fleet),
    ...question.fleet.servers.flatMap(inError),
    ...question.leftovers.map(asOrphan),
    ...unconfirmed(question),
    ...question.fleet.hypervisors.flatMap(serviceFindings),
    ...undrained(question),
    ...untouchable(question.fleet),
    ...unclearKernels(question),
    ...pinned(question.fleet),
  ];
  const rank = new Map(Object.keys(AUDIT_KINDS).map((kind, place) => [kind, place]));
  return found
    .filter(({ kind }) => unasked[kind] === undefined)
    .toSorted(
      (a, b) =>
        (rank.get(a.kind) ?? 0) - (rank.get(b.kind) ?? 0) ||
        byName(a.subject, b.subject) ||
        byName(a.id, b.id),
    );
}

/** Everything but what a silent cell shows of itself. */
export function unaskedInSilence(): Unasked {
  const kinds = Object.keys(AUDIT_KINDS).filter((kind) => kind !== 'cell down');
  return Object.fromEntries(kinds.map((kind) => [kind, 'a cell is down']));
}

/** Of a cloud whose cell gives no answer nothing else can be told. */
export function silentCell(hosts: readonly string[]): Finding {
  const why = `Nova gets no answer from a cell with ${sayCount(hosts.length, 'host')}: ${sayList(hosts, 5)}`;
  return { kind: 'cell down', id: 'cell', subject: 'a cell', why };
}

function cellDown({ servers }: Fleet): Finding[] {
  const unseen = servers.filter(({ status }) => status === 'UNKNOWN').length;
  if (unseen === 0) return [];
  const why = `Nova cannot see ${sayCount(unseen, 'server')}, so nothing is said of them`;
  return [{ kind: 'cell down', id: 'cell', subject: 'a cell', why }];
}

function inError({ id, name, status, hypervisor, projectId }: Server): Finding[] {
  if (status !== 'ERROR') return [];
  const where =
    hypervisor === '' ? 'it never found a place' : `it is on ${hypervisor}, where it may still run`;
  return [
    {
      kind: 'error',
      id,
      subject: serverName({ id, name }),
      why: `${where} (project ${projectId})`,
      look: `openstack server show ${id} -c fault -c OS-EXT-STS:power_state`,
    },
  ];
}

function asOrphan({ hypervisor, consumer, resources, why, repair }: Leftover): Finding {
  return {
    kind: 'orphan',
    id: `${consumer} on ${hypervisor}`,
    subject: `${consumer} on ${hypervisor}`,
    why: `Placement books ${resources} for ${why}`,
    look: `openstack server show ${consumer}`,
    repair,
  };
}

function unconfirmed({ fleet, resizes }: AuditQuestion): Finding[] {
  return fleet.servers.flatMap(({ id, name, status, hypervisor, projectId }): Finding[] => {
    const since = resizes[id];
    if (status !== 'VERIFY_RESIZE' || since === undefined) return [];
    if (Date.parse(fleet.takenAt) - Date.parse(since) < RESIZE_MS) return [];
    const why = `it holds room on ${hypervisor} and where it came from, and neither can be drained (project ${projectId})`;
    const repair = `openstack server resize confirm ${id}`;
    return [{ kind: 'resize', id, subject: serverName({ id, name }), why, since, repair }];
  });
}

function serviceFindings({ name, up, disabled }: Hypervisor): Finding[] {
  const look = `openstack hypervisor show ${name}`;
  const down: Finding = {
    kind: 'down',
    id: name,
    subject: name,
    why: 'Nova hears nothing from its compute service',
    look,
  };
  if (disabled === undefined) return up ? [] : [down];
  const why = describeCordon(disabled);
  const out: Finding = { kind: 'disabled', id: name, subject: name, why, repair: enableCommand(name) };
  return up ? [out] : [down, out];
}

/** Somebody else may have rebooted it since: then it does not matter any more. */
function undrained({ fleet, needs, reboots }: AuditQuestion): Finding[] {
  return fleet.hypervisors.flatMap(({ name }): Finding[] => {
    const last = reboots[name];
    if (last?.verdict !== 'given back' || needs[name]?.need === 'no') return [];
    const { why, at, run } = last;
    return [{ kind: 'undrained', id: name, subject: name, why, since: at, look: `nightshift show ${run}` }];
  });
}

/** Asked of a fleet in which everything is up and enabled: what has no place there never has one. */
function untouchable(fleet: Fleet): Finding[] {
  const whole = {
    ...fleet,
    hypervisors: fleet.hypervisors.map(inService),
  };
  const aboard = Map.groupBy(fleet.servers, ({ hypervisor }) => hypervisor);
  return whole.hypervisors.flatMap((hypervisor): Finding[] => {
    const { name } = hypervisor;
    const guests = (aboard.get(name) ?? []).filter((server) => decideDrain(server).does === 'live');
    const room = guests.length === 0 ? undefined : findRoom(whole, hypervisor, guests);
    if (room === undefined || room.found) return [];
    const why = `also with every other hypervisor up and enabled: ${room.why}`;
    return [{ kind: 'untouchable', id: name, subject: name, why }];
  });
}

function inService(hypervisor: Hypervisor): Hypervisor {
  const { disabled, ...rest } = hypervisor;
  return disabled === undefined && hypervisor.up ? hypervisor : { ...rest, up: true };
}

function unclearKernels({ needs }: AuditQuestion): Finding[] {
  return Object.entries(needs).flatMap(([name, { need, why }]): Finding[] =>
    need === 'unclear' ? [{ kind: 'kernel', id: name, subject: name, why }] : [],
  );
}

function pinned({ servers }: Fleet): Finding[] {
  const fixed = servers.filter((server) => decideDrain(server).does === 'pinned');
  return [...Map.groupBy(fixed, ({ hypervisor }) => hypervisor)].map(([name, guests]) => {
    const said = guests.map((server) => `${serverName(server)} (${server.pinned})`).toSorted(byName);
    const why = `${sayCount(guests.length, 'server')} can leave only by ending: ${sayList(said, 3)}`;
    return { kind: 'pinned', id: name, subject: name, why };
  });
}
