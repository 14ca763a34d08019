/** Who answers for the servers that something stands against, and for which of them is it nobody? */
import type { Context } from '../context.ts';
import { answerableFor } from '../domain/answerable.ts';
import type { JudgedServer } from '../domain/cases.ts';
import type { ComplianceDay } from '../domain/compliance-report.ts';
import { PermanentError } from '../domain/failure.ts';
import type { Owner, Server } from '../domain/fleet.ts';
import type { Owned } from '../domain/notice-round.ts';
import { mailKey } from '../domain/owner-notices.ts';
import type { Sight } from './judge-servers.ts';
import type { PatchSettings } from './patch-settings.ts';

export interface Answering {
  /** Those that this run may write about. */
  readonly owned: readonly Owned[];
  /** They are not all of those with findings. */
  readonly partial: boolean;
  /** Of all, whether this run may write about them or not. */
  readonly unowned: ComplianceDay['unowned'];
  /** By project id. */
  readonly contacts: Readonly<Record<string, Owner>>;
  readonly projects: Readonly<Record<string, string>>;
  /** Ids of the projects whose owners are written to; undefined: of all. */
  readonly pilot: ReadonlySet<string> | undefined;
}

/** Whom mail does not reach is found all the same: who is written to is decided later. */
export async function findAnswerable(
  ctx: Context<PatchSettings>,
  { judgement, servers }: Sight,
): Promise<Answering> {
  const { policy, project, only } = ctx.options;
  const found = [...judgement.servers.values()].flatMap((judged): [Server, JudgedServer][] => {
    const server = judged.findings.length > 0 ? servers.get(judged.id) : undefined;
    return server === undefined ? [] : [[server, judged]];
  });
  const projectIds = [...new Set(found.map(([{ projectId }]) => projectId))];
  const owners = await ctx.cloud.owners(found.map(([server]) => server));
  const contacts = await ctx.cloud.projectContacts(projectIds);
  const projects = await ctx.cloud.projectNames(projectIds);
  const isCalled = (id: string, name: string) => id === name || projects[id] === name;

  const owned: Owned[] = [];
  const unowned: ComplianceDay['unowned'][number][] = [];
  let partial = false;
  for (const [server, judged] of found) {
    const answer = answerableFor(server, { owners, contacts, unreachable: new Map() }, policy.services);
    if ('nobody' in answer) unowned.push({ id: server.id, name: server.name, why: answer.nobody });
    else if (
      (project !== undefined && !isCalled(server.projectId, project)) ||
      (only !== undefined && server.id !== only && mailKey(answer.owner.email) !== mailKey(only))
    )
      partial = true;
    else owned.push({ server, judged, owner: answer.owner });
  }
  const pilot = pilotOf(ctx, projectIds, isCalled);
  return { owned, partial, unowned, contacts, projects, pilot };
}

function pilotOf(
  { armed }: Context<PatchSettings>,
  ids: readonly string[],
  isCalled: (id: string, name: string) => boolean,
): ReadonlySet<string> | undefined {
  if (typeof armed === 'boolean') return undefined;
  if ('aggregates' in armed)
    throw new PermanentError(
      'owners are written to by project, not by aggregate: arm the job with `armed: { projects: [...] }`, or with true',
    );
  return new Set(ids.filter((id) => armed.projects.some((name) => isCalled(id, name))));
}
