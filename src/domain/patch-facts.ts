/** What does a notice say in its reader's mail? Names that strangers chose are one line, and lists have an end. */
import type { EscalationStep, FindingKind } from './compliance.ts';
import { plainName } from './names.ts';
import { noticeClock } from './notice-clock.ts';
import type { Notice, NoticeFinding, NoticeServer, Round } from './notice-round.ts';
import { mailKey } from './owner-notices.ts';
import type { PatchNoticeFacts } from './patch-letter.ts';
import { severityOf } from './policy-rules.ts';
import { remediesFor } from './remedy.ts';

/** Servers that are spoken of in full, and findings of each: who has more has one answer for all of them. */
const FULL_SERVERS = 20;
const FULL_FINDINGS = 4;
const NAMED_SERVERS = 200;
const LONGEST_REASON = 200;

type ServerFacts = PatchNoticeFacts['servers'][number];

export interface Told {
  /** When the feed was asked, ISO 8601 in UTC. */
  readonly askedAt: string;
  /** Names of projects by id, as far as they are known. */
  readonly projects?: Readonly<Record<string, string>>;
}

/** Of notices that were decided in this round. */
export function factsOfNotices(
  round: Round,
  { askedAt, projects = {} }: Told,
): (notice: Notice) => PatchNoticeFacts {
  const clock = noticeClock(round.policy, round.zone, round.now);
  const projectOf = (id: string) => plainName((Object.hasOwn(projects, id) ? projects[id] : undefined) ?? '');

  return ({ kind, to, servers }) => {
    const asked = servers.filter(({ open }) => open.length > 0);
    const all = asked.flatMap(({ open }) => open);
    const askedBy = all.map((one) => one.askedBy).toSorted()[0] ?? '';
    const names = new Set(
      asked.map(({ server }) => projectOf(server.projectId)).filter((name) => name !== ''),
    );
    const contacts = momentsOf('projectContacts', asked.filter(hasContact));
    const operators = momentsOf('operators', asked);
    return {
      kind,
      reader: { name: plainName(to.name ?? ''), by: to.by },
      projects: [...names].toSorted(),
      asks: askOf(all.map(({ finding }) => finding.kind)),
      count: asked.length,
      servers: asked.slice(0, FULL_SERVERS).map(serverFacts),
      others: asked
        .slice(FULL_SERVERS, FULL_SERVERS + NAMED_SERVERS)
        .map(({ server }) => plainName(server.name)),
      unnamed: Math.max(0, asked.length - FULL_SERVERS - NAMED_SERVERS),
      resolved: servers
        .filter(({ resolved }) => resolved.length > 0)
        .slice(0, NAMED_SERVERS)
        .map(overOf),
      exempt: servers.flatMap(exemptOf).slice(0, FULL_SERVERS),
      askedBy,
      late: askedBy !== '' && askedBy <= clock.at,
      contactsAt: contacts.next,
      operatorsAt: operators.next,
      contactsKnow: contacts.know,
      operatorsKnow: operators.know,
    };
  };

  function serverFacts({ server, judged: { report }, owner, open }: NoticeServer): ServerFacts {
    const remedies = remediesFor(
      open.map(({ finding }) => finding.kind),
      report?.os,
    );
    return {
      id: plainName(server.id),
      name: plainName(server.name),
      project: projectOf(server.projectId),
      address: plainName(server.addresses?.[0] ?? ''),
      os: plainName(report?.os ?? ''),
      owner: owner.email,
      reportedAt: instantOr(report?.lastReport),
      askedAt: instantOr(askedAt) || clock.at,
      findings: open.slice(0, FULL_FINDINGS).map(findingFacts),
      more: Math.max(0, open.length - FULL_FINDINGS),
      remedies: remedies.map(({ command = '', ...remedy }) => ({ ...remedy, command })),
    };
  }

  function hasContact({ server, owner }: NoticeServer): boolean {
    const contact = round.contacts[server.projectId];
    return contact !== undefined && mailKey(contact.email) !== mailKey(owner.email);
  }

  /** From when on such readers hear of it, and whether they do already. */
  function momentsOf(reader: EscalationStep['to'][number], asked: readonly NoticeServer[]) {
    const steps = round.policy.escalation.filter(({ to }) => to.includes(reader));
    const moments = asked
      .flatMap(({ open }) => open)
      .flatMap(({ finding, toldAt }) => steps.map(({ at }) => clock.stepAt(at, finding.due, toldAt)));
    const first = moments.reduce((least, at) => Math.min(least, at), Number.POSITIVE_INFINITY);
    const know = first <= round.now.getTime();
    return { next: know || first === Number.POSITIVE_INFINITY ? '' : new Date(first).toISOString(), know };
  }
}

function askOf(kinds: readonly FindingKind[]): PatchNoticeFacts['asks'] {
  if (kinds.length === 0 || kinds.includes('silence')) return 'attention';
  return kinds.every((kind) => kind === 'reboot') ? 'reboot' : 'update';
}

function findingFacts({ finding, askedBy, overdue, news }: NoticeFinding): ServerFacts['findings'][number] {
  const { id, kind, since, shown } = finding;
  return {
    id: plainName(id),
    kind,
    package: plainName(shown?.package ?? ''),
    installed: plainName(shown?.installed ?? ''),
    fixed: plainName(shown?.fixed ?? ''),
    severity: shown === undefined ? 'unknown' : severityOf(shown),
    url: linkOr(shown?.url),
    since,
    due: finding.due,
    overdue,
    askedBy,
    news: news ?? '',
  };
}

function overOf({ server, resolved }: NoticeServer): PatchNoticeFacts['resolved'][number] {
  return {
    id: plainName(server.id),
    name: plainName(server.name),
    findings: resolved.slice(0, FULL_FINDINGS).map(({ id }) => plainName(id)),
    more: Math.max(0, resolved.length - FULL_FINDINGS),
  };
}

function exemptOf({ server, judged: { findings } }: NoticeServer): PatchNoticeFacts['exempt'] {
  return findings.flatMap(({ id, standing, exempt, exemptUntil }) => {
    if (standing !== 'exempt' || exempt === undefined || exemptUntil === undefined) return [];
    const reason = plainName(exempt.reason, LONGEST_REASON);
    return [{ name: plainName(server.name), finding: plainName(id), until: exemptUntil, reason }];
  });
}

/** Feeds tell times in forms of their own. */
function instantOr(text: string | undefined): string {
  const at = Date.parse(text ?? '');
  return Number.isNaN(at) ? '' : new Date(at).toISOString();
}

/** What a reader may click on: no script, no login in front of the host, nothing long. */
function linkOr(url: string | undefined): string {
  return url !== undefined &&
    /^https:\/\/[\w.-]+(?::\d+)?(?:\/[\w./?=&%#+~:,;-]*)?$/.test(url) &&
    url.length <= 300
    ? url
    : '';
}
