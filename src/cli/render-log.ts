/** Lines of a run's log and its progress, as people read them. */
import { plain } from './table.ts';

interface Line {
  readonly time: string;
  readonly level: string;
  readonly message: string;
  readonly step?: string;
  readonly try?: number;
}

const KNOWN = new Set(['time', 'level', 'job', 'run', 'step', 'try', 'message']);

/** `22:58:03  migrate gpu-a off hv19  asked Nova  target=hv03`; a line that is no JSON is shown as it is. */
export function renderLogLine(json: string): string {
  let line: Line & Record<string, unknown>;
  try {
    line = JSON.parse(json) as Line & Record<string, unknown>;
  } catch {
    return plain(json);
  }
  const again = (line.try ?? 1) > 1 ? ` (try ${line.try})` : '';
  const fields = Object.entries(line)
    .filter(([name]) => !KNOWN.has(name))
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`);
  return [
    line.time.slice(11, 19),
    line.step === undefined ? '' : `${line.step}${again}`,
    line.level === 'info' ? line.message : `${line.level}: ${line.message}`,
    ...fields,
  ]
    .map(plain)
    .filter((part) => part !== '')
    .join('  ');
}

/** `████████░░░░  3/5 hypervisors`, the bar no wider than a third of the terminal. */
export function renderProgress(
  progress: { done: number; total: number; unit: string },
  width: number,
): string {
  const { done, total, unit } = progress;
  const cells = Math.max(10, Math.min(30, Math.floor(width / 3)));
  const full = total === 0 ? cells : Math.round((done / total) * cells);
  return `${'█'.repeat(full)}${'░'.repeat(cells - full)}  ${done}/${total} ${unit}`;
}
