import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { tokenIn } from '../../src/server/tokens.ts';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const TOKENS = [
  { name: 'kim', may: 'operate', sha256: sha256('first') },
  { name: 'lee', may: 'read', sha256: sha256('se/co+nd==') },
] as const;

describe('the token of a request', () => {
  it.each([
    ['the first', 'Bearer first', 'kim'],
    ['another, in base64', 'Bearer se/co+nd==', 'lee'],
    ['however the scheme is written', 'bearer   first ', 'kim'],
    ['one that nobody has', 'Bearer third', undefined],
    ['a digest instead of a token', `Bearer ${sha256('first')}`, undefined],
    ['another scheme', 'Basic first', undefined],
    ['two', 'Bearer first second', undefined],
    ['none', 'Bearer ', undefined],
    ['no header', undefined, undefined],
  ])('is found: %s', (_, header, name) => {
    expect(tokenIn(header, TOKENS)?.name).toBe(name);
  });
});
