/** Whom to tell of a server: what its metadata, Keystone's users and Keystone's projects say. */
import { z } from 'zod';
import type { Owned, Owner } from '../../domain/fleet.ts';
import { type KnownProject, ownerByMetadata, ownerByProject, ownerByUser } from '../../domain/owners.ts';
import { OpenStackError } from './error.ts';
import { inParallel } from './in-parallel.ts';
import type { Session } from './session.ts';

const User = z.object({
  user: z.object({ name: z.string(), email: z.string().nullish(), enabled: z.boolean().optional() }),
});

const Project = z.object({
  project: z.object({
    name: z.string(),
    email: z.unknown().optional(),
    description: z.string().nullish(),
    enabled: z.boolean().optional(),
  }),
});

const PARALLEL = 8;

export async function readOwners(
  session: Session,
  servers: readonly Owned[],
): Promise<Record<string, Owner>> {
  const found: Record<string, Owner> = {};
  for (const server of servers) {
    const owner = ownerByMetadata(server);
    if (owner !== undefined) found[server.id] = owner;
  }
  const unnamed = () => servers.filter(({ id }) => found[id] === undefined);

  const users = await eachOf(
    unnamed(),
    ({ userId }) => userId,
    (id) => readUser(session, id),
  );
  for (const { id, userId } of unnamed()) {
    const owner = users.get(userId);
    if (owner !== undefined) found[id] = owner;
  }
  const contacts = await readProjectContacts(
    session,
    unnamed().map(({ projectId }) => projectId),
  );
  for (const { id, projectId } of unnamed()) {
    const owner = contacts[projectId];
    if (owner !== undefined) found[id] = owner;
  }
  return found;
}

/** By id; those that Keystone shows, disabled ones too. */
export async function readProjectNames(
  session: Session,
  projectIds: readonly string[],
): Promise<Record<string, string>> {
  const names = await eachOf(
    projectIds,
    (id) => id,
    async (id) => (await readProject(session, id))?.name,
  );
  return Object.fromEntries([...names].filter((row): row is [string, string] => row[1] !== undefined));
}

export async function readProjectContacts(
  session: Session,
  projectIds: readonly string[],
): Promise<Record<string, Owner>> {
  const contacts = await eachOf(
    projectIds,
    (id) => id,
    async (id) => {
      const project = await readProject(session, id);
      return project && ownerByProject(project);
    },
  );
  return Object.fromEntries([...contacts].filter((row): row is [string, Owner] => row[1] !== undefined));
}

/** Asks once for each key that is not empty. */
async function eachOf<T, Found>(
  items: readonly T[],
  keyOf: (item: T) => string,
  read: (key: string) => Promise<Found>,
): Promise<Map<string, Found | undefined>> {
  const keys = [...new Set(items.map(keyOf))].filter((key) => key !== '');
  const found = await inParallel(keys, PARALLEL, read);
  return new Map(keys.map((key, index) => [key, found[index]]));
}

async function readUser(session: Session, id: string): Promise<Owner | undefined> {
  const path = `/users/${encodeURIComponent(id)}`;
  const answer = await orUnknown(session({ service: 'identity', method: 'GET', path }, User));
  return answer && ownerByUser(answer.user);
}

async function readProject(session: Session, id: string): Promise<KnownProject | undefined> {
  const path = `/projects/${encodeURIComponent(id)}`;
  const answer = await orUnknown(session({ service: 'identity', method: 'GET', path }, Project));
  return answer?.project;
}

/** Deleted, or not ours to see. */
async function orUnknown<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof OpenStackError && (error.status === 403 || error.status === 404)) return undefined;
    throw error;
  }
}
