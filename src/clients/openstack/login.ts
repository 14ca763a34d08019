/** The token in use: one for all calls, renewed before its end or when it is refused. */
import type { Catalog } from './catalog.ts';
import { header, OpenStackError } from './error.ts';
import { authRequest, Token, usableMs } from './identity.ts';
import { type Send, understand } from './send.ts';
import type { OpenStackSettings } from './settings.ts';

export interface Login {
  readonly token: string;
  readonly catalog: Catalog;
  readonly projectId: string | undefined;
  readonly userId: string | undefined;
  /** Time of day in ms, by our clock. */
  readonly renewAt: number;
}

/**
 * What answers with the login in use. It signs in anew when there is none, when it is near its end,
 * or when it is the one that was `refused`; however many ask at once, they wait for one new login.
 */
export function openLogin(
  settings: OpenStackSettings,
  send: Send,
  answerMs: number,
): (refused?: Login) => Promise<Login> {
  let held: Promise<Login> | undefined;

  return async function currentLogin(refused) {
    const before = held;
    const login = await before;
    if (login !== undefined && login !== refused && Date.now() < login.renewAt) return login;
    if (held !== undefined && held !== before) return held;
    const begun = signIn(settings, send, answerMs);
    held = begun;
    begun.catch(() => {
      if (held === begun) held = undefined;
    });
    return begun;
  };
}

async function signIn(settings: OpenStackSettings, send: Send, answerMs: number): Promise<Login> {
  const name = `Keystone: signing in to ${settings.name}`;
  const answer = await send({
    name,
    method: 'POST',
    url: `${settings.authUrl}/auth/tokens`,
    body: authRequest(settings.credential),
    idempotent: true,
    answerMs,
  });
  const { token } = understand(name, answer, Token);
  const subject = header(answer, 'x-subject-token');
  if (subject === undefined)
    throw new OpenStackError(`${name} was answered without a token`, {
      retryable: true,
      status: answer.status,
    });
  return {
    token: subject,
    catalog: token.catalog,
    projectId: token.project?.id,
    userId: token.user?.id,
    renewAt: Date.now() + usableMs(token),
  };
}
