/** How one signs in, and how long a token is used. */
import { describe, expect, it } from 'vitest';
import { authRequest, usableMs } from '../../../src/clients/openstack/identity.ts';

describe('a token', () => {
  it.each([
    ['an hour', '2026-11-24T23:00:00.000000Z', 58],
    ['three minutes', '2026-11-24T22:03:00Z', 1.5],
    ['no time', '2026-11-24T22:00:00Z', 0],
  ])('that lives for %s is renewed in time', (_, expires_at, minutes) => {
    expect(usableMs({ issued_at: '2026-11-24T22:00:00Z', expires_at })).toBe(minutes * 60_000);
  });
});

describe('signing in', () => {
  const kim = { name: 'kim', domain: { name: 'Staff' } };

  it('with a password names user, domain and project', () => {
    const request = authRequest({ kind: 'password', user: kim, password: 'p', project: { id: 'a920' } });

    expect(request).toEqual({
      auth: {
        identity: { methods: ['password'], password: { user: { ...kim, password: 'p' } } },
        scope: { project: { id: 'a920' } },
      },
    });
  });

  it('with an application credential by name names whose it is, and no project', () => {
    const kind = 'application credential';
    const request = authRequest({ kind, credential: { name: 'night', user: kim }, secret: 's' });

    expect(request).toEqual({
      auth: {
        identity: {
          methods: ['application_credential'],
          application_credential: { name: 'night', user: kim, secret: 's' },
        },
      },
    });
  });
});
