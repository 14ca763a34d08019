/** A site whose owners get notices, poll by poll: what is judged, who was told, and the rows that are left of it. */
import type { JudgedServer } from '../../src/domain/cases.ts';
import type { Owner, Server } from '../../src/domain/fleet.ts';
import type { NoticeRow } from '../../src/domain/notice-log.ts';
import type { Decision, Notices, Round } from '../../src/domain/notice-round.ts';
import { decideNotices } from '../../src/domain/notices.ts';
import type { Poll } from '../../src/domain/patch-feed.ts';
import { Memory, type Site } from './polls.ts';

export const ALICE: Owner = { email: 'alice@alpha.example', name: 'alice', by: 'user' };
export const BOB: Owner = { email: 'bob@beta.example', name: 'bob', by: 'user' };
export const CONTACT: Owner = { email: 'lead@alpha.example', name: 'alpha', by: 'project' };

export class NoticeSite {
  readonly memory: Memory;
  readonly site: Site;
  /** By server id; alice's where nobody is named. */
  readonly owners: Readonly<Record<string, Owner>>;
  log: ReadonlyMap<string, NoticeRow> = new Map();
  #judged: ReadonlyMap<string, JudgedServer> = new Map();

  constructor(site: Site, owners: Readonly<Record<string, Owner>> = {}) {
    this.site = site;
    this.memory = new Memory(site);
    this.owners = owners;
  }

  /** Judges a poll, and decides right when it was taken. */
  see(one: Poll, more: Partial<Round & Site> = {}): Notices {
    this.judge(one, more);
    return this.decide(new Date(one.takenAt), more);
  }

  judge(one: Poll, more: Partial<Site> = {}): void {
    this.#judged = this.memory.see(one, more).servers;
  }

  /** Decides by the latest judgement, and keeps the rows as tables would: as JSON. */
  decide(now: Date, more: Partial<Round & Site> = {}): Notices {
    const notices = this.ask(now, more);
    const rows = new Map(this.log);
    const changed = [...notices.owners, ...notices.contacts].flatMap(({ key, row }) =>
      row === undefined ? [] : [[key, row] as const],
    );
    for (const [key, row] of [...changed, ...notices.spent])
      if (row === null) rows.delete(key);
      else rows.set(key, JSON.parse(JSON.stringify(row)) as NoticeRow);
    this.log = rows;
    return notices;
  }

  /** As `decide`, by one who dies before anything is kept. */
  ask(now: Date, { servers = this.site.servers, ...more }: Partial<Round & Site> = {}): Notices {
    const owned = servers.flatMap((server: Server) => {
      const judged = this.#judged.get(server.id);
      return judged ? [{ server, judged, owner: this.owners[server.id] ?? ALICE }] : [];
    });
    return decideNotices({
      owned,
      log: this.log,
      policy: this.site.policy,
      zone: 'UTC',
      now,
      contacts: {},
      unreachable: new Map(),
      maxOwnersPerDay: 100,
      ...more,
    });
  }
}

/** `first alice@alpha.example: web CVE-1`, or `grace alice@alpha.example`. */
export function said(decisions: readonly Decision[]): string[] {
  return decisions.map((decision) => {
    if ('hold' in decision) return `${decision.hold} ${decision.to.email}`;
    const about = decision.send.servers.map(({ server, open, resolved }) =>
      [
        server.id,
        ...open.map(({ finding, news }) => `${finding.id}${news ? `=${news}` : ''}`),
        ...resolved.map(({ id }) => `(${id})`),
      ].join(' '),
    );
    return `${decision.send.kind} ${decision.to.email}: ${about.join(', ')}`;
  });
}
