/**
 * Plans for one fleet and one budget in a process of its own, and says as JSON how far it got. A process has one
 * thread to plan in, and nobody else's memory.
 *
 *   node test/bench/plan-process.ts '{ "file": "x.fleet.json.gz", "percent": 10, "seconds": 5 }'
 */

import { planDefragmentation } from '../../src/domain/defragment.ts';
import type { DefragmentPlan, DefragmentPolicy, PlannedMove } from '../../src/domain/defragment-plan.ts';
import { type FleetFile, parseFleet } from '../../src/domain/fleet-file.ts';
import { loadSolver } from '../../src/domain/packing/highs.ts';
import type { Solve } from '../../src/domain/packing/program.ts';
import { checkPlan } from '../../src/domain/plan-check.ts';
import { readDataFile } from '../../src/read-data-file.ts';
import { type FleetSize, generateFleet } from './fleet-generator.ts';
import { emptyBound, movesBound, volumesOf } from './plan-bound.ts';
import { planGreedily } from './plan-greedy.ts';
import { BUDGETS, type Target, targetOf } from './plan-targets.ts';

/** What is asked of the process. */
export type Question = ({ readonly file: string } | { readonly generate: FleetSize }) & {
  readonly percent: number;
  /** Left out, as many as the target aims at. */
  readonly seconds?: number;
};

export interface Answer {
  readonly fleet: string;
  readonly target: Target;
  /** Seconds that it was given. */
  readonly limit: number;
  readonly budget: number;
  readonly empty: number;
  /** By volume. */
  readonly bound: number;
  /** The planner's own. */
  readonly itsBound: number;
  readonly moves: number;
  /** Moves at least of any plan that leaves as many empty. */
  readonly movesBound: number;
  readonly makespan: number;
  readonly makespanBound: number;
  /** Of the processor, from the fleet to the plan. */
  readonly seconds: number;
  readonly rssMb: number;
  /** What the independent checker found. */
  readonly violations: readonly string[];
  readonly greedy: { readonly empty: number; readonly moves: number };
  /** Moves of a second run on the result of the first; only where the budget is not what ends the first. */
  readonly second?: number;
}

const LIMITS = { parallel: 20, outPerHypervisor: 1, inPerHypervisor: 2, coolDownHours: 0 };
const WAYS: Pick<DefragmentPolicy, 'wanted' | 'keepEmpty' | 'maxGibPerHypervisor' | 'seed' | 'iterations'> = {
  wanted: 'max',
  keepEmpty: 0,
  maxGibPerHypervisor: Infinity,
  seed: 1,
  iterations: 1000,
};
/** The rest of the time is for putting the moves in order. */
const SEARCHING = 0.7;

const question = JSON.parse(process.argv[2] ?? '') as Question;
console.log(JSON.stringify(await answer(question)));

async function answer(question: Question): Promise<Answer> {
  const fleet = await fleetOf(question);
  const solve = await loadSolver();
  const budgets = BUDGETS.map((percent) => budgetOf(fleet, percent));
  const budget = budgetOf(fleet, question.percent);
  // The seconds of a target do not depend on the bounds.
  const limit = question.seconds ?? targetOf(fleet, [0, 0, 0]).aimSeconds;
  const { plan, seconds } = timed(fleet, budget, { limit, solve });
  const rssMb = process.resourceUsage().maxRSS / 1024;

  const { violations } = checkPlan(fleet, plan, { ...LIMITS, maxMoves: budget });
  const volumes = volumesOf(fleet);
  const [low = 0, middle = 0, high = 0] = budgets.map((each) => emptyBound(volumes, each, solve));
  return {
    fleet: fleet.name,
    target: targetOf(fleet, [low, middle, high]),
    limit,
    budget,
    empty: plan.emptyAfter,
    bound: emptyBound(volumes, budget, solve),
    itsBound: plan.bound,
    moves: plan.moves,
    movesBound: movesBound(volumes, plan.emptyAfter, solve),
    makespan: plan.makespanSeconds,
    makespanBound: makespanBoundOf(plan.waves.flat()),
    seconds,
    rssMb,
    violations: violations.map(({ why }) => why),
    greedy: planGreedily(fleet, budget),
    ...(question.percent === 100
      ? { second: timed(afterPlan(fleet, plan), budget, { limit, solve }).plan.moves }
      : {}),
  };
}

async function fleetOf(question: Question): Promise<FleetFile> {
  if ('generate' in question) return generateFleet(question.generate);
  return parseFleet(await readDataFile(question.file), question.file);
}

function budgetOf({ servers }: FleetFile, percent: number): number {
  return Math.floor((servers.length * percent) / 100);
}

/** In the processor's time: others may be at work on this machine. */
function timed(
  fleet: FleetFile,
  maxMoves: number,
  { limit, solve }: { readonly limit: number; readonly solve: Solve },
): { plan: DefragmentPlan; seconds: number } {
  const began = process.cpuUsage();
  const spent = (): number => {
    const { user, system } = process.cpuUsage(began);
    return (user + system) / 1e6;
  };
  const isOver = (): boolean => spent() > limit * SEARCHING;
  const plan = planDefragmentation(fleet, { ...LIMITS, ...WAYS, maxMoves }, { solve, isOver });
  return { plan, seconds: spent() };
}

/** The fleet when the plan has been carried out. */
function afterPlan(fleet: FleetFile, { waves }: DefragmentPlan): FleetFile {
  const last = new Map(waves.flat().map((move) => [move.server, move]));
  return {
    ...fleet,
    servers: fleet.servers.map((server) => {
      const move = last.get(server.id);
      if (move === undefined) return server;
      const { to, toCells } = move;
      return { ...server, hypervisor: to, ...(toCells === undefined ? {} : { cells: toCells }) };
    }),
  };
}

/** The longest, the work off and onto each hypervisor, and all work over all that may run together. */
function makespanBoundOf(moves: readonly PlannedMove[]): number {
  const work = (some: readonly PlannedMove[]): number =>
    some.reduce((sum, { seconds = 0 }) => sum + seconds, 0);
  const off = Map.groupBy(moves, ({ from }) => from).values();
  const onto = Map.groupBy(moves, ({ to }) => to).values();
  return Math.max(
    0,
    ...moves.map(({ seconds = 0 }) => seconds),
    ...off.map((some) => work(some) / LIMITS.outPerHypervisor),
    ...onto.map((some) => work(some) / LIMITS.inPerHypervisor),
    work(moves) / LIMITS.parallel,
  );
}
