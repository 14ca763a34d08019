import { describe, expect, it } from 'vitest';
import { exemptionKey, exemptSubjectFrom, isEnded } from '../../src/domain/exempting.ts';

const UUID = '3f2a0000-0000-4000-8000-000000000001';
const PROJECT = 'a'.repeat(32);
const KNOWN = [
  { id: UUID, name: 'web', projectId: PROJECT },
  { id: 'id-of-db-1', name: 'db', projectId: 'beta' },
  { id: 'id-of-db-2', name: 'db', projectId: 'beta' },
];

describe('what a person exempts', () => {
  it.each([
    { words: ['cve-2026-1'], subject: { cve: 'CVE-2026-1' } },
    { words: ['RHSA-2026:0123'], subject: { cve: 'RHSA-2026:0123' } },
    { words: ['reboot-required'], subject: { cve: 'reboot-required' } },
    { words: [UUID.toUpperCase()], subject: { server: UUID } },
    { words: ['b'.repeat(32)], subject: { project: 'b'.repeat(32) } },
    { words: ['web'], subject: { server: UUID } },
    { words: ['id-of-db-1'], subject: { server: 'id-of-db-1' } },
    { words: ['beta'], subject: { project: 'beta' } },
    { words: [`image:${UUID}`], subject: { image: UUID } },
    { words: ['web', 'CVE-2026-1'], subject: { server: UUID, cve: 'CVE-2026-1' } },
  ])('is $subject by $words', ({ words, subject }) => {
    expect(exemptSubjectFrom(words, KNOWN)).toEqual(subject);
  });

  it('is asked for where it is not clear, all of it at once', () => {
    expect(exemptSubjectFrom(['db', 'wep', 'web', 'server:x'], KNOWN)).toEqual({
      faults: [
        'db: 2 servers are called so: id-of-db-1 and id-of-db-2',
        expect.stringContaining('wep: no server with findings is called so; did you mean web?'),
        `server:x: ${UUID} is a server already, and one exemption is about one`,
      ],
    });
  });

  it('has one key, in whatever order it was said', () => {
    const orders = [
      ['web', 'CVE-2026-1'],
      ['CVE-2026-1', 'web'],
    ].map((words) => exemptSubjectFrom(words, KNOWN));

    expect(orders.flatMap((one) => ('faults' in one ? [] : [exemptionKey(one)]))).toEqual([
      `server ${UUID} cve CVE-2026-1`,
      `server ${UUID} cve CVE-2026-1`,
    ]);
  });

  it('is over at its end, or when somebody ended it', () => {
    const exemption = { server: UUID, reason: 'x', approvedBy: 'kim', until: '2026-11-27T17:00:00.000Z' };
    const row = { exemption, at: '2026-11-20T09:00:00.000Z' };
    const ended = { by: 'kim', why: 'x', at: '2026-11-21T09:00:00.000Z' };

    expect(isEnded(row, new Date('2026-11-27T16:59:00Z'))).toBe(false);
    expect(isEnded(row, new Date('2026-11-27T17:00:00Z'))).toBe(true);
    expect(isEnded({ ...row, ended }, new Date('2026-11-22T09:00:00Z'))).toBe(true);
  });
});
