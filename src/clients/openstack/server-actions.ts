/** What Nova is asked to do to a server: move it cold, stop it, start it. */
import { z } from 'zod';
import { OpenStackError } from './error.ts';
import { readServer } from './servers.ts';
import type { Session } from './session.ts';

/** `serviceHost` null: the scheduler chooses. */
export async function requestColdMigration(
  session: Session,
  id: string,
  serviceHost: string | null,
): Promise<void> {
  // A host can be named from 2.56 on; without one the old form serves everywhere.
  await act(session, id, { migrate: serviceHost === null ? null : { host: serviceHost } });
}

/** Left so when nothing of the server awaits its confirmation. */
export async function confirmResize(session: Session, id: string): Promise<void> {
  await unless(session, { id, body: { confirmResize: null } }, (status) => status !== 'VERIFY_RESIZE');
}

/** Left so when it is stopped, or gone. */
export async function stopServer(session: Session, id: string): Promise<void> {
  await unless(session, { id, body: { 'os-stop': null } }, (status) => status === 'SHUTOFF');
}

/** Left so when it runs, or is gone. */
export async function startServer(session: Session, id: string): Promise<void> {
  await unless(session, { id, body: { 'os-start': null } }, (status) => status === 'ACTIVE');
}

const CONFLICTS = [400, 404, 409];

/** A refusal because the server is as it is wanted already is none. */
async function unless(
  session: Session,
  { id, body }: { id: string; body: object },
  holds: (status: string) => boolean,
): Promise<void> {
  try {
    await act(session, id, body);
  } catch (error) {
    if (!(error instanceof OpenStackError) || !CONFLICTS.includes(error.status ?? 0)) throw error;
    const server = await readServer(session, id);
    if (server !== undefined && !holds(server.status)) throw error;
  }
}

async function act(session: Session, id: string, body: object): Promise<void> {
  await session({ service: 'compute', method: 'POST', path: `/servers/${id}/action`, body }, z.unknown());
}
