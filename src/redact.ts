/** How does a line of a log lose the secrets in it, however they are spelled and wherever they stand? */
import type { Secret } from './config/secret.ts';

const MASK = '[secret]';

/** Less would be found by chance in every other line. */
const SHORTEST = 4;

/** Fields whose values nobody needs to read. Not a bare `key`: steps and tables have those. */
const SECRET_NAME =
  /(password|passwd|passphrase|adminpass|secret|token|authorization|cookie|credential|(private|api|access)[-_]?key)s?$/i;

/**
 * A function that takes a line of JSON and answers it without secrets: fields with a secret's name,
 * and the given secrets in every text and name, also as base64, URL-encoded or quoted again. What is
 * no JSON is treated as text. Secrets of less than 4 characters are not looked for. The list may grow
 * while the function is in use: clients learn of theirs when they are opened.
 */
export function redactor(secrets: readonly Secret[]): (line: string) => string {
  let known = 0;
  let hide = hider([]);
  function clean(value: unknown, name = ''): unknown {
    if (value === null || typeof value === 'boolean') return value;
    if (SECRET_NAME.test(name)) return MASK;
    if (typeof value === 'string') return hide(value);
    if (Array.isArray(value)) return value.map((item) => clean(item));
    if (typeof value !== 'object') return hide(`${value as number}`) === `${value as number}` ? value : MASK;
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [hide(key), clean(inner, key)]));
  }
  return (line) => {
    if (secrets.length !== known) {
      known = secrets.length;
      hide = hider(secrets);
    }
    try {
      return JSON.stringify(clean(JSON.parse(line)));
    } catch {
      return hide(line);
    }
  };
}

function hider(secrets: readonly Secret[]): (text: string) => string {
  const texts = new Set(secrets.flatMap((secret) => partsOf(secret.reveal())));
  if (texts.size === 0) return (text) => text;
  // The longest first: a secret may contain another.
  const longestFirst = [...texts].toSorted((a, b) => b.length - a.length);
  const pattern = new RegExp(
    longestFirst.flatMap((text) => [spelled(text), ...inBase64(text)]).join('|'),
    'g',
  );
  return (text) => text.replace(pattern, MASK);
}

/** The whole, the lines of a key, the password of a URL: each gives the secret away. */
function partsOf(secret: string): string[] {
  const password = unescape(URL.parse(secret)?.password ?? '');
  const parts = [secret, ...secret.split(/\r?\n/), password];
  return parts.filter((part) => part.length >= SHORTEST);
}

/** Percent signs that encode nothing are let be, which decodeURIComponent refuses to. */
function unescape(text: string): string {
  return text.replace(/(%[0-9a-f]{2})+/gi, (codes) =>
    Buffer.from(codes.replaceAll('%', ''), 'hex').toString(),
  );
}

/** Finds `text` as it is, quoted again, and URL-encoded, however much of it an encoder leaves alone. */
function spelled(text: string): string {
  return Array.from(text.toWellFormed(), (sign) => {
    if (/[a-z0-9]/i.test(sign)) return sign;
    const encoded = `%${Buffer.from(sign).toString('hex').match(/../g)!.join('%')}`;
    const spellings = [sign, JSON.stringify(sign).slice(1, -1), encoded, encoded.toUpperCase()];
    return `(?:${[...spellings, ...(sign === ' ' ? ['+'] : [])].map(escape).join('|')})`;
  }).join('');
}

/**
 * Finds the base64 of anything that holds `text`, as `user:password` does. Where it begins within a
 * group of three bytes decides its letters; those that it shares with its neighbours are left over.
 */
function inBase64(text: string): string[] {
  return [0, 1, 2].map((shift) => {
    const bytes = Buffer.concat([Buffer.alloc(shift), Buffer.from(text)]);
    const [first, end] = [Math.ceil((shift * 8) / 6), Math.floor((bytes.length * 8) / 6)];
    return bytes.toString('base64').slice(first, end).replaceAll('+', '[+-]').replaceAll('/', '[/_]');
  });
}

function escape(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}
