import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import {
  fingerprint,
  hashedName,
  hostKeyAlgorithms,
  judgeHostKey,
  lookupNames,
  parseKnownHosts,
  refusal,
} from '../../src/clients/known-hosts.ts';

const ours = publicKey('ssh-ed25519', 'o'.repeat(32));
const other = publicKey('ssh-ed25519', 'x'.repeat(32));
const rsa = publicKey('ssh-rsa', 'rsa');

const dir = mkdtempSync(join(tmpdir(), 'nightshift-known-hosts-'));
const file = join(dir, 'known_hosts');
afterAll(() => rmSync(dir, { recursive: true }));

describe('judgeHostKey', () => {
  it.each([
    { title: 'a plain name', lines: [`hv01 ${text(ours)}`], port: 22, verdict: 'trusted' },
    {
      title: 'a comment behind the key',
      lines: [`hv01 ${text(ours)} root@hv01`],
      port: 22,
      verdict: 'trusted',
    },
    { title: 'tabs and several blanks', lines: [`  hv01 \t ${text(ours)}`], port: 22, verdict: 'trusted' },
    { title: 'lines that end in CRLF', lines: [`hv01 ${text(ours)}\r`], port: 22, verdict: 'trusted' },
    { title: 'another case', lines: [`HV01 ${text(ours)}`], port: 22, verdict: 'trusted' },
    { title: 'a list of names', lines: [`10.0.0.7,hv01 ${text(ours)}`], port: 22, verdict: 'trusted' },
    { title: 'a wildcard', lines: [`hv?? ${text(ours)}`], port: 22, verdict: 'trusted' },
    { title: 'a dot, which is no wildcard', lines: [`hv.1 ${text(ours)}`], port: 22, verdict: 'unknown' },
    {
      title: 'a wildcard with an exception',
      lines: [`hv*,!hv01 ${text(ours)}`],
      port: 22,
      verdict: 'unknown',
    },
    { title: 'an exception for another', lines: [`!hv02,hv* ${text(ours)}`], port: 22, verdict: 'trusted' },
    { title: 'part of a name', lines: [`hv0 ${text(ours)}`], port: 22, verdict: 'unknown' },
    { title: 'name and port', lines: [`[hv01]:2222 ${text(ours)}`], port: 2222, verdict: 'trusted' },
    { title: 'a name for every port', lines: [`hv01 ${text(ours)}`], port: 2222, verdict: 'trusted' },
    { title: 'another key without the port', lines: [`hv01 ${text(other)}`], port: 2222, verdict: 'unknown' },
    { title: 'another port', lines: [`[hv01]:2223 ${text(ours)}`], port: 2222, verdict: 'unknown' },
    {
      title: 'a port for the standard port',
      lines: [`[hv01]:2222 ${text(ours)}`],
      port: 22,
      verdict: 'unknown',
    },
    {
      title: 'its address, under which it was reached',
      lines: [`10.0.0.7 ${text(ours)}`],
      port: 22,
      verdict: 'trusted',
    },
    { title: 'a comment', lines: [`# hv01 ${text(ours)}`], port: 22, verdict: 'unknown' },
    {
      title: 'one of several keys',
      lines: [`hv01 ${text(other)}`, `hv01 ${text(ours)}`],
      port: 22,
      verdict: 'trusted',
    },
    { title: 'another key of the type', lines: [`hv01 ${text(other)}`], port: 22, verdict: 'changed' },
    { title: 'a key of another type', lines: [`hv01 ${text(rsa)}`], port: 22, verdict: 'changed' },
    {
      title: 'a type that is not the key’s',
      lines: [`hv01 ssh-rsa ${text(ours).split(' ')[1]}`],
      port: 22,
      verdict: 'unknown',
    },
    {
      title: 'a revocation',
      lines: [`hv01 ${text(ours)}`, `@revoked * ${text(ours)}`],
      port: 22,
      verdict: 'revoked',
    },
    {
      title: 'a revocation of another key',
      lines: [`hv01 ${text(ours)}`, `@revoked * ${text(other)}`],
      port: 22,
      verdict: 'trusted',
    },
    {
      title: 'a certificate authority',
      lines: [`@cert-authority hv* ${text(ours)}`],
      port: 22,
      verdict: 'unknown',
    },
    { title: 'a marker nobody knows', lines: [`@trusted hv01 ${text(ours)}`], port: 22, verdict: 'unknown' },
  ])('$title: $verdict', ({ lines, port, verdict }) => {
    const known = parseKnownHosts(lines.join('\n'), 'known_hosts');

    const judged = judgeHostKey(known, lookupNames(['10.0.0.7', 'hv01'], port), ours);

    expect(judged.verdict).toBe(verdict);
  });

  it('judges a hashed entry as the plain one, whatever the host and the port', () => {
    fc.assert(
      fc.property(fc.domain(), fc.integer({ min: 1, max: 65_535 }), fc.boolean(), (host, port, isOurs) => {
        const names = lookupNames([host], port);
        const key = text(isOurs ? ours : other);
        const plain = parseKnownHosts(`${names.exact[0]} ${key}`, 'known_hosts');
        const hashed = parseKnownHosts(
          `${hashedName(names.exact[0], randomBytes(20))} ${key}`,
          'known_hosts',
        );

        expect(judgeHostKey(hashed, names, ours).verdict).toBe(judgeHostKey(plain, names, ours).verdict);
        expect(judgeHostKey(hashed, names, ours).verdict).toBe(isOurs ? 'trusted' : 'changed');
      }),
    );
  });

  it('finds in any file the lines that ssh-keygen finds', () => {
    const name = fc.constantFrom('hv01', 'hv02', '[hv01]:2222', '10.0.0.7', 'HV01.example.org');
    const pattern = fc.oneof(
      name,
      fc.constantFrom('*', 'hv*', 'hv0?', '!hv01', '!*.org', '[hv01]:*', '*.example.org'),
    );
    const hosts = fc.oneof(
      fc.array(pattern, { minLength: 1, maxLength: 3 }).map((patterns) => patterns.join(',')),
      fc
        .tuple(name, fc.uint8Array({ minLength: 20, maxLength: 20 }))
        .map(([n, salt]) => hashedName(n.toLowerCase(), Buffer.from(salt))),
    );
    const line = fc.oneof(
      { weight: 9, arbitrary: hosts.map((field) => `${field} ${text(ours)}`) },
      fc.constant('# hv01'),
      fc.constant('hv01 ssh-ed25519'),
    );

    fc.assert(
      fc.property(fc.array(line, { minLength: 1, maxLength: 8 }), name, (lines, looked) => {
        writeFileSync(file, `${lines.join('\n')}\n`);

        const found = parseKnownHosts(lines.join('\n'), file).filter(
          (known) => judgeHostKey([known], lookupNames([looked], 22), ours).verdict === 'trusted',
        );

        expect(found.map((known) => known.line)).toEqual(linesFoundBySshKeygen(looked));
      }),
      { numRuns: 40 },
    );
  });

  it('refuses a file with a revocation that cannot be read, by file and line', () => {
    const broken = `hv01 ${text(ours)}\n@revoked * ssh-ed25519 %%%`;

    expect(() => parseKnownHosts(broken, '/etc/known_hosts')).toThrow('/etc/known_hosts line 2: @revoked');
  });
});

describe('hostKeyAlgorithms', () => {
  it.each([
    { title: 'nothing listed', lines: [], first: ['ssh-ed25519'] },
    {
      title: 'an RSA key',
      lines: [`hv01 ${text(rsa)}`],
      first: ['rsa-sha2-512', 'rsa-sha2-256', 'ssh-ed25519'],
    },
    { title: 'a revoked RSA key', lines: [`@revoked hv01 ${text(rsa)}`], first: ['ssh-ed25519'] },
    { title: 'an RSA key of another host', lines: [`hv02 ${text(rsa)}`], first: ['ssh-ed25519'] },
  ])('asks first for what is listed: $title', ({ lines, first }) => {
    const offered = hostKeyAlgorithms(parseKnownHosts(lines.join('\n'), 'f'), lookupNames(['hv01'], 22));

    expect(offered.slice(0, first.length)).toEqual(first);
    expect(offered).toHaveLength(6);
  });
});

describe('refusal', () => {
  const host = { name: 'hv01', listAs: '[hv01]:2222', file: '/etc/nightshift/known_hosts' };

  it.each([
    {
      lines: [],
      says: [
        'hv01 is unknown',
        fingerprint(ours),
        `echo '[hv01]:2222 ${text(ours)}' >> '/etc/nightshift/known_hosts'`,
      ],
    },
    {
      lines: ['# nothing', `@cert-authority hv* ${text(other)}`],
      says: ['line 2 names a certificate authority', 'not supported'],
    },
    {
      lines: ['# nothing', `[hv01]:2222 ${text(other)}`],
      says: ['has changed', '/etc/nightshift/known_hosts line 2', fingerprint(other), fingerprint(ours)],
    },
    {
      lines: [`@revoked [hv01]:2222 ${text(ours)}`],
      says: ['is revoked by /etc/nightshift/known_hosts line 1', fingerprint(ours)],
    },
  ])('names what is wrong and what to do: $says.0', ({ lines, says }) => {
    const known = parseKnownHosts(lines.join('\n'), host.file);

    const said = refusal(judgeHostKey(known, lookupNames(['hv01'], 2222), ours), host, ours);

    for (const words of says) expect(said).toContain(words);
  });
});

/** A key as it goes over the wire: type and one field, each with its length. */
function publicKey(type: string, field: string): Buffer {
  const parts = [type, field].flatMap((part) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(part.length);
    return [length, Buffer.from(part)];
  });
  return Buffer.concat(parts);
}

function text(key: Buffer): string {
  return `${key.toString('latin1', 4, 4 + key.readUInt32BE(0))} ${key.toString('base64')}`;
}

function linesFoundBySshKeygen(name: string): number[] {
  const { stdout } = spawnSync('ssh-keygen', ['-F', name.toLowerCase(), '-f', file], { encoding: 'utf8' });
  return [...stdout.matchAll(/found: line (\d+)/g)].map(([, line]) => Number(line));
}
