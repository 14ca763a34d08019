/** Rows as a look leaves them: alice owns web, of which two findings are known and told. */

import type { CaseState } from '../../src/domain/cases.ts';
import type { NoticeRow } from '../../src/domain/notice-log.ts';
import type { OwnerStanding } from '../../src/domain/owner-standing.ts';

const TOLD = { first: '2026-11-20T09:00:00Z', at: '2026-11-27T09:00:00Z' };

export const ALICES_ROWS: {
  readonly 'patch-owners': Record<string, OwnerStanding>;
  readonly 'patch-notices': Record<string, NoticeRow>;
  readonly 'patch-cases': Record<string, CaseState>;
} = {
  'patch-owners': {
    'alice@alpha.example': {
      email: 'alice@alpha.example',
      name: 'alice',
      by: 'user',
      servers: [{ id: 'id-of-web', name: 'web', projectId: 'alpha' }],
      at: '2026-11-20T09:00:00.000Z',
      run: 'patch-compliance~20261120T090000Z',
    },
  },
  'patch-notices': {
    'alice@alpha.example': {
      sent: { first: '20261120', reminder: '20261127' },
      told: { 'id-of-web': { 'CVE-2026-1': TOLD } },
    },
  },
  'patch-cases': {
    'id-of-web': {
      cases: [
        {
          id: 'CVE-2026-1',
          kind: 'advisory',
          since: '2026-11-20T09:00:00Z',
          rule: 'x',
          due: '2026-12-04T17:00:00Z',
          seenBy: ['pakiti'],
        },
      ],
    },
    'id-of-nobodys': {
      cases: [
        {
          id: 'CVE-2026-2',
          kind: 'advisory',
          since: '2026-11-20T09:00:00Z',
          rule: 'x',
          due: '2026-12-04T17:00:00Z',
          seenBy: ['pakiti'],
        },
      ],
    },
  },
};
