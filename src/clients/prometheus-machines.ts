/** Which machines do series of Prometheus speak of, and what do they say of each? */
import { isIP } from 'node:net';
import { z } from 'zod';
import { isLike } from '../domain/like.ts';
import type { ReportedHost } from '../domain/patch-feed.ts';
import { bounded } from './feed-text.ts';

export interface MachineLabels {
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
export const Series = z.object({
  metric: z.record(z.string(), z.string()),
  value: z.tuple([z.number(), z.string()]),
});
export type Series = z.output<typeof Series>;

/** More updates than there are packages: nonsense, which still means some. */
export const MOST_UPDATES = 100_000;
/** Of what a machine calls an origin. */
const MOST_ORIGIN = 1000;

/** What is known of one machine, perhaps by several targets. */
export interface Machine {
  readonly host: Omit<ReportedHost, 'findings'>;
  isUp: boolean;
  /** By target, since each tells of all the machine's updates. */
  readonly updates: Map<string, number>;
  rebootRequired: boolean | undefined;
}

/** By the series of each metric; who is down is not among them, unless something is still told of it. */
export function machinesOf(
  series: Readonly<Record<'up' | 'apt' | 'yum' | 'reboot', readonly Series[]>>,
  { labels, securityOrigins }: MachineLabels,
): Machine[] {
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
  for (const each of series.up) if (each.value[1] === '1') machineOf(each).isUp = true;
  for (const kind of ['apt', 'yum'] as const)
    for (const each of series[kind]) {
      const { metric, value } = each;
      const { updates } = machineOf(each);
      const target = `${metric['job']} ${metric['instance']} ${kind}`;
      const isSecurity = securityOrigins[kind].some((glob) =>
        isLike((metric['origin'] ?? '').slice(0, MOST_ORIGIN), glob),
      );
      updates.set(target, (updates.get(target) ?? 0) + (isSecurity ? countOf(value[1]) : 0));
    }
  for (const each of series.reboot) {
    const machine = machineOf(each);
    machine.rebootRequired = machine.rebootRequired === true || countOf(each.value[1]) > 0;
  }
  return [...machines.values()];
}

function identify(metric: Series['metric'], labels: MachineLabels['labels']): Omit<ReportedHost, 'findings'> {
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
