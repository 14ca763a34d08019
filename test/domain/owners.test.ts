/** Whom a server, a user and a project name. */
import { expect, it } from 'vitest';
import { isAddress, ownerByMetadata, ownerByProject, ownerByUser } from '../../src/domain/owners.ts';
import { server } from '../support/builders.ts';

it.each([
  'alice@alpha.example, bob@beta.example',
  'alice@alpha.example\nBcc: all@alpha.example',
  'Alice <alice@alpha.example>',
  'alice@alpha.example;bob',
  'alice',
  '',
  `alice@${'x'.repeat(200)}.example`,
])('takes %j for no address', (text) => {
  expect(isAddress(text)).toBe(false);
  expect(ownerByMetadata(server('a', 'hv1', { metadata: { 'nightshift:owner': text } }))).toBeUndefined();
});

it('takes no address of a user who is disabled', () => {
  const alice = { name: 'alice', email: 'alice@alpha.example' };
  expect(ownerByUser(alice)).toEqual({ email: 'alice@alpha.example', name: 'alice', by: 'user' });
  expect(ownerByUser({ ...alice, enabled: false })).toBeUndefined();
  expect(ownerByUser({ name: 'alice', email: null })).toBeUndefined();
});

it.each([
  [{ email: 'pi@alpha.example', description: 'ask ops@alpha.example' }, 'pi@alpha.example'],
  [{ description: 'Contact: Ann <ann@alpha.example>, or Bob.' }, 'ann@alpha.example'],
  [{ description: 'see mailto:ann@alpha.example.' }, 'ann@alpha.example'],
  [{ email: 7, description: 'nobody' }, undefined],
  [{ email: 'pi@alpha.example', enabled: false }, undefined],
])('finds the contact of the project %j', (project, email) => {
  expect(ownerByProject({ name: 'alpha', ...project })?.email).toBe(email);
});
