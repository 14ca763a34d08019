/** What do the machines that Prometheus watches say of pending updates and reboots? Implements the `PatchFeed` port. */
import { z } from 'zod';
import type { PatchFeed, Poll, ReportedHost } from '../domain/patch-feed.ts';
import { sayCount, sayList } from '../domain/say.ts';
import { show } from '../domain/words.ts';
import { type Ask, MonitoringError, type MonitoringSettings, openMonitoring } from './monitoring-http.ts';
import { type Machine, type MachineLabels, MOST_UPDATES, machinesOf, Series } from './prometheus-machines.ts';

export interface PrometheusFeedSettings extends MonitoringSettings, MachineLabels {
  /** Which targets are machines: label → regular expression that all of its value must match. */
  readonly targets: Readonly<Record<string, string>>;
}

const Answer = z.object({
  status: z.literal('success'),
  warnings: z.array(z.string()).default([]),
  data: z.object({ resultType: z.literal('vector'), result: z.array(Series) }),
});

/** An answer about a whole cloud takes a while. */
const TIMEOUT_MS = 120_000;
const METRICS = {
  up: 'up',
  apt: 'apt_upgrades_pending',
  yum: 'yum_upgrades_pending',
  reboot: 'node_reboot_required',
} as const;
/**
 * Machines that answer and tell of updates or a reboot are listed, also when they are well. Who does not answer, or
 * tells nothing, is not in the poll: silence is no good news. Asks nothing before its first poll.
 * @throws MonitoringError when a poll fails, and where not one machine tells anything
 */
export function openPrometheusFeed(name: string, settings: PrometheusFeedSettings): PatchFeed {
  const ask = openMonitoring('Prometheus', { timeoutMs: TIMEOUT_MS, ...settings });
  return {
    name,
    async poll(signal) {
      const takenAt = new Date().toISOString();
      const answers = await askAll(ask, settings, { takenAt, signal });
      const machines = machinesOf(
        {
          up: answers.up.data.result,
          apt: answers.apt.data.result,
          yum: answers.yum.data.result,
          reboot: answers.reboot.data.result,
        },
        settings,
      );
      const warnings = Object.values(answers).flatMap((answer) => answer.warnings);
      const { up, silent, hosts } = sorted(machines, takenAt);
      refuseNothing(settings, { targets: answers.up.data.result.length, up, hosts: hosts.length });
      return {
        feed: name,
        takenAt,
        complete: warnings.length === 0,
        warnings: [
          ...new Set(warnings.map((warning) => `Prometheus warns: ${show(warning)}`)),
          ...saySilent(silent),
        ],
        listsClean: true,
        hosts,
      } satisfies Poll;
    },
  };
}

type Answers = Record<keyof typeof METRICS, z.output<typeof Answer>>;

/** All as of the same instant. */
async function askAll(
  ask: Ask,
  { targets }: PrometheusFeedSettings,
  { takenAt, signal }: { takenAt: string; signal: AbortSignal },
): Promise<Answers> {
  const matchers = Object.entries(targets).map(([label, value]) => `${label}=~${JSON.stringify(value)}`);
  const answers: Partial<Answers> = {};
  for (const [key, metric] of Object.entries(METRICS)) {
    answers[key as keyof Answers] = await ask({
      method: 'GET',
      path: '/api/v1/query',
      query: [
        ['query', `${metric}{${matchers.join()}}`],
        ['time', takenAt],
      ],
      answer: Answer,
      signal,
    });
  }
  return answers as Answers;
}

/** Of those that are up, which tell something, and which do not? */
function sorted(machines: readonly Machine[], takenAt: string) {
  const up = machines.filter(({ isUp }) => isUp);
  const tells = ({ updates, rebootRequired }: Machine) => updates.size > 0 || rebootRequired !== undefined;
  const hosts = up.filter(tells).map(
    ({ host, updates, rebootRequired }): ReportedHost => ({
      ...host,
      lastReport: takenAt,
      findings: [],
      ...(rebootRequired !== undefined && { rebootRequired }),
      ...(updates.size > 0 && { securityUpdates: Math.min(MOST_UPDATES, Math.max(...updates.values())) }),
    }),
  );
  return { up: up.length, silent: up.filter((each) => !tells(each)), hosts };
}

/** Whoever sees nobody sees nothing: that is no news of machines. */
function refuseNothing(
  { url, targets }: PrometheusFeedSettings,
  { targets: count, up, hosts }: { targets: number; up: number; hosts: number },
): void {
  const at = `Prometheus at ${new URL(url).host}`;
  const chosen =
    Object.keys(targets).length === 0 ? '' : ` that fits \`targets\` (${show(sayMatchers(targets))})`;
  if (count === 0) throw new MonitoringError(`${at} knows no target${chosen}`, { retryable: false });
  if (up === 0) {
    const why = `none of ${sayCount(count, 'target')} answers ${at}: is its network well?`;
    throw new MonitoringError(why, { retryable: true });
  }
  if (hosts > 0) return;
  const why = `${at}: of ${sayCount(up, 'machine')} that answer none tells of updates or reboots (${METRICS.apt}, ${METRICS.yum}, ${METRICS.reboot}): is a collector installed?`;
  throw new MonitoringError(why, { retryable: false });
}

function saySilent(silent: readonly Machine[]): string[] {
  if (silent.length === 0) return [];
  const names = silent.map(({ host }) =>
    show(host.hostname ?? host.serverId ?? host.addresses?.[0] ?? 'one'),
  );
  const count =
    silent.length === 1 ? '1 machine answers and tells' : `${silent.length} machines answer and tell`;
  return [`${count} nothing of updates or reboots, so they count as not reporting: ${sayList(names, 5)}`];
}

function sayMatchers(matchers: PrometheusFeedSettings['targets']): string {
  return Object.entries(matchers)
    .map(([label, value]) => `${label}=${value}`)
    .join(', ');
}
