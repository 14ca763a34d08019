/** Keystone: a token for these credentials, and the catalog that comes with it. */
import { z } from 'zod';
import { Catalog } from './catalog.ts';

type Ref = { readonly id: string } | { readonly name: string };
/** By id, or by a name within a domain. */
export type InDomain = { readonly id: string } | { readonly name: string; readonly domain: Ref };

export type Credential =
  | {
      readonly kind: 'password';
      readonly user: InDomain;
      readonly password: string;
      readonly project: InDomain;
    }
  | {
      readonly kind: 'application credential';
      readonly credential: { readonly id: string } | { readonly name: string; readonly user: InDomain };
      readonly secret: string;
    };

/** The body of `POST /auth/tokens`. An application credential brings its project along. */
export function authRequest(credential: Credential): object {
  if (credential.kind === 'password') {
    const { user, password, project } = credential;
    const identity = { methods: ['password'], password: { user: { ...user, password } } };
    return { auth: { identity, scope: { project } } };
  }
  const { credential: which, secret } = credential;
  const identity = { methods: ['application_credential'], application_credential: { ...which, secret } };
  return { auth: { identity } };
}

/** The body of its answer; the token itself comes in a header. */
export const Token = z.object({
  token: z.object({
    issued_at: z.iso.datetime(),
    expires_at: z.iso.datetime(),
    catalog: Catalog,
    project: z.object({ id: z.string() }).optional(),
    user: z.object({ id: z.string() }).optional(),
  }),
});

/** Ms before its end at which a token is renewed, so that no call sets out with a dying one. */
const SPARE_MS = 120_000;

/**
 * How long from now a token is to be used. Reckoned from Keystone's own two times, so that a clock
 * that differs from ours does no harm.
 */
export function usableMs({ issued_at, expires_at }: { issued_at: string; expires_at: string }): number {
  const lifeMs = Date.parse(expires_at) - Date.parse(issued_at);
  return Math.max(lifeMs - SPARE_MS, lifeMs / 2);
}
