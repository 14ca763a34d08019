/** What is wrong with the files of jobs that operators wrote. */
import type { z } from 'zod';
import { PermanentError } from '../domain/failure.ts';
import { type Fault, sayPath } from '../domain/words.ts';

/** Every fault of every file, each with its file. */
export class JobFilesError extends PermanentError {
  override readonly name = 'JobFilesError';
  readonly faults: readonly Fault[];
  /** All jobs by name, the faulty ones with options that take anything: what is said of those elsewhere is no fault. */
  readonly jobs: Readonly<Record<string, { readonly options: z.ZodType }>>;

  constructor(faults: readonly Fault[], jobs: JobFilesError['jobs']) {
    super(sayFileFaults(faults).join('\n'));
    this.faults = faults;
    this.jobs = jobs;
  }
}

/** The faults under the name of their file, with line and column. */
export function sayFileFaults(faults: readonly Fault[]): string[] {
  return [...Map.groupBy(faults, ({ file }) => file ?? '')].flatMap(([file, some]) => {
    const labels = some.map(({ line, column }) => {
      if (line === undefined) return '';
      return column === undefined ? `line ${line}` : `line ${line}, column ${column}`;
    });
    const width = Math.max(...labels.map((label) => label.length));
    const lines = some.map(({ path, message }, i) => {
      const what = path.length === 0 ? message : `${sayPath(path)}: ${message}`;
      return width === 0 ? `  ${what}` : `  ${labels[i]!.padEnd(width)}  ${what}`;
    });
    return [file, ...lines];
  });
}
