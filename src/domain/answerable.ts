/** Who is written to about a server, and where nobody is, why do operators hear of it instead? */
import type { Policy } from './compliance.ts';
import type { Owner, Server } from './fleet.ts';
import { mailKey } from './owner-notices.ts';
import { isAddress } from './owners.ts';

export type Answerable =
  | { readonly owner: Owner }
  /** Completes "operators are told, because …". */
  | { readonly nobody: string };

export interface Known {
  /** By server id: `Cloud.owners`. */
  readonly owners: Readonly<Record<string, Owner>>;
  /** By project id: `Cloud.projectContacts`. */
  readonly contacts: Readonly<Record<string, Owner>>;
  /** Why mail to an address does not arrive, by `mailKey`. */
  readonly unreachable: ReadonlyMap<string, string>;
}

/**
 * What a service made (a load balancer, a database, a cluster) belongs to the contact of its project, unless
 * that is the service's own: who asked for it is not known then.
 */
export function answerableFor(
  server: Pick<Server, 'id' | 'projectId'>,
  { owners, contacts, unreachable }: Known,
  services: Policy['services'],
): Answerable {
  const found = owners[server.id];
  if (found === undefined) return { nobody: 'neither who made it nor its project has an address' };
  const owner = isService(found, services) ? contacts[server.projectId] : found;
  if (owner === undefined || isService(owner, services))
    return { nobody: `${found.name} made it, and for whom is not known` };
  if (!isAddress(owner.email)) return { nobody: 'what is known of its owner is no mail address' };
  const why = unreachable.get(mailKey(owner.email));
  return why === undefined ? { owner } : { nobody: `mail to ${owner.email} does not arrive: ${why}` };
}

/** Whom the server itself names is none, whatever the name. */
function isService({ by, name = '' }: Owner, { users, projects }: Policy['services']): boolean {
  return (by === 'user' && users.includes(name)) || (by === 'project' && projects.includes(name));
}
