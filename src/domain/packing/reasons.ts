/** Why is a hypervisor not emptied, and which of its servers keep it from that? In words for people. */
import type { DefragmentPlan, DefragmentPolicy } from '../defragment-plan.ts';
import { sayCount } from '../say.ts';
import type { Draft } from './draft.ts';
import { moveUnit } from './drain.ts';
import type { Taste } from './taste.ts';

export type Held = DefragmentPlan['held'];

export interface ReasonsQuestion {
  readonly draft: Draft;
  readonly policy: DefragmentPolicy;
  readonly taste: Taste;
  /** Migrations of the plan, detours included. */
  readonly moves: number;
  /** Hypervisors that were given back when the plan was made, and why. */
  readonly givenBack: ReadonlyMap<number, string>;
}

const MB_PER_GIB = 1024;
/** Servers without room are named one by one where so few of them keep a hypervisor in use; else nothing is to be learnt from them. */
const NAMED = 3;

/** One entry for each hypervisor that is not empty in the end or does not count, and for each server in the way. */
export function heldBy(question: ReasonsQuestion): Held {
  const { draft } = question;
  const { fleet, canTake, hypervisorCount } = draft.model;
  const held: Held[number][] = [];
  for (let h = 0; h < hypervisorCount; h++) {
    if (canTake[h] === 1 && draft.placement.count[h] === 0) continue;
    const { why, servers } = whyHeld(question, h);
    held.push({ hypervisor: fleet.hypervisors[h]!.name, why });
    for (const { server, why } of servers) held.push({ server: fleet.servers[server]!.id, why });
  }
  return held;
}

interface Why {
  readonly why: string;
  readonly servers: readonly { readonly server: number; readonly why: string }[];
}

function whyHeld(question: ReasonsQuestion, h: number): Why {
  const { draft, policy, moves, givenBack } = question;
  const { model } = draft;
  const { enabled, up, disabledReason, name } = model.fleet.hypervisors[h]!;
  const alone = (why: string): Why => ({ why, servers: [] });
  if (!enabled) return alone(disabledReason ? `disabled: ${disabledReason}` : 'disabled');
  if (!up) return alone('down');
  if (policy.worth?.includes(name) === false) return alone('not among those that are worth emptying');
  const fixed = whyFixed(draft, h);
  if (fixed !== undefined) return fixed;
  const own = aboardOf(draft, h);
  const gib = own.reduce((sum, s) => sum + model.cost[s]!, 0) / MB_PER_GIB;
  if (gib > policy.maxGibPerHypervisor)
    return alone(
      `too dear: ${Math.ceil(gib)} GiB would move, and one hypervisor is worth ${policy.maxGibPerHypervisor} GiB (maxGibPerHypervisor)`,
    );
  const before = givenBack.get(h);
  if (before !== undefined) return alone(before);
  if (policy.wanted !== 'max' && isEnough(draft, policy.wanted))
    return alone(`not needed: ${sayCount(policy.wanted, 'empty hypervisor')} wanted, and as many there are`);
  return moves + own.length > policy.maxMoves
    ? alone(whyBudget(policy.maxMoves, moves, own.length))
    : whyNoRoom(question, h, own);
}

function isEnough({ model, placement }: Draft, wanted: number): boolean {
  let empty = 0;
  for (let h = 0; h < model.hypervisorCount; h++)
    if (model.canTake[h] === 1 && placement.count[h] === 0) empty++;
  return empty >= wanted;
}

function whyBudget(maxMoves: number, moves: number, needed: number): string {
  if (moves >= maxMoves) return `the budget of ${sayCount(maxMoves, 'move')} is used up`;
  return `${sayCount(needed, 'move')} would be needed, and ${maxMoves - moves} of the budget of ${maxMoves} are left`;
}

/** The servers that were there from the start. */
function aboardOf({ model }: Draft, h: number): readonly number[] {
  return [...model.aboard.items.subarray(model.aboard.start[h], model.aboard.start[h + 1])];
}

function whyFixed(draft: Draft, h: number): Why | undefined {
  const { whyStays } = draft.model;
  const fixed = aboardOf(draft, h).filter((s) => whyStays[s] !== undefined);
  if (fixed.length === 0) return undefined;
  const reasons = Map.groupBy(fixed, (s) => whyStays[s]!);
  return {
    why: [...reasons].map(([why, all]) => `${all.length} of its servers cannot move (${why})`).join('; '),
    servers: fixed.map((server) => ({ server, why: `cannot move: ${whyStays[server]}` })),
  };
}

/** Moves away what can be, as a trial; what is left over is in the way. */
function whyNoRoom({ draft, taste }: ReasonsQuestion, h: number, own: readonly number[]): Why {
  const { model, placement } = draft;
  const mark = draft.mark();
  const wasClosed = draft.isClosed[h] === 1;
  draft.close(h);
  const all = [...placement.on(h)];
  const stuck: number[] = [];
  for (const s of all.toSorted(
    (a, b) => taste.size[model.kindOf[b]!]! - taste.size[model.kindOf[a]!]! || a - b,
  ))
    if (placement.at[s] === h && !moveUnit(draft, s, taste)) stuck.push(s);
  draft.undo(mark);
  if (wasClosed) draft.close(h);
  if (stuck.length === 0)
    return {
      why: `its ${sayCount(own.length, 'server')} find room elsewhere only at the price of another one`,
      servers: [],
    };
  const total = (of: (server: { vcpus: number; ramMb: number }) => number) =>
    stuck.reduce((sum, s) => sum + of(model.fleet.servers[s]!), 0);
  const gib = Math.ceil(total(({ ramMb }) => ramMb) / MB_PER_GIB);
  return {
    why: `no room for ${stuck.length} of its ${sayCount(all.length, 'server')} elsewhere: ${gib} GiB and ${sayCount(
      total(({ vcpus }) => vcpus),
      'vCPU',
    )} missing`,
    servers: (stuck.length > NAMED ? [] : stuck).map((server) => ({
      server,
      why: whyNowhere(draft, server),
    })),
  };
}

function whyNowhere({ model, isClosed }: Draft, server: number): string {
  const { kinds, kindOf, home } = model;
  let legal = 0;
  let kept = 0;
  for (const h of kinds.reach[kinds.reachOf[kindOf[server]!]!]!) {
    if (h === home[server]) continue;
    legal++;
    if (isClosed[h] === 0) kept++;
  }
  if (legal === 0) return 'no other hypervisor is legal for it';
  if (kept === 0) return `may go to ${sayCount(legal, 'other hypervisor')}, none of which stays in use`;
  return `may go to ${sayCount(kept, 'other hypervisor')} in use, and none has room`;
}
