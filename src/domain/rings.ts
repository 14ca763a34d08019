/** Which hypervisors may run a new kernel next, so that a bad one meets few of them? */
import type { Gate } from './admission.ts';
import { describeCordon } from './cordon.ts';
import type { Fleet, Hypervisor } from './fleet.ts';
import type { RebootNeed } from './reboot-need.ts';
import { givenBackOf, type RebootRecord, type RebootRecords } from './reboot-record.ts';
import { sayCount, sayDay, sayDuration } from './say.ts';

/** So many, those of an aggregate, or all; each takes what the rings before it have left. */
export type Ring = { readonly hypervisors: number } | { readonly aggregate: string } | 'all';

export interface RingRule {
  readonly rings: readonly Ring[];
  /** So long must a ring have run the kernel, in good health, before the next begins. */
  readonly ringDays: number;
}

export interface RingWorld {
  readonly fleet: Fleet;
  readonly needs: Readonly<Record<string, RebootNeed>>;
  readonly records: RebootRecords;
  /** Names of those that could go tonight but for the rings. */
  readonly ready: readonly string[];
  readonly now: Date;
  readonly zone: string;
}

/** A hypervisor that was proved with a kernel. */
interface Proved {
  readonly hypervisor: Hypervisor;
  readonly record: RebootRecord;
}

/** How far a kernel has come: the rings that are done, and the one that is open. */
interface Stage {
  readonly kernel: string;
  readonly done: readonly (readonly Proved[])[];
  readonly ring: Ring | undefined;
  /** How many more the open ring takes. */
  left: number;
}

const DAY_MS = 86_400_000;

/** Holds whoever a later ring would take; with no rings it holds nobody. */
export function ringGate(rule: RingRule, world: RingWorld): Gate<{ readonly name: string }> {
  const stages = new Map<string, Stage>();
  const stageFor = (name: string): Stage | undefined => {
    const need = world.needs[name];
    if (rule.rings.length === 0 || need === undefined || need.need === 'unclear') return undefined;
    const { next: kernel } = need;
    const stage = stages.get(kernel) ?? stageOf(kernel, rule.rings, world);
    stages.set(kernel, stage);
    return stage;
  };
  return {
    whyNot({ name }) {
      const stage = stageFor(name);
      return stage === undefined ? undefined : whyNotYet(stage, rule, { ...world, name });
    },
    take({ name }) {
      const stage = stageFor(name);
      if (stage !== undefined) stage.left -= 1;
    },
  };
}

function stageOf(kernel: string, rings: readonly Ring[], world: RingWorld): Stage {
  let proved = provedWith(kernel, world);
  const done: (readonly Proved[])[] = [];
  for (const ring of rings) {
    const members = membersOf(ring, proved);
    const isLast = ring === rings.at(-1);
    // One that was given back keeps no later ring from beginning.
    const ready = world.ready.filter(
      (name) => isLast || givenBackOf(world.records[name], world.needs[name]) === undefined,
    );
    const left = leftIn(ring, kernel, { ...world, ready, members });
    if (left > 0) return { kernel, done, ring, left };
    done.push(members);
    proved = proved.filter((one) => !members.includes(one));
  }
  return { kernel, done, ring: undefined, left: 0 };
}

/** Those of the fleet whose latest reboot was into this kernel and went well, the earliest first. */
function provedWith(kernel: string, { fleet, records }: RingWorld): Proved[] {
  return fleet.hypervisors
    .flatMap((hypervisor) => {
      const record = records[hypervisor.name];
      return record?.kernel === kernel && record.verdict === 'done' ? [{ hypervisor, record }] : [];
    })
    .toSorted((a, b) => Date.parse(a.record.at) - Date.parse(b.record.at));
}

function membersOf(ring: Ring, proved: readonly Proved[]): readonly Proved[] {
  if (ring === 'all') return proved;
  if ('hypervisors' in ring) return proved.slice(0, ring.hypervisors);
  return proved.filter(({ hypervisor }) => hypervisor.aggregates.includes(ring.aggregate));
}

/** How many more it takes; none when it is done. Those of an aggregate that cannot go hold up nobody once one has. */
function leftIn(
  ring: Ring,
  kernel: string,
  { fleet, needs, ready, members, records }: RingWorld & { readonly members: readonly Proved[] },
): number {
  if (ring === 'all') return Number.POSITIVE_INFINITY;
  if ('hypervisors' in ring) return ring.hypervisors - members.length;
  const inIt = fleet.hypervisors.filter(({ aggregates }) => aggregates.includes(ring.aggregate));
  if (inIt.some(({ name }) => ready.includes(name) && nextOf(needs[name]) === kernel))
    return Number.POSITIVE_INFINITY;
  const known = inIt.some(
    ({ name }) => records[name]?.kernel === kernel && records[name]?.verdict === 'done',
  );
  const awaited = inIt.some(({ name }) => nextOf(needs[name]) === kernel);
  return awaited && !known ? 1 : 0;
}

function nextOf(need: RebootNeed | undefined): string | undefined {
  return need?.need === 'yes' ? need.next : undefined;
}

function whyNotYet(
  { kernel, done, ring, left }: Stage,
  { rings, ringDays }: RingRule,
  world: RingWorld & { readonly name: string },
): string | undefined {
  const number = done.length + 1;
  if (ring === undefined) return `no ring of kernel ${kernel} takes it: the last is ring ${rings.length}`;
  const sick = done.flatMap((members, i) =>
    members.flatMap((member) => whySick(member, kernel, world).map((why) => `${why} (ring ${i + 1})`)),
  )[0];
  if (sick !== undefined) return `ring ${number} of kernel ${kernel} is held: ${sick}`;
  const begins = Math.max(0, ...done.flat().map(({ record }) => Date.parse(record.at))) + ringDays * DAY_MS;
  if (done.length > 0 && world.now.getTime() < begins) {
    const days = sayDuration(ringDays * DAY_MS);
    return `ring ${number} of kernel ${kernel} begins ${sayDay(new Date(begins), world.zone)}, when ring ${number - 1} has run it for ${ringDays === 1 ? '1 day' : days}`;
  }
  if (left > 0 && takes(ring, world)) return undefined;
  return `a later ring of kernel ${kernel}: ring ${number} (${sayRing(ring)}) comes first`;
}

function takes(ring: Ring, { fleet, name }: RingWorld & { readonly name: string }): boolean {
  if (ring === 'all' || 'hypervisors' in ring) return true;
  const hypervisor = fleet.hypervisors.find((one) => one.name === name);
  return hypervisor?.aggregates.includes(ring.aggregate) === true;
}

/** What is worse with it than when it was proved, the first thing only; empty when nothing is. */
function whySick(
  { hypervisor, record }: Proved,
  kernel: string,
  { fleet, needs }: RingWorld,
): readonly string[] {
  const { name, up, disabled } = hypervisor;
  if (!up) return [`the compute service of ${name} is down`];
  if (disabled !== undefined) return [`${name} is ${describeCordon(disabled)}`];
  const need = needs[name];
  if (need !== undefined && need.need !== 'unclear' && need.running !== kernel)
    return [`${name} runs ${need.running} again`];
  const errors = fleet.servers.filter((one) => one.hypervisor === name && one.status === 'ERROR').length;
  if (errors <= record.errors) return [];
  return [`${name} has ${sayCount(errors, 'server')} in ERROR, ${record.errors} before`];
}

function sayRing(ring: Ring): string {
  if (ring === 'all') return 'all';
  return 'aggregate' in ring ? `aggregate ${ring.aggregate}` : sayCount(ring.hypervisors, 'hypervisor');
}
