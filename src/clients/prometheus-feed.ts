/** What do the machines that Prometheus watches say of pending updates and reboots? Implements the `PatchFeed` port. */
import { isIP } from 'node:net';
import { z } from 'zod';
import { isLike } from '../domain/like.ts';
import type { PatchFeed, Poll, ReportedHost } from '../domain/patch-feed.ts';
import { sayCount, sayList } from '../domain/say.ts';
import { show } from '../domain/words.ts';
import { bounded } from './feed-text.ts';
import { type Ask, MonitoringError, type MonitoringSettings, openMonitoring } from './monitoring-http.ts';

export interface PrometheusFeedSettings extends MonitoringSettings {
  /** Which targets are machines: label → regular expression that all of its value must match. */
  readonly targets: Readonly<Record<string, string>>;
  /** Which labels say what a target is. */
  readonly labels: {
    readonly serverId: string;
    readonly host: string;
    /** `172.16.105.23:9100`; what is no address is none. */
    readonly address: string;
    /** The id of the project, not its name. */
    readonly projectId?: string | undefined;
  };
  /** Which origins of pending updates are such that close holes; `*` stands for anything. */
  readonly securityOrigins: { readonly apt: readonly string[]; readonly yum: readonly string[] };
}

/** One series: its labels, and the value as Prometheus writes it. */
const Series = z.object({
  metric: z.record(z.string(), z.string()),
  value: z.tuple([z.number(), z.string()]),
});
type Series = z.output<typeof Series>;

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
/** More updates than there are packages: nonsense, which still means some. */
const MOST_UPDATES = 100_000;
/** Of what a machine calls an origin. */
const MOST_ORIGIN = 1000;

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
      const machines = machinesOf(answers, settings);
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

/** What is known of one machine, perhaps by several targets. */
interface Machine {
  readonly host: Omit<ReportedHost, 'findings'>;
  isUp: boolean;
  /** By target, since each tells of all the machine's updates. */
  readonly updates: Map<string, number>;
  rebootRequired: boolean | undefined;
}

function machinesOf(answers: Answers, { labels, securityOrigins }: PrometheusFeedSettings): Machine[] {
  const machines = new Map<string, Machine>();
  const machineOf = ({ metric }: Series): Machine => {
    const host = identify(metric, labels);
    const key = (host.serverId ?? host.hostname ?? metric['instance'] ?? '').toLowerCase();
    const known = machines.get(key);
    if (known !== undefined) return known;
    const machine = { host, isUp: false, updates: new Map<string, number>(), rebootRequired: undefined };
    machines.set(key, machine);
    return machine;
  };
  for (const series of answers.up.data.result) if (series.value[1] === '1') machineOf(series).isUp = true;
  for (const kind of ['apt', 'yum'] as const)
    for (const series of answers[kind].data.result) {
      const { metric, value } = series;
      const { updates } = machineOf(series);
      const target = `${metric['job']} ${metric['instance']} ${kind}`;
      const isSecurity = securityOrigins[kind].some((glob) =>
        isLike((metric['origin'] ?? '').slice(0, MOST_ORIGIN), glob),
      );
      updates.set(target, (updates.get(target) ?? 0) + (isSecurity ? countOf(value[1]) : 0));
    }
  for (const series of answers.reboot.data.result) {
    const machine = machineOf(series);
    machine.rebootRequired = machine.rebootRequired === true || countOf(series.value[1]) > 0;
  }
  return [...machines.values()];
}

function identify(
  metric: Series['metric'],
  labels: PrometheusFeedSettings['labels'],
): Omit<ReportedHost, 'findings'> {
  const serverId = bounded(metric[labels.serverId]);
  const hostname = bounded(metric[labels.host]);
  const address = addressIn(metric[labels.address]);
  const projectId = labels.projectId === undefined ? undefined : bounded(metric[labels.projectId]);
  return {
    ...(hostname !== undefined && { hostname }),
    ...(address !== undefined && { addresses: [address] }),
    ...(serverId !== undefined && { serverId }),
    ...(projectId !== undefined && { projectId }),
  };
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

/** What a machine made up, such as NaN, counts nothing. */
function countOf(value: string): number {
  const count = Number(value);
  return Number.isFinite(count) && count > 0 ? Math.ceil(count) : value === '+Inf' ? MOST_UPDATES : 0;
}

/** `172.16.1.5:9100`, `[2001:db8::1]:9100`, or without a port. */
function addressIn(text = ''): string | undefined {
  const [, bracketed, plain] = /^(?:\[([^\]]+)\]|([^:]+))(?::\d+)?$/.exec(text) ?? [];
  return [bracketed, plain, text].find((each) => each !== undefined && isIP(each) !== 0);
}
