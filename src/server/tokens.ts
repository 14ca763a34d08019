/** Whose token is it? Only digests are known here, and comparing them takes as long for a wrong one. */
import { createHash, timingSafeEqual } from 'node:crypto';

export interface Token {
  readonly name: string;
  readonly may: 'read' | 'operate';
  /** Of the token, 64 hexadecimal digits. */
  readonly sha256: string;
}

/** The token that an `Authorization` header carries, if it is one of ours. */
export function tokenIn(authorization: string | undefined, tokens: readonly Token[]): Token | undefined {
  const [, given] = /^Bearer +([\w.~+/-]+=*) *$/i.exec(authorization ?? '') ?? [];
  if (given === undefined) return undefined;
  const digest = createHash('sha256').update(given).digest();
  return tokens.reduce<Token | undefined>(
    (found, token) => (timingSafeEqual(Buffer.from(token.sha256, 'hex'), digest) ? token : found),
    undefined,
  );
}
