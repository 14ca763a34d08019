/** How are the installation's jobs and its mode put into lines for people? */
import { type Armed, sayArmed } from '../domain/acting.ts';
import { sayInstant } from '../domain/say.ts';
import type { Mode } from '../engine/acts.ts';
import type { View } from './render.ts';
import { plain, renderTable } from './table.ts';

export interface JobRow {
  readonly name: string;
  readonly summary: string;
  readonly armed: Armed;
  readonly schedule?: string | undefined;
  readonly window?: string | undefined;
}

/** The jobs, and where each may change things. */
export function renderJobs(
  jobs: readonly JobRow[],
  { dryRun, width }: { dryRun: boolean; width: number },
): string[] {
  const rows = jobs.map(({ name, summary, armed, schedule, window }) => [
    name,
    typeof armed === 'boolean' ? (armed ? 'everywhere' : 'nowhere') : sayArmed(armed),
    schedule ?? null,
    window ?? null,
    summary,
  ]);
  const table = renderTable({ columns: ['job', 'armed', 'schedule', 'window', 'what it does'], rows }, width);
  return dryRun
    ? [...table, '', 'The configuration says dryRun: true, so nothing is changed whatever is armed.']
    : table;
}

/** Whether disruptions may begin, and who said otherwise. */
export function renderMode({ mode, why, since }: Mode, { zone }: Pick<View, 'zone'>): string {
  if (mode === '') return 'Thawed: jobs may disrupt, as they are armed.';
  const from = since === undefined ? '' : ` since ${sayInstant(new Date(since), zone)}`;
  const words = mode === 'freeze' ? 'Frozen' : 'Halted';
  return plain(
    `${words}${from} (${why}): no new disruption begins, putting back goes on. End it: nightshift thaw`,
  );
}
