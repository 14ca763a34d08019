/** Whom does a cloud's record of a server, a user or a project name to be told? */
import type { Owned, Owner } from './fleet.ts';

/** The key of a server's metadata under which its people name somebody else to be told. */
const OWNER_KEY = 'nightshift:owner';

/** One plain address: no name beside it, no second one, nothing that could end a header. */
const ADDRESS = /^[^\s\p{Cc}@<>()[\]\\,;:"]{1,64}@[^\s\p{Cc}@<>()[\]\\,;:"]{1,189}$/u;

export function isAddress(text: string | null | undefined): text is string {
  return typeof text === 'string' && ADDRESS.test(text);
}

/** A user as Keystone shows one. */
export interface KnownUser {
  readonly name: string;
  readonly email?: string | null | undefined;
  readonly enabled?: boolean | undefined;
}

/** A project as Keystone shows one; `email` is a site's own field, and many write the address into the description. */
export interface KnownProject {
  readonly name: string;
  readonly email?: unknown;
  readonly description?: string | null | undefined;
  readonly enabled?: boolean | undefined;
}

/** The server itself speaks before the user who made it. */
export function ownerByMetadata({ metadata }: Owned): Owner | undefined {
  const named = metadata[OWNER_KEY]?.trim();
  return isAddress(named) ? { email: named, by: 'metadata' } : undefined;
}

export function ownerByUser({ name, email, enabled = true }: KnownUser): Owner | undefined {
  return enabled && isAddress(email) ? { email, name, by: 'user' } : undefined;
}

/** The first address that the project names. */
export function ownerByProject(project: KnownProject): Owner | undefined {
  const { name, email, description, enabled = true } = project;
  if (!enabled) return undefined;
  const said = [typeof email === 'string' ? email : '', ...(description ?? '').split(/[\s,;<>()"]+/)];
  const found = said.map((word) => word.replace(/^mailto:/i, '').replace(/[.:]+$/, '')).find(isAddress);
  return found === undefined ? undefined : { email: found, name, by: 'project' };
}
