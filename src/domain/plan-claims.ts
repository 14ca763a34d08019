/** Is true what a plan says of itself: what it empties, moves and takes, and what it holds? */
import type { DefragmentPlan, PlannedMove } from './defragment-plan.ts';
import type { FleetFile, FleetServer } from './fleet-file.ts';
import type { Limits } from './move-order.ts';
import { boundServers, makespanOf } from './plan-clock.ts';
import type { Complaint, Replay } from './plan-replay.ts';
import { sayCount, sayList } from './say.ts';

/** What the replay of a plan came to. */
export interface Outcome {
  /** Hypervisors that were not empty and are in the end. */
  readonly emptied: readonly string[];
  readonly emptyBefore: number;
  readonly emptyAfter: number;
  readonly moves: number;
  readonly ramMovedMb: number;
  /** Each move as long as predicted, and begun as soon as the order of moves lets it. */
  readonly makespanSeconds: number;
}

/** Names said of each kind before they are counted. */
const NAMED = 5;

const MB_PER_GIB = 1024;

/** A migration takes so long at least, beside what is copied. */
const SETUP_SECONDS = 8;

const NO_LIMITS: Limits = { parallel: Infinity, outPerHypervisor: Infinity, inPerHypervisor: Infinity };

/** Predictions are rounded here and there. */
const SLACK_SECONDS = 1;
const SLACK_RATIO = 0.01;

/** Counted after the last wave. */
export function outcomeOf({ fleet, homes }: Replay, plan: DefragmentPlan, limits: Partial<Limits>): Outcome {
  const had = new Set(fleet.servers.map(({ hypervisor }) => hypervisor));
  const has = new Set(homes.values());
  const counting = fleet.hypervisors.filter(({ enabled, up }) => enabled && up).map(({ name }) => name);
  const servers = new Map(fleet.servers.map((server) => [server.id, server]));
  const moves = plan.waves.flat();
  const together = boundServers(fleet);
  const seconds = (move: PlannedMove) => move.seconds ?? predicted(servers.get(move.server), fleet);
  return {
    emptied: counting.filter((name) => had.has(name) && !has.has(name)),
    emptyBefore: counting.filter((name) => !had.has(name)).length,
    emptyAfter: counting.filter((name) => !has.has(name)).length,
    moves: moves.length,
    ramMovedMb: sum(moves.map(({ server }) => servers.get(server)?.ramMb ?? 0)),
    makespanSeconds: makespanOf(
      plan.waves.map((wave) => wave.map((move) => ({ ...move, seconds: seconds(move) }))),
      { limits: { ...NO_LIMITS, ...limits }, isBound: ({ server }) => together.has(server) },
    ),
  };
}

/** What the plan says and is not so. How long it takes hangs on limits: without all of them, it may take longer. */
export function claimComplaints(
  replay: Replay,
  plan: DefragmentPlan,
  { outcome, limits }: { readonly outcome: Outcome; readonly limits: Partial<Limits> },
): Complaint[] {
  return [
    ...nameComplaints(replay.fleet, plan),
    ...emptyingComplaints(replay, plan, outcome),
    ...countComplaints(plan, outcome),
    ...timeComplaints(replay, plan, { outcome, mayTakeLonger: !isLimited(limits) }),
    ...heldComplaints(replay, plan),
  ];
}

function nameComplaints({ name }: FleetFile, { fleet }: DefragmentPlan): Complaint[] {
  return fleet === name ? [] : [{ why: `the plan is for the fleet ${fleet}, this one is ${name}` }];
}

function emptyingComplaints({ homes }: Replay, { emptied }: DefragmentPlan, outcome: Outcome): Complaint[] {
  const left = Map.groupBy(homes, ([, hypervisor]) => hypervisor);
  const really = new Set(outcome.emptied);
  const claimed = new Set(emptied);
  const wrong = [...claimed].filter((name) => !really.has(name));
  const unsaid = outcome.emptied.filter((name) => !claimed.has(name));
  return [
    ...wrong.map((name) => {
      const there = left.get(name)?.length ?? 0;
      const why =
        there > 0 ? `has ${sayCount(there, 'server')} in the end` : 'was empty before, or does not count';
      return { why: `emptied: ${name} ${why}` };
    }),
    ...(unsaid.length > 0 ? [{ why: `emptied: ${sayList(unsaid, NAMED)} is left out` }] : []),
    ...(claimed.size < emptied.length ? [{ why: 'emptied: names a hypervisor twice' }] : []),
  ];
}

function countComplaints(plan: DefragmentPlan, outcome: Outcome): Complaint[] {
  const counts = (['emptyBefore', 'emptyAfter', 'moves', 'ramMovedMb'] as const)
    .filter((key) => plan[key] !== outcome[key])
    .map((key) => ({ why: `${key}: the plan says ${plan[key]}, it is ${outcome[key]}` }));
  const beyond =
    outcome.emptyAfter > plan.bound
      ? [{ why: `bound: the plan says ${plan.bound} at most, and leaves ${outcome.emptyAfter} empty` }]
      : [];
  return [...counts, ...beyond];
}

function timeComplaints(
  { fleet, servers }: Replay,
  plan: DefragmentPlan,
  { outcome, mayTakeLonger }: { readonly outcome: Outcome; readonly mayTakeLonger: boolean },
): Complaint[] {
  const { makespanSeconds, makespanBound, waves } = plan;
  const wrong = waves.flat().flatMap((move) => {
    const seconds = predicted(servers.get(move.server), fleet);
    return move.seconds === undefined || !servers.has(move.server) || isAbout(move.seconds, seconds)
      ? []
      : [{ move, why: `seconds: the plan says ${move.seconds}, the formula ${Math.round(seconds)}` }];
  });
  const takes = Math.round(outcome.makespanSeconds);
  return [
    ...wrong,
    ...(isAbout(makespanSeconds, outcome.makespanSeconds) ||
    (mayTakeLonger && makespanSeconds > outcome.makespanSeconds)
      ? []
      : [{ why: `makespanSeconds: the plan says ${makespanSeconds}, its moves take ${takes}` }]),
    ...(makespanBound > makespanSeconds + SLACK_SECONDS
      ? [{ why: `makespanBound: ${makespanBound} is more than the ${makespanSeconds} that the plan takes` }]
      : []),
  ];
}

/** Each hypervisor that is not empty in the end, or does not count, has one reason; nothing else has. */
function heldComplaints({ fleet, servers, homes }: Replay, { held }: DefragmentPlan): Complaint[] {
  const has = new Set(homes.values());
  const expected = new Set(
    fleet.hypervisors
      .filter(({ name, enabled, up }) => !enabled || !up || has.has(name))
      .map(({ name }) => name),
  );
  const names = held.flatMap((each) => ('hypervisor' in each ? [each.hypervisor] : []));
  const said = new Map([...Map.groupBy(names, (name) => name)].map(([name, all]) => [name, all.length]));
  const missing = [...expected].filter((name) => !said.has(name));
  const odd = [...said.keys()].filter((name) => !expected.has(name));
  const strangers = held.flatMap((each) =>
    'server' in each && !servers.has(each.server) ? [each.server] : [],
  );
  const say = (list: readonly string[], what: string) =>
    list.length === 0 ? [] : [{ why: `held: ${sayList(list, NAMED)} ${what}` }];
  return [
    ...say(missing, 'not empty in the end, without a reason'),
    ...say(odd, 'empty in the end, or unknown'),
    ...say(
      [...said].flatMap(([name, times]) => (times > 1 ? [name] : [])),
      'there twice',
    ),
    ...say(strangers, 'no server of this fleet'),
    ...(held.some(({ why }) => why.trim() === '') ? [{ why: 'held: a reason is empty' }] : []),
  ];
}

/** How long the migration of the server takes, by the format's formula. */
function predicted(server: FleetServer | undefined, { migrationGbps }: FleetFile): number {
  if (server === undefined) return 0;
  const { ramMb, dirtyRatio, localDisk, diskGb } = server;
  const gib = ramMb / MB_PER_GIB / (1 - dirtyRatio) + (localDisk ? diskGb : 0);
  return SETUP_SECONDS + (8 * gib) / migrationGbps;
}

function isLimited({ parallel, outPerHypervisor, inPerHypervisor }: Partial<Limits>): boolean {
  return [parallel, outPerHypervisor, inPerHypervisor].every((limit) => Number.isFinite(limit));
}

function isAbout(a: number, b: number): boolean {
  return Math.abs(a - b) <= SLACK_SECONDS + SLACK_RATIO * b;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, number) => all + number, 0);
}
