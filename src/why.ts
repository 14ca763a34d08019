/** Why is something as it is? What runs said of it last; of owners and of servers' patches what is remembered. */
import type { Config } from './config.ts';
import { ADDRESSES, type AddressMark, addressKey } from './domain/address-marks.ts';
import type { CaseState } from './domain/cases.ts';
import { type Policy, PolicySchema } from './domain/compliance.ts';
import type { ExemptionRow } from './domain/exempting.ts';
import { judgedRow } from './domain/judged.ts';
import type { NoticeRow } from './domain/notice-log.ts';
import { mailKey } from './domain/owner-notices.ts';
import type { OwnedServer, OwnerStanding } from './domain/owner-standing.ts';
import { EXEMPTIONS, PATCH_CASES, PATCH_NOTICES, PATCH_OWNERS } from './domain/patch-memory.ts';
import {
  type KnownOwner,
  type KnownServer,
  nextNotice,
  tellOfOwner,
  tellOfServer,
} from './domain/patch-words.ts';
import type { Engine } from './engine/engine.ts';
import type { SubjectNote } from './engine/runs.ts';

type Asked = Pick<Engine, 'acts' | 'runs'>;

/**
 * `owner alice@…` or an address alone; `server` and its id, or the name of a server with findings. Undefined for
 * anything else, and where nothing is remembered.
 */
export async function whyPatched(
  { acts, runs }: Asked,
  words: string,
  when: { readonly config: Pick<Config, 'jobs' | 'timezone'>; readonly now: Date },
): Promise<SubjectNote | undefined> {
  const [, noun, name = words.trim()] = /^(owner|server)\s+(.+)$/.exec(words.trim()) ?? [];
  const zone = when.config.timezone;
  const standings = await acts.rows<OwnerStanding>(PATCH_OWNERS);
  const owner = noun === 'server' ? undefined : standings.get(mailKey(name));
  if (owner !== undefined) {
    const { knownServer, knownOwner } = await memoryOf(acts, when);
    return noteOf(owner, tellOfOwner(await knownOwner(owner), owner.servers.map(knownServer), zone));
  }
  if (noun === 'owner') return undefined;

  const found = ownedCalled(name, standings);
  if (found === undefined && noun === undefined) return undefined;
  const { knownServer, knownOwner } = await memoryOf(acts, when);
  const server = knownServer(found?.server ?? { id: name, name: '', projectId: '' });
  if (server.findings.length === 0) return undefined;
  const [latest] = await runs.list({ job: 'patch-compliance', limit: 1 });
  const by = found?.standing ?? { run: latest?.id ?? '', at: latest?.createdAt ?? when.now.toISOString() };
  const note = noteOf(by, tellOfServer(server, found && (await knownOwner(found.standing)), zone));
  return withWord(note, await runs.why(`server ${server.name}`));
}

/** By its id, or by a name that no other has. */
function ownedCalled(name: string, standings: ReadonlyMap<string, OwnerStanding>) {
  const owned = [...standings.values()].flatMap((standing) =>
    standing.servers.map((server) => ({ standing, server })),
  );
  const byId = owned.find(({ server }) => server.id === name);
  const called = owned.filter(({ server }) => server.name === name);
  return byId ?? (called.length === 1 ? called[0] : undefined);
}

/** What runs said of the server for other reasons. */
function withWord(known: SubjectNote, word: SubjectNote | undefined): SubjectNote {
  if (word === undefined) return known;
  const said = `Besides: ${word.note.verdict}, ${word.note.why} (${word.run}).`;
  return { ...known, note: { ...known.note, lines: [...(known.note.lines ?? []), said] } };
}

function noteOf({ run, at }: Pick<OwnerStanding, 'run' | 'at'>, note: SubjectNote['note']): SubjectNote {
  return { run, at, note, queue: [] };
}

async function memoryOf(
  acts: Engine['acts'],
  { config, now }: { readonly config: Pick<Config, 'jobs' | 'timezone'>; readonly now: Date },
) {
  const cases = await acts.rows<CaseState>(PATCH_CASES);
  const exemptions = [...(await acts.rows<ExemptionRow>(EXEMPTIONS)).values()].map((row) => row.exemption);
  const about = { policy: policyOf(config), exemptions, zone: config.timezone, now };
  const knownServer = (server: OwnedServer): KnownServer => {
    const row = cases.get(server.id);
    return { ...server, findings: row === undefined ? [] : judgedRow(row, server, about) };
  };
  return {
    knownServer,
    knownOwner: async (standing: OwnerStanding): Promise<KnownOwner> => {
      const notices = (await acts.rows<NoticeRow>(PATCH_NOTICES)).get(mailKey(standing.email));
      const mark = (await acts.rows<AddressMark>(ADDRESSES)).get(addressKey(standing.email));
      return { standing, notices, mark, next: nextNotice(standing.servers.map(knownServer), notices, about) };
    },
  };
}

/** The site's terms, else the usual ones. */
function policyOf({ jobs }: Pick<Config, 'jobs'>): Policy {
  return PolicySchema.parse(jobs['patch-compliance']?.options.policy ?? {});
}
