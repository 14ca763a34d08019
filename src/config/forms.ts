/** Has a text the form that a setting wants, and if not, what is wrong with it? */
import { createPrivateKey } from 'node:crypto';
import { isIPv4 } from 'node:net';
import { isAbsolute } from 'node:path';
import { show } from '../domain/words.ts';

export { daysFault, parseDays, timeFault, zoneFault } from '../domain/time-forms.ts';

export function addressFault(address: string): string | undefined {
  return isAddress(address) ? undefined : `${show(address)} is no mail address`;
}

/** A mail address, perhaps with a name before it. */
export function mailboxFault(mailbox: string): string | undefined {
  if (isAddress(/^[^<>\r\n]*<([^<>]*)>$/.exec(mailbox)?.[1] ?? mailbox)) return undefined;
  return `${show(mailbox)} is no sender (Name <name@example.org>)`;
}

export function digestFault(digest: string): string | undefined {
  if (/^[0-9a-f]{64}$/.test(digest)) return undefined;
  return 'is no SHA-256 digest of a token (64 characters, 0–9 and a–f)';
}

export function listenFault(listen: string): string | undefined {
  const { host, port } = parseListen(listen);
  return host !== '' && port <= 65_535 ? undefined : `${show(listen)} is no address:port (127.0.0.1:7460)`;
}

/** `[::1]:7460` is host `::1`; the host is empty where the text has not the form. */
export function parseListen(listen: string): { readonly host: string; readonly port: number } {
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(listen) ?? [];
  return { host: bracketed ?? plain ?? '', port: Number(port) };
}

/** True when nobody but this machine can come to that address. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}

/** A URL without a password, or the path of a socket. */
export function redisFault(url: string): string | undefined {
  return isAbsolute(url) ? undefined : urlFault(url, ['redis:', 'rediss:']);
}

export function isRedis(url: string): boolean {
  return isAbsolute(url) || ['redis:', 'rediss:'].includes(URL.parse(url)?.protocol ?? '');
}

export function smtpFault(url: string): string | undefined {
  return urlFault(url, ['smtp:', 'smtps:']);
}

export function imapFault(url: string): string | undefined {
  const fault = urlFault(url, ['imap:', 'imaps:']);
  if (fault !== undefined || URL.parse(url)?.username === '') return fault;
  return 'carries a user; give `user` and `password`';
}

/** Labels with dots between them: a domain, or a part of one. */
export function hostFault(host: string): string | undefined {
  const isHost = host.length <= 253 && /^[\w-]{1,63}(\.[\w-]{1,63})*$/.test(host);
  return isHost ? undefined : `${show(host)} is no name of the form example.org`;
}

/** RFC 2919, with or without words before it. */
export function listIdFault(given: string): string | undefined {
  const isListId = /^[^<>\p{Cc}]{0,100}<[\w-]+(\.[\w-]+)+>$/u.test(given);
  return isListId ? undefined : `${show(given)} is no List-Id (Cloud patching <patching.example.org>)`;
}

/** A key with which mails can be signed. */
export function rsaKeyFault(pem: string): string | undefined {
  try {
    const type = createPrivateKey(pem).asymmetricKeyType;
    return type === 'rsa' ? undefined : `refers to a key of type ${type}; mails are signed with rsa`;
  } catch {
    return 'refers to something that is no private key in PEM';
  }
}

/** A URL that others cannot read on its way. */
export function webFault(given: string): string | undefined {
  const url = URL.parse(given);
  if (!url || !['http:', 'https:'].includes(url.protocol)) return urlFault(given, ['https:']);
  if (url.username !== '' || url.password !== '') return 'carries a user; put a token into its path or query';
  const isOpen = url.protocol === 'http:' && !isLoopback(url.hostname.replaceAll(/[[\]]/g, ''));
  return isOpen ? `${show(given)} is not encrypted: https://…, or http://… on this machine` : undefined;
}

/** A URL that holds no secret, so that it may be read on its way. */
export function httpFault(given: string): string | undefined {
  const fault = urlFault(given, ['http:', 'https:']);
  if (fault !== undefined || URL.parse(given)?.username === '') return fault;
  return 'carries a user; give `user` and `password`';
}

function urlFault(given: string, protocols: readonly string[]): string | undefined {
  const url = URL.parse(given);
  const forms = protocols.map((protocol) => `${protocol}//…`).join(' or ');
  if (!url || !protocols.includes(url.protocol)) return `${show(given)} is no URL of the form ${forms}`;
  return url.password === '' ? undefined : 'carries a password; keep that out of this file';
}

function isAddress(text: string): boolean {
  return /^[^\s@<>]+@[^\s@<>]+$/.test(text);
}
