/** What is a solver asked, and what does it answer? The least cost in whole numbers under linear rows. */

/**
 * Minimise cost·x for 0 ≤ x ≤ upper, rowLower ≤ rows·x ≤ rowUpper, x whole. Costs are whole, too: an answer less
 * than 1 above its bound counts as proven. The rows are stored one after the other.
 */
export interface Program {
  readonly cost: Float64Array;
  readonly upper: Float64Array;
  readonly rowLower: Float64Array;
  readonly rowUpper: Float64Array;
  /** Row r has the entries rowStart[r] up to rowStart[r + 1]: columns and their factors. */
  readonly rowStart: Int32Array;
  readonly columns: Int32Array;
  readonly factors: Float64Array;
}

export interface SolveLimits {
  /** Fractions are allowed: the answer is a bound, and its reduced costs say which columns matter. */
  readonly isRelaxed?: boolean;
  /** Nodes of the search tree at most; the limit that keeps an answer the same on any machine. */
  readonly nodes?: number;
  /** A solution known so far; the solver goes on from it if it is one. */
  readonly start?: Float64Array;
  readonly seed?: number;
  /** Asked now and then: true gives up, and the best found so far is the answer. */
  readonly isOver?: () => boolean;
}

export interface Solved {
  readonly status: 'optimal' | 'feasible' | 'infeasible' | 'unknown';
  /** Values by column; empty where none are known. */
  readonly x: Float64Array;
  readonly objective: number;
  /** No solution costs less. */
  readonly bound: number;
  /** By column, of a relaxed program only; else empty. */
  readonly reducedCost: Float64Array;
}

/** Synchronous, and the same answer for the same question unless `isOver` says stop. */
export type Solve = (program: Program, limits: SolveLimits) => Solved;

/** A program in the making. */
export class ProgramDraft {
  readonly #cost: number[] = [];
  readonly #upper: number[] = [];
  readonly #rowLower: number[] = [];
  readonly #rowUpper: number[] = [];
  readonly #rowStart: number[] = [0];
  readonly #columns: number[] = [];
  readonly #factors: number[] = [];

  /** Adds a column and gives its index. */
  column(cost: number, upper: number): number {
    this.#upper.push(upper);
    return this.#cost.push(cost) - 1;
  }

  row(lower: number, upper: number, entries: Entries): void {
    for (const column of entries.columns) this.#columns.push(column);
    for (const factor of entries.factors) this.#factors.push(factor);
    this.#rowStart.push(this.#columns.length);
    this.#rowLower.push(lower);
    this.#rowUpper.push(upper);
  }

  done(): Program {
    return {
      cost: Float64Array.from(this.#cost),
      upper: Float64Array.from(this.#upper),
      rowLower: Float64Array.from(this.#rowLower),
      rowUpper: Float64Array.from(this.#rowUpper),
      rowStart: Int32Array.from(this.#rowStart),
      columns: Int32Array.from(this.#columns),
      factors: Float64Array.from(this.#factors),
    };
  }
}

/** What stands in one row: each column once, with its factor. */
export class Entries {
  readonly columns: number[] = [];
  readonly factors: number[] = [];

  add(column: number, factor: number): void {
    if (factor === 0) return;
    this.columns.push(column);
    this.factors.push(factor);
  }
}

/** The program with only these columns, the others at 0; rows that cannot be broken any more are left out. */
export function restrictedTo(program: Program, kept: Int32Array): Program {
  const { cost, upper, rowLower, rowUpper, rowStart, columns, factors } = program;
  const index = new Int32Array(cost.length).fill(-1);
  for (const [i, column] of kept.entries()) index[column] = i;
  const rows: number[] = [];
  const starts = [0];
  const newColumns: number[] = [];
  const newFactors: number[] = [];
  for (let row = 0; row < rowLower.length; row++) {
    for (let i = rowStart[row]!; i < rowStart[row + 1]!; i++) {
      const column = index[columns[i]!]!;
      if (column < 0) continue;
      newColumns.push(column);
      newFactors.push(factors[i]!);
    }
    if (newColumns.length === starts.at(-1) && rowLower[row]! <= 0 && rowUpper[row]! >= 0) continue;
    starts.push(newColumns.length);
    rows.push(row);
  }
  return {
    cost: Float64Array.from(kept, (column) => cost[column]!),
    upper: Float64Array.from(kept, (column) => upper[column]!),
    rowLower: Float64Array.from(rows, (row) => rowLower[row]!),
    rowUpper: Float64Array.from(rows, (row) => rowUpper[row]!),
    rowStart: Int32Array.from(starts),
    columns: Int32Array.from(newColumns),
    factors: Float64Array.from(newFactors),
  };
}
