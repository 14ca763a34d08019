/** How is it told when jobs run by themselves, and what became of it? */
import { sayInstant } from '../domain/say.ts';
import type { Instant } from '../engine/cron.ts';
import type { View } from './render.ts';
import { renderRows } from './table.ts';

/** The next instants, then the latest ones. */
export function renderSchedule(
  { ahead, past }: { readonly ahead: readonly Instant[]; readonly past: readonly Instant[] },
  { zone, width }: Pick<View, 'zone' | 'width'>,
): string[] {
  if (ahead.length === 0) return ['No job has a schedule.'];
  const row = ({ at, job, run, leftOut }: Instant) => [
    sayInstant(new Date(at), zone),
    job,
    run ?? leftOut ?? '',
  ];
  const next = renderRows(
    { columns: ['next', 'job'], rows: ahead.map((instant) => row(instant).slice(0, 2)) },
    width,
  );
  if (past.length === 0) return [...next, '', 'Nothing has come due yet.'];
  return [
    ...next,
    '',
    ...renderRows({ columns: ['was due', 'job', 'what became of it'], rows: past.map(row) }, width),
  ];
}
