/** Who solves the programs of the planner? HiGHS, compiled to WebAssembly, in this very thread. */
import loadHighs, { type Highs, type HighsCallbackMap, type Model, type ModelData } from 'highs';
import type { Program, Solve, Solved, SolveLimits } from './program.ts';

/** The objective counts whole moves: an answer closer than that to its bound is the best there is. */
const WHOLE = 0.999;
/** These two looks for a first solution cost seconds in programs of packing, and find none. */
const QUICK = {
  mip_heuristic_run_feasibility_jump: false,
  mip_heuristic_run_root_reduced_cost: false,
};
const NOTHING = new Float64Array(0);

/** Loads the solver, some 30 ms. One that broke down inside answers `unknown` from then on. */
export async function loadSolver(): Promise<Solve> {
  // The package's types are those of its CommonJS face; what is imported here is the loader itself.
  const highs = await (loadHighs as unknown as typeof loadHighs.default)();
  let isBroken = false;
  return (program, limits) => {
    if (isBroken) return unknown();
    if (program.cost.length === 0) return withoutColumns(program);
    try {
      return highs.withModel(dataOf(highs, program, limits), (model) => answer(highs, model, limits));
    } catch {
      // Out of memory, most likely: the WebAssembly instance cannot be trusted any more.
      isBroken = true;
      return unknown();
    }
  };
}

function unknown(): Solved {
  return { status: 'unknown', x: NOTHING, objective: Infinity, bound: -Infinity, reducedCost: NOTHING };
}

/** HiGHS calls such a program empty, and says no more. */
function withoutColumns({ rowLower, rowUpper }: Program): Solved {
  const isPossible = rowLower.every((lower, row) => lower <= 0 && rowUpper[row]! >= 0);
  if (!isPossible) return { ...unknown(), status: 'infeasible' };
  return { status: 'optimal', x: NOTHING, objective: 0, bound: 0, reducedCost: NOTHING };
}

function dataOf(highs: Highs, program: Program, { isRelaxed = false }: SolveLimits): ModelData {
  const { cost, upper, rowLower, rowUpper, rowStart, columns, factors } = program;
  return {
    numCols: cost.length,
    numRows: rowLower.length,
    sense: highs.constants.objectiveSense.minimize,
    colCost: cost,
    colLower: new Float64Array(cost.length),
    colUpper: upper,
    rowLower,
    rowUpper,
    matrix: {
      format: 'csr',
      numRows: rowLower.length,
      numCols: cost.length,
      starts: rowStart,
      indices: columns,
      values: factors,
    },
    ...(isRelaxed
      ? {}
      : { integrality: new Int32Array(cost.length).fill(highs.constants.variableType.integer) }),
  };
}

function answer(highs: Highs, model: Model, limits: SolveLimits): Solved {
  const { isRelaxed = false, nodes, start, seed = 0, isOver } = limits;
  model.options.set({ output_flag: false, random_seed: seed, mip_rel_gap: 0, mip_abs_gap: WHOLE });
  model.options.set(QUICK);
  if (nodes !== undefined) model.options.set('mip_max_nodes', nodes);
  if (start !== undefined) model.setSolution({ colValue: start });
  model.run(isOver === undefined ? undefined : stopWhen(highs, isOver));
  const { modelStatus } = highs.constants;
  const status = model.getModelStatus();
  if (status === modelStatus.infeasible) return { ...unknown(), status: 'infeasible' };
  const hasSolution = model.info.get('primal_solution_status') === highs.constants.solutionStatus.feasible;
  if (!hasSolution) return unknown();
  const { colValue, colDual } = model.getSolution();
  const objective = model.getObjectiveValue();
  const isOptimal = status === modelStatus.optimal;
  return {
    status: isOptimal ? 'optimal' : 'feasible',
    // Within its tolerance, 1 may be 0.9999999.
    x: isRelaxed ? colValue : colValue.map(Math.round),
    objective,
    bound: isRelaxed ? (isOptimal ? objective : -Infinity) : Number(model.info.get('mip_dual_bound')),
    reducedCost: isRelaxed ? colDual : NOTHING,
  };
}

function stopWhen(highs: Highs, isOver: () => boolean): HighsCallbackMap {
  const { simplexInterrupt, mipInterrupt } = highs.constants.callbackType;
  const ask = (event: { interrupt(): void }): undefined => {
    if (isOver()) event.interrupt();
  };
  return { [simplexInterrupt]: ask, [mipInterrupt]: ask };
}
