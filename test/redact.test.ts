import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Secret } from '../src/config/secret.ts';
import { redactor } from '../src/redact.ts';

/** Every kind of sign that some spelling treats in its own way. */
const PASSWORD = 'hunt/er+2 "ü"&(!)~~~???>';

function redact(line: unknown, ...secrets: string[]): unknown {
  return JSON.parse(redactor(secrets.map((secret) => new Secret(secret)))(JSON.stringify(line)));
}

describe('a registered secret', () => {
  it.each([
    ['as it is', PASSWORD],
    ['base64', Buffer.from(`${PASSWORD}!`).toString('base64')],
    ['base64 behind a user name', Buffer.from(`me:${PASSWORD}`).toString('base64')],
    ['base64 behind a longer user name', Buffer.from(`kim:${PASSWORD}`).toString('base64')],
    ['base64url', Buffer.from(`kim:${PASSWORD}`).toString('base64url')],
    ['URL-encoded', encodeURIComponent(PASSWORD)],
    [
      'URL-encoded in small letters',
      encodeURIComponent(PASSWORD).replaceAll(/%../g, (code) => code.toLowerCase()),
    ],
    ['URL-encoded as a form', new URLSearchParams({ p: PASSWORD }).toString().slice(2)],
    [
      'URL-encoded to the last sign',
      encodeURIComponent(PASSWORD).replaceAll('!', '%21').replaceAll('(', '%28').replaceAll(')', '%29'),
    ],
    ['quoted once more', JSON.stringify({ body: PASSWORD })],
  ])('is hidden in every text and name: %s', (_, spelling) => {
    const line = {
      message: `said ${spelling} twice ${spelling}.`,
      deep: [{ list: [spelling] }],
      [spelling]: 1,
    };

    const text = JSON.stringify(redact(line, PASSWORD));

    expect(text.match(/\[secret\]/g)).toHaveLength(4);
    expect(text).not.toContain('hunt');
    expect(text).toMatch(/said .*twice/);
  });

  it('is hidden as a number, without breaking the line', () => {
    expect(redact({ time: 1764000000123, pin: 47114711, level: 30 }, '1764000000', '47114711')).toEqual({
      time: '[secret]',
      pin: '[secret]',
      level: 30,
    });
  });

  it('that contains another is hidden whole', () => {
    expect(redact('abcd abcdefgh', 'abcd', 'abcdefgh')).toBe('[secret] [secret]');
  });

  it.each([
    ['a line of a private key', '-----BEGIN-----\nb3BlbnNzaC1rZXk\n-----END-----', 'read b3BlbnNzaC1rZXk'],
    ['the password of a URL', 'redis://:p%40ssword@redis/1', 'AUTH p@ssword'],
    ['the password of a URL with a stray %', 'redis://:100%p%40ss@redis/1', 'AUTH 100%p@ss'],
    [
      'the password of a URL as it is written there',
      'redis://:p%40ssword@redis/1',
      'to :p%40ssword@elsewhere',
    ],
  ])('does not show in part either: %s', (_, secret, text) => {
    expect(redact(text, secret)).toMatch(/\[secret\]/);
  });

  it.each(['', 'abc'])('that is too short to be one does not blacken the log: "%s"', (secret) => {
    expect(redact({ message: 'abc and more' }, secret)).toEqual({ message: 'abc and more' });
  });

  it('is hidden in what is no JSON', () => {
    expect(redactor([new Secret('hunter2')])('{ half a line with hunter2')).toBe(
      '{ half a line with [secret]',
    );
  });

  it('never shows, in whatever it is embedded', () => {
    fc.assert(
      fc.property(
        fc.string({ minLength: 6, unit: 'grapheme' }),
        fc.string(),
        fc.string(),
        (secret, before, after) => {
          const whole = `${before}${secret}${after}`;
          const base64 = Buffer.from(whole).toString('base64');
          // What only ever is part of the mask itself says nothing.
          fc.pre(!'[secret]'.includes(secret) && !before.includes(secret) && !after.includes(secret));

          const shown = redact([whole, base64], secret) as [string, string];

          expect(shown[0].replaceAll('[secret]', '')).not.toContain(secret);
          expect(Buffer.from(shown[1].replaceAll('[secret]', ''), 'base64').toString()).not.toContain(secret);
        },
      ),
    );
  });
});

describe('a field', () => {
  it.each([
    'password',
    'adminPass',
    'clientSecret',
    'X-Auth-Token',
    'x-subject-token',
    'Authorization',
    'Set-Cookie',
    'tokens',
    'privateKey',
    'api_key',
    'passphrase',
  ])('named %s is hidden whatever it holds, at any depth', (name) => {
    const line = { a: [{ b: { [name]: { id: 'gAAAA', extra: [1] } } }], [name]: 'x' };

    expect(redact(line)).toEqual({ a: [{ b: { [name]: '[secret]' } }], [name]: '[secret]' });
  });

  it('that has another name stays as it was', () => {
    const line = {
      time: '2026',
      level: 'info',
      key: 'drain hv03',
      passed: 7,
      tokenless: 1,
      n: 1.5,
      ok: true,
      no: null,
    };

    expect(redact(line)).toEqual(line);
  });
});
