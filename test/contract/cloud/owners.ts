/** Whom the cloud names to be told of a server. */
import { beforeEach, expect, it } from 'vitest';
import type { Owned } from '../../../src/domain/fleet.ts';
import type { Bench } from './bench.ts';

const NOBODY: Owned = { id: 'a', projectId: 'f'.repeat(32), userId: 'e'.repeat(32), metadata: {} };

export function ownersContract(open: () => Bench): void {
  let bench: Bench;
  beforeEach(() => {
    bench = open();
  });

  it('has no owner of a server whose user and project are gone', async () => {
    expect(await bench.cloud.owners([NOBODY])).toEqual({});
    expect(await bench.cloud.projectContacts([NOBODY.projectId])).toEqual({});
  });

  it('knows nobody of a project that names nobody', async () => {
    const { projectId } = await userNamed(bench, bench.side.tenant.name);

    expect(await bench.cloud.projectContacts([projectId])).toEqual({});
    expect(await bench.cloud.owners([{ ...NOBODY, projectId }])).toEqual({});
  });

  it('tells what a project is called, where there is one', async () => {
    const { project, name } = bench.side.tenant;
    const { projectId } = await userNamed(bench, name);

    expect(await bench.cloud.projectNames([projectId, NOBODY.projectId])).toEqual({ [projectId]: project });
  });

  it('lets the server itself speak first', async () => {
    const named = { ...NOBODY, metadata: { 'nightshift:owner': 'ops@alpha.example' } };

    expect(await bench.cloud.owners([named, { ...NOBODY, id: 'b' }])).toEqual({
      a: { email: 'ops@alpha.example', by: 'metadata' },
    });
  });

  it('tells the address of the user who made it, as Keystone has it', async () => {
    const { name } = bench.side.tenant;
    const { id, email } = await userNamed(bench, name);

    const owners = await bench.cloud.owners([{ ...NOBODY, userId: id }]);

    expect(owners).toEqual(email === undefined ? {} : { a: { email, name, by: 'user' } });
  });
}

interface Known {
  readonly id: string;
  readonly email?: string;
  readonly projectId: string;
}

async function userNamed(bench: Bench, name: string): Promise<Known> {
  const base = bench.side.settings.authUrl;
  const headers = { 'x-auth-token': await bench.signIn(bench.side.admin) };
  const ask = async (path: string) => (await fetch(`${base}${path}`, { headers })).json();
  const { users } = (await ask(`/users?name=${name}`)) as { users: Omit<Known, 'projectId'>[] };
  const { projects } = (await ask('/projects')) as { projects: { id: string; name: string }[] };
  const project = projects.find((one) => one.name === bench.side.tenant.project);
  return { ...users[0]!, projectId: project!.id };
}
