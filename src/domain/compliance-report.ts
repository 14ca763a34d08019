/** What do operators read about the patching of servers: how it stands, what changed, who was told, what needs them? */
import type { Counts, Doubt } from './cases.ts';
import type { State } from './compliance.ts';
import type { Ending } from './exemptions.ts';
import { plainName, serverName } from './names.ts';
import { NOTICE_KINDS } from './notice-log.ts';
import type { Decision, Escalated, Hold, Notices } from './notice-round.ts';
import { sayCount, sayDay, sayInstant, sayList } from './say.ts';

/** What is kept of a report, so that the next one can say what changed. */
export type ComplianceTrend = {
  /** ISO 8601 in UTC. */
  readonly at: string;
  readonly servers: number;
  readonly states: Readonly<Record<State, number>>;
  readonly open: number;
  readonly overdue: number;
  readonly exempt: number;
};

export interface ComplianceDay {
  readonly at: Date;
  readonly zone: string;
  readonly feed: string;
  /** Why the feed's answer was incomplete, and what was left out of it. */
  readonly warnings: readonly string[];
  readonly counts: Counts;
  /** The last report's; absent for the first. */
  readonly before?: ComplianceTrend;
  readonly notices: Pick<Notices, 'owners' | 'contacts' | 'operators'>;
  /** Hosts that may be several servers, and those that are none, as the feed calls them. */
  readonly ambiguous: readonly Doubt[];
  readonly nobody: readonly string[];
  /** Servers with findings of which nobody is written to, and why. */
  readonly unowned: readonly { readonly id: string; readonly name: string; readonly why: string }[];
  /** Addresses of owners to which mail does not arrive, and why. */
  readonly bounced: readonly { readonly address: string; readonly why: string }[];
  /** Exemptions that end within a week. */
  readonly ending: readonly Ending[];
}

/** Lines shown of a long list. */
const SHOWN = 12;
const LONGEST_WHY = 200;

const STATE_WORDS: readonly (readonly [State, string])[] = [
  ['compliant', 'keep to the policy'],
  ['vulnerable', 'vulnerable'],
  ['outdated', 'with updates to install'],
  ['reboot-pending', 'to be rebooted'],
  ['not-reporting', 'not reporting'],
  ['unknown', 'unknown'],
];

const HOLD_WORDS: Readonly<Record<Exclude<Hold, 'nothing'>, string>> = {
  grace: 'told, with time left',
  exempt: 'exempt',
  'not shown': 'not shown by the latest report',
  pilot: 'outside the pilot',
  sent: 'had a notice today',
  digest: 'wait for the next digest',
  'quiet hours': 'wait for the end of quiet hours',
  bounced: 'mail does not arrive',
  'too many': 'wait because others are worse',
  broken: 'held by a breaker',
};

const PROPOSAL_WORDS = {
  lock: 'lock it',
  shelve: 'shelve it',
  networkOff: 'cut its network',
  reboot: 'reboot it',
} as const;

/** What the next report compares itself with. */
export function trendOf({ at, counts }: Pick<ComplianceDay, 'at' | 'counts'>): ComplianceTrend {
  const { servers, states, open, overdue, exempt } = counts;
  return { at: at.toISOString(), servers, states, open, overdue, exempt };
}

/** The report as people read it; every server, and every owner of a finding, is counted once. */
export function describeCompliance(day: ComplianceDay): { headline: string; lines: string[] } {
  const { counts, before, zone, notices } = day;
  const { servers, states, open, overdue, exempt } = counts;
  const stands = STATE_WORDS.flatMap(([state, words]) =>
    states[state] > 0 ? [`${states[state]} ${words}`] : [],
  );
  const needs = needsOf(day);
  const asked = `Findings: ${open} open, ${overdue} of them overdue, ${exempt} exempt`;
  return {
    headline: `${sayCount(servers, 'server')}${stands.length === 0 ? '' : `: ${stands.join(', ')}`}. ${asked}.`,
    lines: [
      ...(needs.length === 0 ? [] : ['Needs you', ...needs.map((line) => `  ${line}`)]),
      ...(before === undefined
        ? []
        : [`since ${sayDay(new Date(before.at), zone)}  ${sayChange(counts, before)}`]),
      `today  ${counts.opened} opened, ${counts.resolved} resolved${counts.leftAlone > 0 ? `, ${sayCount(counts.leftAlone, 'young server')} left alone` : ''}`,
      `told  ${saySent([...notices.owners, ...notices.contacts])}`,
      ...sayHeld(notices.owners),
      ...(day.nobody.length === 0
        ? []
        : [`no server here  ${sayCount(day.nobody.length, 'host')} of ${day.feed}: ${namesOf(day.nobody)}`]),
      ...day.warnings.slice(0, SHOWN).map((warning) => `${day.feed}  ${plainName(warning, LONGEST_WHY)}`),
    ],
  };
}

export function complianceMail(day: ComplianceDay): { readonly subject: string; readonly text: string } {
  const { headline, lines } = describeCompliance(day);
  const told = sentIn([...day.notices.owners, ...day.notices.contacts]);
  const needs = day.notices.operators.length + day.ambiguous.length + day.unowned.length + day.bounced.length;
  const parts = [
    `${sayCount(told.length, 'notice')} sent`,
    `${day.counts.overdue} overdue`,
    ...(needs === 0 ? [] : [`${needs} ${needs === 1 ? 'needs' : 'need'} you`]),
  ];
  return {
    subject: `[nightshift] ${sayDay(day.at, day.zone)}: ${parts.join(', ')}`,
    text: `${[headline, ...lines].join('\n')}\n`,
  };
}

function needsOf({ notices, ambiguous, unowned, bounced, ending, zone }: ComplianceDay): string[] {
  return [
    ...listed(notices.operators, (one) => sayEscalated(one, zone)),
    ...listed(ambiguous, ({ host, candidates, why }) => {
      const servers = sayList(
        candidates.map((id) => plainName(id)),
        3,
      );
      return `host ${plainName(host)} may be ${servers} (${plainName(why, LONGEST_WHY)}): nobody is told of it`;
    }),
    ...listed(unowned, ({ id, name, why }) => {
      return `server ${serverName({ id: plainName(id), name: plainName(name) })}: ${plainName(why, LONGEST_WHY)}`;
    }),
    ...listed(bounced, ({ address, why }) => {
      // No command that holds an address: its owner chose it, and people paste commands.
      const good = 'when it does again: nightshift address clear';
      return `mail to ${plainName(address)} does not arrive: ${plainName(why, LONGEST_WHY)} (${good})`;
    }),
    ...listed(ending, ({ exemption, endsAt }) => {
      const { reason, approvedBy, until: _, ...about } = exemption;
      const what = Object.entries(about).map(([noun, name = '']) => `${noun} ${plainName(name)}`);
      return `exemption of ${what.join(', ')} ends ${sayInstant(endsAt, zone)} (${plainName(reason, LONGEST_WHY)}; ${plainName(approvedBy)})`;
    }),
  ];
}

/** `server web-1 7c1d… of alice@…: CVE-2026-1 overdue since …; could be done: lock it` */
function sayEscalated({ owned: { server, owner }, findings, propose }: Escalated, zone: string): string {
  const [first] = findings;
  const names = sayList(
    findings.map(({ finding }) => plainName(finding.id)),
    3,
  );
  const due = first === undefined ? '' : `, due ${sayInstant(new Date(first.finding.due), zone)}`;
  const ideas = propose.map((one) => PROPOSAL_WORDS[one]);
  const could = ideas.length === 0 ? '' : `; could be done: ${ideas.join(', ')}`;
  const name = serverName({ id: server.id, name: plainName(server.name) });
  return `server ${name} of ${plainName(owner.email)}: ${names}${due}${could}`;
}

function sayChange(counts: Counts, before: ComplianceTrend): string {
  const changes = [
    ...STATE_WORDS.map(([state, words]) => [counts.states[state] - before.states[state], words] as const),
    [counts.open - before.open, 'findings open'] as const,
    [counts.overdue - before.overdue, 'overdue'] as const,
  ].filter(([change]) => change !== 0);
  if (changes.length === 0) return 'nothing changed';
  return changes.map(([change, words]) => `${change > 0 ? '+' : ''}${change} ${words}`).join(', ');
}

function saySent(decisions: readonly Decision[]): string {
  const sent = sentIn(decisions);
  const kinds = NOTICE_KINDS.flatMap((kind) => {
    const count = sent.filter((each) => each.kind === kind).length;
    return count === 0 ? [] : [`${count} ${kind}`];
  });
  return sent.length === 0 ? 'nobody' : `${sayCount(sent.length, 'notice')}: ${kinds.join(', ')}`;
}

function sayHeld(owners: readonly Decision[]): string[] {
  const held = Map.groupBy(
    owners.flatMap((one) => ('hold' in one && one.hold !== 'nothing' ? [one.hold] : [])),
    (hold) => hold,
  );
  if (held.size === 0) return [];
  const count = [...held.values()].reduce((sum, each) => sum + each.length, 0);
  const said = [...held].map(([hold, each]) => `${each.length} ${HOLD_WORDS[hold]}`);
  return [`not told  ${sayCount(count, 'owner')}: ${said.join(', ')}`];
}

function sentIn(decisions: readonly Decision[]) {
  return decisions.flatMap((one) => ('send' in one ? [one.send] : []));
}

function namesOf(names: readonly string[]): string {
  const plain = names.map((name, i) => (i <= SHOWN ? plainName(name) : ''));
  return sayList(plain, SHOWN);
}

function listed<T>(all: readonly T[], say: (one: T) => string): string[] {
  const more = all.length - SHOWN;
  return [...all.slice(0, SHOWN).map(say), ...(more > 0 ? [`and ${more} more like these`] : [])];
}
