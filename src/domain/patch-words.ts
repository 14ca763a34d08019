/** What do people hear who ask about an owner, or about a server's patches? Findings, their clocks, notices, and what comes next. */
import type { AddressMark } from './address-marks.ts';
import type { JudgedFinding } from './cases.ts';
import type { Policy } from './compliance.ts';
import { plainName, serverName } from './names.ts';
import { noticeClock } from './notice-clock.ts';
import { type NoticeRow, toldOf } from './notice-log.ts';
import { type Moment, sayOf } from './notice-news.ts';
import type { OwnerStanding } from './owner-standing.ts';
import { sayCount, sayInstant } from './say.ts';

export interface KnownServer {
  readonly id: string;
  readonly name: string;
  readonly findings: readonly JudgedFinding[];
}

/** What is known of an owner; what is not is absent. */
export interface KnownOwner {
  readonly standing: OwnerStanding;
  readonly notices?: NoticeRow | undefined;
  readonly mark?: AddressMark | undefined;
  /** What comes next if nothing changes. */
  readonly next?: Moment | undefined;
}

/** In a note's shape. */
export interface Told {
  readonly subject: string;
  readonly verdict: string;
  readonly why: string;
  readonly since?: string;
  readonly sheet: {
    readonly columns: readonly string[];
    readonly rows: readonly (readonly (string | { readonly at: string } | null)[])[];
  };
  readonly lines: readonly string[];
}

const COLUMNS = ['finding', 'is', 'first seen', 'due', 'told first', 'told last'];
const MOST_ROWS = 200;
const KIND_ORDER = ['open', 'exempt', 'resolved'];

/** `zone`: on whose clocks times are said. */
export function tellOfOwner(owner: KnownOwner, servers: readonly KnownServer[], zone: string): Told {
  const { standing, notices } = owner;
  const rows = servers.flatMap((server) =>
    rowsOf(server, notices).map((row) => [plainName(server.name), ...row]),
  );
  return {
    subject: `owner ${standing.email}`,
    ...stanceOf(owner, servers, zone),
    sheet: { columns: ['server', ...COLUMNS], rows: rows.slice(0, MOST_ROWS) },
    lines: [...sayMore(rows.length), ...linesOf(owner, zone)],
  };
}

/** `owner`: absent where nobody is written to about the server. */
export function tellOfServer(server: KnownServer, owner: KnownOwner | undefined, zone: string): Told {
  const open = server.findings.filter(({ standing }) => standing === 'open');
  const exempt = server.findings.filter(({ standing }) => standing === 'exempt');
  const [first] = open.map(({ due }) => due).toSorted();
  const said = [
    first === undefined
      ? ''
      : `${sayCount(open.length, 'finding')} open, the first due ${sayInstant(new Date(first), zone)}`,
    exempt.length === 0 ? '' : `${exempt.length} exempt`,
    open.length + exempt.length > 0 ? '' : 'what was found is over',
  ].filter((part) => part !== '');
  const rows = rowsOf(server, owner?.notices);
  return {
    subject: `server ${server.name === '' ? server.id : serverName(server)}`,
    verdict: open.length > 0 ? 'not patched' : exempt.length > 0 ? 'exempt' : 'patched',
    why: said.join(', '),
    sheet: { columns: COLUMNS, rows: rows.slice(0, MOST_ROWS) },
    lines: [
      ...sayMore(rows.length),
      ...exempt.map(
        ({ id, exempt: by }) => `${plainName(id)} is exempt: ${by?.reason ?? ''} (${by?.approvedBy ?? ''})`,
      ),
      ...(owner === undefined
        ? ['Nobody is written to about it: who owns it is not known.']
        : [sayOwner(owner, server, zone), ...linesOf(owner, zone)]),
    ],
  };
}

/** When the owner is next written to about these servers if nothing changes, as far as it is told of them by now. */
export function nextNotice(
  servers: readonly KnownServer[],
  notices: NoticeRow | undefined,
  { policy, zone, now }: { readonly policy: Policy; readonly zone: string; readonly now: Date },
): Moment | undefined {
  const about = { steps: policy.escalation, clock: noticeClock(policy, zone, now) };
  const moments = servers.flatMap(({ id, findings }) =>
    findings.flatMap((finding) => {
      const told = notices === undefined ? undefined : toldOf(notices, id, finding.id);
      // As if the next report showed it still.
      const say = sayOf({ ...finding, shown: finding.shown ?? { id: finding.id, tags: [] } }, told, about);
      return 'next' in say && say.next !== undefined ? [say.next] : [];
    }),
  );
  return moments.toSorted((a, b) => a.at - b.at)[0];
}

function stanceOf(
  { standing: { held, at }, notices }: KnownOwner,
  servers: readonly KnownServer[],
  zone: string,
): Pick<Told, 'verdict' | 'why' | 'since'> {
  if (held !== undefined) return { ...held, since: at };
  const of = (is: JudgedFinding['standing']) =>
    servers.flatMap(({ id, findings }) =>
      findings.filter(({ standing }) => standing === is).map((finding) => ({ id, finding })),
    );
  const open = of('open');
  const [first] = open.map(({ finding }) => finding.due).toSorted();
  if (first === undefined)
    return of('exempt').length > 0
      ? { verdict: 'exempt', why: `${sayCount(of('exempt').length, 'finding')} exempt` }
      : { verdict: 'nothing asked', why: 'what was found is over' };
  const told = open.flatMap(({ id, finding }) => (notices && toldOf(notices, id, finding.id)) ?? []);
  const why = `${sayCount(open.length, 'finding')} open, the first due ${sayInstant(new Date(first), zone)}`;
  const [since] = told.map((each) => each.first).toSorted();
  return since === undefined ? { verdict: 'not told', why } : { verdict: 'told', why, since };
}

function sayOwner(owner: KnownOwner, server: KnownServer, zone: string): string {
  const { verdict, why } = stanceOf(owner, [server], zone);
  return `Its owner ${owner.standing.email}: ${owner.standing.held === undefined ? verdict : `${verdict}, ${why}`}.`;
}

function rowsOf({ id, findings }: KnownServer, notices: NoticeRow | undefined) {
  return findings
    .toSorted(
      (a, b) => KIND_ORDER.indexOf(a.standing) - KIND_ORDER.indexOf(b.standing) || a.due.localeCompare(b.due),
    )
    .map((finding) => {
      const told = notices === undefined ? undefined : toldOf(notices, id, finding.id);
      return [
        plainName(finding.id),
        finding.standing,
        { at: finding.since },
        finding.standing === 'resolved' ? null : { at: finding.due },
        told === undefined ? null : { at: told.first },
        told === undefined ? null : { at: told.at },
      ];
    });
}

function linesOf({ standing: { by }, next, notices, mark }: KnownOwner, zone: string): string[] {
  const sent = Object.entries(notices?.sent ?? {}).map(([kind, day]) => `${kind} ${dayIn(day)}`);
  const source = {
    metadata: 'the server names it',
    user: 'it made the server',
    project: 'it is its project’s contact',
  };
  return [
    `Known because ${source[by]}.`,
    `Notices sent last: ${sent.length === 0 ? 'none' : sent.join(', ')}.`,
    ...(mark === undefined || mark.state === 'clear' ? [] : [`Its address ${mark.state}: ${mark.why}.`]),
    ...(next === undefined
      ? []
      : [
          `Next if nothing changes: ${next.what === 'escalated' ? 'an escalation' : 'a reminder'} on ${sayInstant(new Date(next.at), zone)}.`,
        ]),
  ];
}

/** `2026-11-27` of `20261127`. */
function dayIn(period: string): string {
  return `${period.slice(0, 4)}-${period.slice(4, 6)}-${period.slice(6)}`;
}

function sayMore(rows: number): string[] {
  return rows > MOST_ROWS ? [`and ${rows - MOST_ROWS} more`] : [];
}
