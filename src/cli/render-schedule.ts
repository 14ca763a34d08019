/** How is it told when jobs run by themselves, and what became of it? */
import { sayInstant } from '../domain/say.ts';
import type { HeldSchedules } from '../engine/clock-guard.ts';
import type { Instant } from '../engine/cron.ts';
import type { View } from './render.ts';
import { renderRows } from './table.ts';

interface Scheduled {
  readonly ahead: readonly Instant[];
  readonly past: readonly Instant[];
  /** Daemons that start nothing of it. */
  readonly held: readonly HeldSchedules[];
}

/** What is wrong, the next instants, then the latest ones. */
export function renderSchedule(
  { ahead, past, held }: Scheduled,
  view: Pick<View, 'zone' | 'width'>,
): string[] {
  if (ahead.length === 0) return ['No job has a schedule.'];
  const wrong = held.map(
    ({ daemon, why }) =>
      `Daemon ${daemon} starts nothing by schedule: ${why}. Set the clocks of both machines right; it goes on by itself.`,
  );
  return [...wrong, ...(wrong.length === 0 ? [] : ['']), ...renderInstants({ ahead, past }, view)];
}

function renderInstants(
  { ahead, past }: Omit<Scheduled, 'held'>,
  { zone, width }: Pick<View, 'zone' | 'width'>,
): string[] {
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
