import { describe, expect, it } from 'vitest';
import { judgeStatus, quoted } from '../../src/domain/mail-status.ts';

describe('an answer about an address', () => {
  it.each([
    ['550 5.1.1 no such user', 'bounced'],
    ['5.1.1', 'bounced'],
    ['550 no such user', 'bounced'],
    ['553 mailbox name not allowed', 'bounced'],
    ['5.2.1', 'bounced'],
    ['5.4.4', 'bounced'],
    ['5.0.0', 'bounced'],
    ['5.2.2', 'doubtful'],
    ['552 mailbox full', 'doubtful'],
    ['552 5.3.4 too big', 'doubtful'],
    ['5.6.1', 'doubtful'],
    ['550 5.7.1 blocked by policy', 'doubtful'],
    ['554 5.7.1 relay access denied', 'doubtful'],
    ['4.2.2', 'passing'],
    ['451 4.7.1 greylisted', 'passing'],
    ['451 later', 'passing'],
    ['2.1.5', 'passing'],
    ['', 'passing'],
    ['nonsense 9.9.9', 'passing'],
    ['192.0.2.5.1.1 is no code', 'passing'],
  ])('%j: %s', (answer, verdict) => {
    expect(judgeStatus(answer)).toBe(verdict);
  });

  it.each([
    [['5.0.0', 'smtp; 552 5.2.2 quota exceeded'], 'doubtful'],
    [['5.2.2', 'smtp; 550 5.1.1 no such user'], 'doubtful'],
    [['', '550 5.1.1 no such user'], 'bounced'],
    [['', '550 no such user'], 'bounced'],
  ])('of which the first that says more than "it failed" counts: %j: %s', (texts, verdict) => {
    expect(judgeStatus(...texts)).toBe(verdict);
  });

  it('is quoted on one line, without what steers a terminal, and not for ever', () => {
    expect(quoted('550\r\n  no\u001B[31m \u202Esuch user\t')).toBe('550 no [31m such user');
    expect(quoted('x'.repeat(10_000))).toHaveLength(302);
  });
});
