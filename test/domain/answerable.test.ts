import { describe, expect, it } from 'vitest';
import { answerableFor, type Known } from '../../src/domain/answerable.ts';
import { PolicySchema } from '../../src/domain/compliance.ts';
import type { Owner } from '../../src/domain/fleet.ts';

const { services } = PolicySchema.parse({});
const web = { id: 'web', projectId: 'alpha' };
const alice: Owner = { email: 'alice@alpha.example', name: 'alice', by: 'user' };
const contact: Owner = { email: 'lead@alpha.example', name: 'alpha', by: 'project' };
const octavia: Owner = { email: 'octavia@localhost', name: 'octavia', by: 'user' };

function answerable(more: Partial<Known>) {
  return answerableFor(web, { owners: {}, contacts: {}, unreachable: new Map(), ...more }, services);
}

describe('answerableFor', () => {
  it.each([
    { whom: 'its owner', known: { owners: { web: alice }, contacts: { alpha: contact } }, owner: alice },
    {
      whom: 'the project of what a service made',
      known: { owners: { web: octavia }, contacts: { alpha: contact } },
      owner: contact,
    },
    {
      whom: 'whom the server itself names, even if called like a service',
      known: { owners: { web: { ...octavia, email: 'bob@alpha.example', by: 'metadata' as const } } },
      owner: { ...octavia, email: 'bob@alpha.example', by: 'metadata' },
    },
  ])('writes to $whom', ({ known, owner }) => {
    expect(answerable(known)).toEqual({ owner });
  });

  it.each([
    { known: {}, why: 'neither who made it nor its project has an address' },
    {
      known: { owners: { web: octavia } },
      why: 'octavia made it, and for whom is not known',
    },
    {
      known: { owners: { web: octavia }, contacts: { alpha: { ...contact, name: 'service' } } },
      why: 'octavia made it, and for whom is not known',
    },
    {
      known: { owners: { web: { ...contact, name: 'service' } } },
      why: 'service made it, and for whom is not known',
    },
    {
      known: { owners: { web: { ...alice, email: 'a@b\r\nBcc: c@d' } } },
      why: 'what is known of its owner is no mail address',
    },
    {
      known: {
        owners: { web: { ...alice, email: 'Alice@alpha.example' } },
        unreachable: new Map([['alice@alpha.example', 'no such user']]),
      },
      why: 'mail to Alice@alpha.example does not arrive: no such user',
    },
  ])('writes to nobody, because $why', ({ known, why }) => {
    expect(answerable(known)).toEqual({ nobody: why });
  });
});
