import { describe, expect, it } from 'vitest';
import type { NoticeRow } from '../../src/domain/notice-log.ts';
import type { OwnerStanding } from '../../src/domain/owner-standing.ts';
import { type KnownServer, nextNotice, tellOfOwner, tellOfServer } from '../../src/domain/patch-words.ts';
import { dayAfter, FIRST_POLL, host, Memory, policy, poll, servers } from '../support/polls.ts';

const TERMS = policy();
const ZONE = 'Europe/London';
const TOLD: NoticeRow = {
  sent: { first: '20261120' },
  told: { web: { 'CVE-1': { first: '2026-11-20T09:00:00Z', at: '2026-11-20T09:00:00Z' } } },
};
const STANDING: OwnerStanding = {
  email: 'alice@alpha.example',
  by: 'user',
  servers: [{ id: 'web', name: 'web', projectId: 'alpha' }],
  at: '2026-11-20T09:00:00.000Z',
  run: 'patch-compliance~1',
};

/** One finding, due on Fri 4 Dec 2026. */
function web(): KnownServer {
  const memory = new Memory({ servers: servers('web'), policy: TERMS });
  const { servers: judged } = memory.see(poll(FIRST_POLL, [host('web', ['CVE-1'])]));
  return { id: 'web', name: 'web', findings: judged.get('web')!.findings };
}

describe('what is said of an owner', () => {
  it('is that it was told, since when, and what comes next', () => {
    const about = { policy: TERMS, zone: ZONE, now: dayAfter(1) };
    const next = nextNotice([web()], TOLD, about);

    expect(tellOfOwner({ standing: STANDING, notices: TOLD, next }, [web()], ZONE)).toMatchObject({
      subject: 'owner alice@alpha.example',
      verdict: 'told',
      why: '1 finding open, the first due Fri 4 Dec 2026 17:00 GMT',
      since: '2026-11-20T09:00:00Z',
      lines: [
        'Known because it made the server.',
        'Notices sent last: first 2026-11-20.',
        'Next if nothing changes: a reminder on Fri 27 Nov 2026 00:00 GMT.',
      ],
    });
  });

  it('is why it was not told, where one is known', () => {
    const held = { verdict: 'told later', why: 'others are worse' };

    expect(tellOfOwner({ standing: { ...STANDING, held } }, [web()], ZONE)).toMatchObject({
      ...held,
      lines: ['Known because it made the server.', 'Notices sent last: none.'],
    });
    expect(tellOfOwner({ standing: STANDING }, [web()], ZONE)).toMatchObject({ verdict: 'not told' });
    expect(tellOfOwner({ standing: STANDING }, [], ZONE)).toMatchObject({ verdict: 'nothing asked' });
  });
});

describe('what is said of a server', () => {
  it('names its owner and what that was told', () => {
    expect(tellOfServer(web(), { standing: STANDING, notices: TOLD }, ZONE)).toMatchObject({
      verdict: 'not patched',
      sheet: {
        rows: [
          [
            'CVE-1',
            'open',
            { at: '2026-11-20T09:00:00Z' },
            { at: '2026-12-04T17:00:00Z' },
            { at: '2026-11-20T09:00:00Z' },
            { at: '2026-11-20T09:00:00Z' },
          ],
        ],
      },
      lines: expect.arrayContaining(['Its owner alice@alpha.example: told.']),
    });
  });

  it('is that nobody is written to, where nobody is known', () => {
    expect(tellOfServer(web(), undefined, ZONE).lines).toEqual([
      'Nobody is written to about it: who owns it is not known.',
    ]);
  });
});
