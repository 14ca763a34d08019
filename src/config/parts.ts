/** Of what are settings made: texts of a form, paths, secrets, and APIs at which somebody signs in? */
import { resolve } from 'node:path';
import { z } from 'zod';
import { messageOf } from '../domain/failure.ts';
import * as form from './forms.ts';
import { isReference, NO_LITERAL, readSecret, Secret, type Surroundings } from './secret.ts';

export const Word = z.string().min(1);
export const Positive = z.int().min(1);

export function path({ cwd }: Surroundings) {
  return Word.transform((given) => resolve(cwd, given));
}

/** A text against which `faultOf` has nothing to say; what is no text is judged as if it were quoted. */
export function text(faultOf: (text: string) => string | undefined) {
  const error = ({ input }: { input?: unknown }) =>
    typeof input === 'number' || typeof input === 'boolean' ? faultOf(String(input)) : undefined;
  return z.string({ error }).superRefine((given, ctx) => {
    const message = faultOf(given);
    // No `continue`: what is built on this text must not look at it.
    if (message !== undefined) ctx.addIssue({ code: 'custom', message, continue: false });
  });
}

/** A reference to a secret, or a literal against which `literalFault` has nothing to say. */
export function secret(site: Surroundings, literalFault?: (literal: string) => string | undefined) {
  const error = ({ input }: { input?: unknown }) => (literalFault || input === null ? undefined : NO_LITERAL);
  return z.string({ error }).transform(async (given, ctx) => {
    try {
      if (literalFault === undefined || isReference(given)) return await readSecret(given, site);
      const fault = literalFault(given);
      if (fault === undefined) return new Secret(given);
      ctx.addIssue(fault);
    } catch (error) {
      ctx.addIssue(messageOf(error));
    }
    return z.NEVER;
  });
}

/** A URL that is called: a reference to one that holds a token, or one as it is. */
export function webUrl(site: Surroundings) {
  return secret(site, form.webFault).refine((given) => form.webFault(given.reveal()) === undefined, {
    error: 'refers to something that is no https://… URL, or one with a user in it',
  });
}

/** How somebody signs in at an API. */
export function signInKeys(site: Surroundings) {
  return {
    token: secret(site).optional(),
    user: Word.optional(),
    password: secret(site).optional(),
    ca: path(site).optional(),
  };
}

/** The same where the API's URL holds no secret. */
export function apiKeys(site: Surroundings) {
  return { url: text(form.httpFault), ...signInKeys(site) };
}

type Given<Keys extends (site: Surroundings) => z.ZodRawShape> = z.output<z.ZodObject<ReturnType<Keys>>>;

export function signInFaults(
  { token, user, password }: Given<typeof signInKeys>,
  ctx: z.core.$RefinementCtx,
): void {
  const fault = (key: string, message: string) => ctx.addIssue({ code: 'custom', path: [key], message });
  if (!user !== !password) fault('user', 'goes together with password');
  if (token && user) fault('token', 'excludes user and password');
}

/** Whoever signs in must not be overheard. */
export function apiFaults(given: Given<typeof apiKeys>, ctx: z.core.$RefinementCtx): void {
  signInFaults(given, ctx);
  const { url, token, password } = given;
  if (!(token || password) || form.webFault(url) === undefined) return;
  const message = `${url} is not encrypted, and a secret is sent there`;
  ctx.addIssue({ code: 'custom', path: ['url'], message });
}

export function signInOf({ token, user, password, ca }: Given<typeof signInKeys>) {
  return {
    ...(token && { token }),
    ...(user && password && { login: { user, password } }),
    ...(ca && { ca }),
  };
}
