/** What do the lines of a dropped list say of which machines, and what of it could not be read? */
import type { ReportedHost } from '../../domain/patch-feed.ts';
import { sayCount } from '../../domain/say.ts';
import { collectHosts } from './collect.ts';
import { DropError } from './error.ts';
import type { ReadReport } from './report.ts';

export interface Told {
  readonly hosts: readonly ReportedHost[];
  /** Why something may be missing from it. */
  readonly faults: readonly string[];
}

export interface Tools {
  readonly read: ReadReport;
  /** Of tags, the worst first. */
  readonly order: readonly string[];
}

export const CUT_OFF = 'its last line is not ended, so that it may be cut off';
const FAULTS_SAID = 3;

export function gather({ read, order }: Tools) {
  const collected = collectHosts(order);
  const faults: string[] = [];
  let [good, bad] = [0, 0];

  function fault(where: string, why: string): void {
    bad += 1;
    if (faults.length < FAULTS_SAID) faults.push(`${where}: ${why}`);
  }

  return {
    fault,
    take(where: string, value: unknown): void {
      const report = read(value);
      if ('faults' in report) return fault(where, report.faults.slice(0, FAULTS_SAID).join('; '));
      good += 1;
      collected.add(report.host);
    },
    /** @throws DropError where not one line could be read */
    told(more: readonly string[]): Told {
      const said = faults.join('; ');
      if (good === 0 && bad > 0)
        throw new DropError(`no line of it can be read: ${said}`, { retryable: false });
      const left = bad === 0 ? [] : [`${sayCount(bad, 'line')} left out: ${said}`];
      return { hosts: collected.hosts(), faults: [...left, ...more] };
    },
  };
}
