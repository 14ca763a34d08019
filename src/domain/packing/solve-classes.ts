/** Can a placement be improved by asking the solver, for some hypervisors or for all? */
import { type ClassLimits, type ClassModel, classModelOf } from './class-model.ts';
import { type Stake, stakeOf } from './classes.ts';
import { decode } from './decode.ts';
import type { Placement } from './placement.ts';
import { restrictedTo, type Solve, type SolveLimits } from './program.ts';

export interface ClassAsk extends Omit<ClassLimits, 'betterThan'> {
  /** Hypervisors whose servers may move among them; all unless given. */
  readonly hypervisors?: readonly number[];
  /** Nodes of the solver's search tree at most: the limit that keeps the answer the same everywhere. */
  readonly nodes: number;
  /** Where there are many places, only those that matter to the program without whole numbers: it proves less. */
  readonly isKernel?: boolean;
  readonly seed?: number;
  readonly isOver?: () => boolean;
}

export interface ClassAnswer {
  /** The placement asked about, unless a better one was found: more empty, or as many with fewer moves. */
  readonly placement: Placement;
  /** No better one is among those that this kind of program can say. */
  readonly isSettled: boolean;
  /** Nor is any other: no placement leaves more of the hypervisors looked at empty, nor as many with fewer moves. */
  readonly isProven: boolean;
  /** Columns of the program: how large the question was. */
  readonly columns: number;
}

/** Fewer are solved as fast as their kernel. */
const MANY_COLUMNS = 5000;
/** For each column that matters to the relaxed program so many more, those that would matter next. */
const NEXT_BEST = 2;
const SOME = 1e-7;

/** Never worse than the placement asked about. What the solver proposes is checked server by server. */
export function solveClasses(placement: Placement, ask: ClassAsk, solve: Solve): ClassAnswer {
  const stake = stakeOf(placement, ask.hypervisors);
  const betterThan = valueOf(stake, placement);
  const classes = classModelOf(stake, { ...ask, betterThan });
  const { isOver, seed = 0, nodes } = ask;
  const limits: SolveLimits = { nodes, seed, ...(isOver === undefined ? {} : { isOver }) };
  const columns = classes.program.cost.length;
  const { x, isSettled } =
    ask.isKernel === true && columns > MANY_COLUMNS
      ? solveKernel(classes, limits, solve)
      : solveWhole(classes, limits, solve);
  const found = x.length === 0 ? undefined : decode(stake, classes, x);
  const isKnown = isSettled && (x.length === 0 || found !== undefined);
  return {
    placement: found ?? placement,
    isSettled: isKnown,
    isProven: isKnown && classes.isComplete,
    columns,
  };
}

interface Outcome {
  /** Empty where no better solution was found. */
  readonly x: Float64Array;
  /** It is the best there is; or there is none. */
  readonly isSettled: boolean;
}

function solveWhole({ program }: ClassModel, limits: SolveLimits, solve: Solve): Outcome {
  const { x, status } = solve(program, limits);
  return { x, isSettled: status === 'optimal' || status === 'infeasible' };
}

/** First without whole numbers, then with them, but only the columns that the first found to matter. */
function solveKernel({ program, emptied }: ClassModel, limits: SolveLimits, solve: Solve): Outcome {
  const relaxed = solve(program, { ...limits, isRelaxed: true });
  if (relaxed.status !== 'optimal') return { x: NONE, isSettled: relaxed.status === 'infeasible' };
  const isKept = new Uint8Array(program.cost.length);
  for (const column of emptied) if (column >= 0) isKept[column] = 1;
  for (const [column, value] of relaxed.x.entries()) if (value > SOME) isKept[column] = 1;
  const kept = isKept.reduce((sum, is) => sum + is, 0);
  const next = [...isKept.keys()]
    .filter((column) => isKept[column] === 0)
    .toSorted((a, b) => relaxed.reducedCost[a]! - relaxed.reducedCost[b]! || scattered(a) - scattered(b));
  for (const column of next.slice(0, NEXT_BEST * kept)) isKept[column] = 1;
  const kernel = Int32Array.from([...isKept.keys()].filter((column) => isKept[column] === 1));
  const solved = solve(restrictedTo(program, kernel), limits);
  if (solved.x.length === 0) return { x: NONE, isSettled: false };
  const x = new Float64Array(program.cost.length);
  for (const [i, column] of kernel.entries()) x[column] = solved.x[i]!;
  return { x, isSettled: false };
}

const NONE = new Float64Array(0);

/** Columns that are equally good are taken here and there, not all from one class. */
function scattered(column: number): number {
  return (column * 7919) % 10007;
}

function valueOf({ model, hypervisors }: Stake, { at, count }: Placement) {
  const emptied = hypervisors.filter((h) => model.isCandidate[h] === 1 && count[h] === 0).length;
  let moves = 0;
  for (const [s, home] of model.home.entries()) if (at[s] !== home) moves++;
  return { emptied, moves };
}
