/** Is the cloud well enough for another hypervisor to be taken out of it? Each signal says yes or no, and why. */
import type { CommandResult, Health } from './fleet.ts';
import type { OpenAlert, Sample } from './monitoring.ts';
import { serverName } from './names.ts';
import { sayCount, sayList } from './say.ts';

/** It could not be asked, and what is not known is not green. */
export type Unanswered = { readonly trouble: string };

/** What was wrong at the beginning of the night and is not held against it. */
export type Baseline = {
  /** Ids of servers. */
  readonly errorServers: readonly string[];
  /** `nova-compute on cmp3`, `neutron-dhcp-agent on cmp3`. */
  readonly downServices: readonly string[];
};

export const NOTHING_WRONG: Baseline = { errorServers: [], downServices: [] };

/** Of the cloud's own signals; false: that one is not looked at. */
export interface CloudLimits {
  /** So many servers more may be in ERROR than at the beginning. */
  readonly errorServers: number | false;
  /** So many services of Nova and agents of Neutron more may be down than at the beginning. */
  readonly services: number | false;
  readonly apiSeconds: number | false;
}

/** What the value must be below, above, or both. */
export interface Bounds {
  readonly below?: number | undefined;
  readonly above?: number | undefined;
}

/** All signals, asked at once. Those that were not asked are absent. */
export interface Readings {
  readonly cloud?: { readonly health: Health; readonly tookMs: number } | Unanswered;
  readonly queries?: readonly { name: string; bounds: Bounds; answer: readonly Sample[] | Unanswered }[];
  readonly commands?: readonly { name: string; answer: CommandResult | Unanswered }[];
  readonly alerts?: readonly OpenAlert[] | Unanswered;
}

export type Signal = { readonly name: string; readonly green: boolean; readonly says: string };

const SHOWN = 3;

export function baselineOf({ errors, down }: Health): Baseline {
  return { errorServers: errors.map(({ id }) => id), downServices: down };
}

/** A sentence for each signal that was asked. */
export function judgeGate(
  { cloud, queries = [], commands = [], alerts }: Readings,
  limits: CloudLimits,
  baseline: Baseline,
): readonly Signal[] {
  return [
    ...(cloud === undefined ? [] : judgeCloud(cloud, limits, baseline)),
    ...queries.map(({ name, bounds, answer }) => judgeQuery(name, bounds, answer)),
    ...commands.map(({ name, answer }) => judgeCommand(name, answer)),
    ...(alerts === undefined ? [] : [judgeAlerts(alerts)]),
  ];
}

/** Every red signal with what it says; undefined when none is. */
export function sayRed(signals: readonly Signal[]): string | undefined {
  const red = signals.filter(({ green }) => !green).map(({ name, says }) => `${name} is red: ${says}`);
  return red.length === 0 ? undefined : red.join('; ');
}

function judgeCloud(
  cloud: NonNullable<Readings['cloud']>,
  { errorServers, services, apiSeconds }: CloudLimits,
  baseline: Baseline,
): Signal[] {
  if ('trouble' in cloud) return [{ name: 'OpenStack', green: false, says: cloud.trouble }];
  const { health, tookMs } = cloud;
  const known = new Set(baseline.errorServers);
  const broken = health.errors.filter(({ id }) => !known.has(id)).map(sayError);
  const down = health.down.filter((service) => !baseline.downServices.includes(service));
  const signals: Signal[] = [];
  if (errorServers !== false) signals.push(judgeNew('ERROR servers', broken, errorServers));
  if (services !== false) signals.push(judgeNew('down services and agents', down, services));
  if (apiSeconds !== false) signals.push(judgeLatency(tookMs, apiSeconds));
  return signals;
}

function judgeNew(name: string, now: readonly string[], allowed: number): Signal {
  if (now.length === 0) return { name, green: true, says: 'none that was not there at the beginning' };
  const says = `${now.length} more than at the beginning: ${sayList(now, SHOWN)} (allowed: ${allowed})`;
  return { name, green: now.length <= allowed, says };
}

function judgeLatency(tookMs: number, apiSeconds: number): Signal {
  const says = `OpenStack answered in ${(tookMs / 1000).toFixed(1)} s (allowed: ${apiSeconds} s)`;
  return { name: 'API latency', green: tookMs <= apiSeconds * 1000, says };
}

/** Every series must be inside the bounds, and there must be one: a query that finds nothing says nothing. */
function judgeQuery(name: string, bounds: Bounds, answer: readonly Sample[] | Unanswered): Signal {
  if ('trouble' in answer) return { name, green: false, says: answer.trouble };
  if (answer.length === 0) return { name, green: false, says: 'Prometheus knows no such series' };
  const wanted = sayBounds(bounds);
  const bad = answer.filter(({ value }) => !isInside(value, bounds));
  if (bad.length === 0) {
    const says = `${sayList(answer.map(saySample), SHOWN)}, ${wanted} as it must be`;
    return { name, green: true, says };
  }
  return { name, green: false, says: `${sayList(bad.map(saySample), SHOWN)}, and must be ${wanted}` };
}

/** NaN is inside no bounds. */
function isInside(value: number, { below, above }: Bounds): boolean {
  return (
    !Number.isNaN(value) && (below === undefined || value < below) && (above === undefined || value > above)
  );
}

/** A command's last line are its words, as in `ceph osd ok-to-stop`. */
function judgeCommand(name: string, answer: CommandResult | Unanswered): Signal {
  if ('trouble' in answer) return { name, green: false, says: answer.trouble };
  const words = lastWords(answer);
  if (answer.exit === 0) return { name, green: true, says: words ?? 'exit 0' };
  return {
    name,
    green: false,
    says: words === undefined ? `exit ${answer.exit}` : `${words} (exit ${answer.exit})`,
  };
}

function judgeAlerts(alerts: readonly OpenAlert[] | Unanswered): Signal {
  const name = 'open alerts';
  if ('trouble' in alerts) return { name, green: false, says: alerts.trouble };
  if (alerts.length === 0) return { name, green: true, says: 'none' };
  const which = alerts.map(({ name, labels }) => [name, labels['instance']].filter(Boolean).join(' on '));
  return { name, green: false, says: `${sayCount(alerts.length, 'alert')}: ${sayList(which, SHOWN)}` };
}

/** The last line of what a command printed, of its errors where it printed nothing else. */
export function lastWords({ stdout, stderr }: CommandResult): string | undefined {
  const last = (text: string) => text.trim().split('\n').at(-1)?.trim().slice(0, 200);
  return last(stdout) || last(stderr) || undefined;
}

function sayError(server: Health['errors'][number]): string {
  return `${serverName(server)} on ${server.hypervisor}`;
}

function saySample({ labels, value }: Sample): string {
  const said = Object.entries(labels).map(([label, text]) => `${label}=${text}`);
  return said.length === 0 ? String(value) : `${value} (${said.join(', ')})`;
}

function sayBounds({ below, above }: Bounds): string {
  return [above === undefined ? '' : `above ${above}`, below === undefined ? '' : `below ${below}`]
    .filter(Boolean)
    .join(' and ');
}
