/**
 * Was a night harmless? Judged by the simulated cloud's own log and by what the runs told people, and by
 * nothing that the product has computed.
 */
import type { Note, Report } from '../../src/engine/job.ts';
import type { Happening } from '../../src/twin/log.ts';
import type { State } from '../../src/twin/state.ts';

export interface NightSeen {
  readonly log: readonly Happening[];
  /** How the night left the cloud. */
  readonly state: State;
  /** Of the campaign. */
  readonly notes: readonly Note[];
  readonly report: Report | undefined;
  /** Subjects in the hand-back file. */
  readonly handback: readonly string[];
  /** So many hypervisors may be on their way down, away or unproved at once. */
  readonly outAtOnce: number;
}

/** Every rule that the night broke, in words; none when it was harmless. */
export function whatWentWrong(night: NightSeen): readonly string[] {
  return [
    ...guestsAboard(night),
    ...outTogether(night),
    ...brokenGroups(night),
    ...doubleMigrations(night),
    ...rebootsTwice(night),
    ...cordonsLeft(night),
    ...countsThatLie(night),
  ];
}

function guestsAboard({ log }: NightSeen): string[] {
  return log.flatMap((each) => {
    if (each.what === 'went down' && each.guests.length > 0)
      return [`${each.hypervisor} went down with ${each.guests.length} guests aboard`];
    return each.what === 'guest died' ? [`guest ${each.server} died on ${each.hypervisor}`] : [];
  });
}

/** From the request until somebody enables it again; one that is left out of service counts for as long as it is away. */
function outTogether({ log, outAtOnce }: NightSeen): string[] {
  const out = new Set<string>();
  const faults: string[] = [];
  for (const each of log) {
    if (each.what === 'uncordoned' || each.what === 'service up') out.delete(each.hypervisor);
    if (each.what !== 'reboot asked') continue;
    out.add(each.hypervisor);
    if (out.size > outAtOnce) faults.push(`out at once, ${outAtOnce} allowed: ${[...out].join(', ')}`);
  }
  return faults;
}

/** Members of a hard group never share a hypervisor, if they did not when the night began. */
function brokenGroups({ log, state }: NightSeen): string[] {
  const places = new Map(Object.values(state.servers).map(({ id, host }) => [id, nameOf(state, host)]));
  // Back to where everybody was in the beginning.
  for (const each of log.toReversed()) if (each.what === 'moved') places.set(each.server, each.from);
  const hard = state.groups.filter(({ policy }) => policy === 'anti-affinity');
  const apart = hard.filter(({ id }) => sharing(id).length === 0);
  const faults: string[] = [];
  for (const each of log) {
    if (each.what !== 'moved') continue;
    places.set(each.server, each.to);
    for (const { id, name } of apart)
      if (sharing(id).includes(each.to)) faults.push(`two members of group ${name} on ${each.to}`);
  }
  return faults;

  function sharing(group: string): string[] {
    const members = Object.values(state.servers).filter((server) => server.group === group);
    const hosts = members.flatMap(({ id }) => places.get(id) ?? []);
    return hosts.filter((host, index) => host !== '' && hosts.indexOf(host) !== index);
  }
}

/** A migration that was asked for while another one of the same server was under way. */
function doubleMigrations({ log }: NightSeen): string[] {
  const underWay = new Set<string>();
  return log.flatMap((each) => {
    if (each.what === 'migration ended') underWay.delete(each.server);
    if (each.what !== 'migration began') return [];
    const isSecond = underWay.has(each.server);
    underWay.add(each.server);
    return isSecond ? [`server ${each.server} was migrated twice at once`] : [];
  });
}

/** One night boots nobody twice. */
function rebootsTwice({ log }: NightSeen): string[] {
  const booted = log.flatMap((each) => (each.what === 'booted' ? [each.hypervisor] : []));
  const twice = booted.filter((name, index) => booted.indexOf(name) !== index);
  return twice.map((name) => `${name} booted twice`);
}

/** What is still disabled under our reason is explained by a note, and can be undone by the hand-back file. */
function cordonsLeft({ state, notes, handback }: NightSeen): string[] {
  const left = Object.values(state.hypervisors).filter(
    ({ disabled, disabledReason }) => disabled && disabledReason?.startsWith('nightshift'),
  );
  return left.flatMap(({ name }) => {
    const subject = `hypervisor ${name}`;
    const note = notes.find((each) => each.subject === subject);
    const isExplained = note !== undefined && ['needs you', 'waits', 'kept'].includes(note.verdict);
    return [
      ...(isExplained ? [] : [`${name} is still disabled, and no note says why (${note?.verdict})`]),
      ...(handback.includes(subject) ? [] : [`${name} is still disabled, and the way back is not on disk`]),
    ];
  });
}

/** Those that the report calls done are those that booted and were given back, and its counts add up. */
function countsThatLie({ log, notes, report }: NightSeen): string[] {
  const done = notes.flatMap(({ subject, verdict }) => (verdict === 'done' ? [subject] : []));
  const booted = new Set(
    log.flatMap((each) => (each.what === 'booted' ? [`hypervisor ${each.hypervisor}`] : [])),
  );
  const faults = done
    .filter((subject) => !booted.has(subject))
    .map((subject) => `${subject} is called done and did not boot`);
  const said = /(\d+) done/.exec(report?.headline ?? '')?.[1];
  if (said !== undefined && Number(said) !== done.length)
    faults.push(`the report counts ${said} done, the notes ${done.length}`);
  return faults;
}

function nameOf(state: State, host: string | null): string {
  return host === null ? '' : (state.hypervisors[host]?.name ?? '');
}
