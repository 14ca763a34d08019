/** What is said to people of a finding and of how a server stands? */
import type { JudgedFinding, JudgedServer } from './cases.ts';
import type { State } from './compliance.ts';
import { sayCount, sayDay, sayInstant } from './say.ts';

const STATE_WORDS: Readonly<Record<State, string>> = {
  'not-reporting': 'does not report',
  vulnerable: 'is vulnerable',
  outdated: 'has security updates to install',
  'reboot-pending': 'has to be rebooted',
  unknown: 'is not known',
  compliant: 'keeps to the policy',
};

/** `CVE-2024-6387: first seen Fri 20 Nov 2026, due by Fri 4 Dec 2026 17:00 GMT`, and what changed that. */
export function sayFinding(finding: JudgedFinding, zone: string): string {
  const {
    id,
    standing,
    since,
    due,
    worseAt,
    reopenedAt,
    resolvedAt,
    shown,
    exempt,
    exemptUntil = '',
  } = finding;
  const day = (instant: string) => sayDay(new Date(instant), zone);
  const said = [
    `first seen ${day(since)}`,
    resolvedAt === undefined ? '' : `resolved ${day(resolvedAt)}`,
    standing === 'open' ? `due by ${sayInstant(new Date(due), zone)}` : '',
    exempt
      ? `exempt until ${sayInstant(new Date(exemptUntil), zone)} (${exempt.reason}; ${exempt.approvedBy})`
      : '',
    worseAt === undefined ? '' : `due sooner since ${day(worseAt)}`,
    reopenedAt === undefined ? '' : `came back ${day(reopenedAt)} with its old date`,
    shown === undefined && standing !== 'resolved' ? 'not shown by the latest report' : '',
  ];
  return `${id}: ${said.filter((part) => part !== '').join(', ')}`;
}

/** `is vulnerable: 3 findings, the first due by Fri 4 Dec 2026 17:00 GMT`, or why it is not judged. */
export function sayStanding({ state, leftAlone, unknown, findings }: JudgedServer, zone: string): string {
  const why = leftAlone === undefined ? unknown : `${leftAlone}, so it is left alone`;
  if (why !== undefined) return `${STATE_WORDS[state]}: ${why}`;
  const open = findings.filter(({ standing }) => standing === 'open');
  const exempt = findings.filter(({ standing }) => standing === 'exempt').length;
  const first = open.map(({ due }) => due).toSorted()[0];
  const said = [
    first === undefined
      ? ''
      : `${sayCount(open.length, 'finding')}, the first due by ${sayInstant(new Date(first), zone)}`,
    exempt === 0 ? '' : `${exempt} exempt`,
  ].filter((part) => part !== '');
  return said.length === 0 ? STATE_WORDS[state] : `${STATE_WORDS[state]}: ${said.join(', ')}`;
}
