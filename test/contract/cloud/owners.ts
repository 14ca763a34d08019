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

async function userNamed(bench: Bench, name: string): Promise<{ id: string; email?: string }> {
  const base = bench.side.settings.authUrl;
  const answer = await fetch(`${base}/users?name=${name}`, {
    headers: { 'x-auth-token': await bench.signIn(bench.side.admin) },
  });
  const { users } = (await answer.json()) as { users: { id: string; email?: string }[] };
  return users[0]!;
}
