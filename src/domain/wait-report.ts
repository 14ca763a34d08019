/** What does a hypervisor wait for: since when, until when, and each server with its owner, its kind and its answer? */
import { describeCordon } from './cordon.ts';
import type { Server } from './fleet.ts';
import type { Outlook } from './lifetimes.ts';
import { sayCount, sayList } from './say.ts';

/** A server that keeps its hypervisor from its reboot. */
export interface Awaited {
  readonly server: Pick<Server, 'id' | 'name' | 'projectId'>;
  /** Why it cannot be moved: `PCI device of class gpu`. */
  readonly why: string;
  /** What the project is called; undefined where that is not known. */
  readonly project: string | undefined;
  /** The address of its owner; undefined where nobody is known. */
  readonly owner: string | undefined;
  /** When its owner was told, ISO 8601 in UTC. */
  readonly told: string | undefined;
  /** How long servers of its kind live in all. */
  readonly kind: Outlook;
  /** What became of the question whether it may be stopped; undefined where nobody is asked. */
  readonly asked: string | undefined;
  /** Somebody could still answer it for its owner. */
  readonly isOpen: boolean;
}

export interface WaitQuestion {
  readonly run: string;
  readonly since: Date;
  readonly until: Date;
  readonly servers: readonly Awaited[];
  /** The reason under which the hypervisor is disabled; undefined while it is enabled. */
  readonly disabled: string | undefined;
}

/** Whatever a note of the wait says, but for whom it is about. Days are given to a tenth. */
export function describeWait({ run, since, until, servers, disabled }: WaitQuestion) {
  const whys = [...new Set(servers.map(({ why }) => why))];
  const isAsked = servers.some(({ asked }) => asked !== undefined);
  const isMixed = whys.length > 1;
  const columns = [
    'server',
    'id',
    'project',
    'owner',
    'told',
    'median, days',
    '1 in 10 over, days',
    'n',
    ...(isMixed ? ['cannot be moved'] : []),
    ...(isAsked ? ['asked to agree to stop and start'] : []),
  ];
  const rows = servers.map((one) => [
    one.server.name,
    `${one.server.id.slice(0, 4)}…`,
    one.project ?? one.server.projectId,
    one.owner ?? null,
    one.told === undefined ? null : { at: one.told },
    days(one.kind.medianDays),
    days(one.kind.ninetyDays),
    one.kind.endings,
    ...(isMixed ? [one.why] : []),
    ...(isAsked ? [one.asked ?? null] : []),
  ]);
  const they = servers.length === 1 ? 'it' : 'they';
  const agree = isAsked
    ? `, or ${servers.length === 1 ? 'its owner' : 'their owners'} to agree to a stop`
    : '';
  return {
    why: `for ${sayCount(servers.length, 'server')} to end${agree}; ${they} cannot be moved (${sayList(whys, 3)})`,
    since: since.toISOString(),
    until: until.toISOString(),
    sheet: { columns, rows },
    lines: [
      sayDisabled(disabled),
      ...servers.filter(({ isOpen }) => isOpen).map((one) => howToNote(run, one)),
    ],
  };
}

function sayDisabled(disabled: string | undefined): string {
  if (disabled === undefined) return 'It is not disabled any more, so new servers may land on it.';
  return `It is ${describeCordon(disabled)}, so no new server lands on it.`;
}

function howToNote(run: string, { server: { id, name } }: Awaited): string {
  return `The reply of the owner of ${name} is noted by: nightshift approve ${run} 'stop ${id}' --answer yes|no --reason '…'`;
}

function days(amount: number | undefined): number | null {
  return amount === undefined ? null : Math.round(amount * 10) / 10;
}
