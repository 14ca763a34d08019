/** Is this host key the one that known_hosts files vouch for? Pure: texts in, a verdict out. */
import { createHash, createHmac } from 'node:crypto';
import { shellQuote } from '../domain/shell-quote.ts';

/** One line of a known_hosts file. */
export interface KnownHost {
  readonly file: string;
  readonly line: number;
  readonly marker?: 'revoked' | 'cert-authority';
  /** The host field as written: comma-separated patterns, or one hashed name. */
  readonly hosts: string;
  readonly type: string;
  readonly key: Buffer;
}

export type HostKeyVerdict =
  | { readonly verdict: 'trusted' }
  /** No line is about this host; `authority` is one that would need certificates, which ssh2 cannot check. */
  | { readonly verdict: 'unknown'; readonly authority?: KnownHost }
  | { readonly verdict: 'changed'; readonly known: KnownHost }
  | { readonly verdict: 'revoked'; readonly known: KnownHost };

/** Host key algorithms in our order of preference; SHA-1 signatures are left out. */
const ALGORITHMS = [
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'rsa-sha2-512',
  'rsa-sha2-256',
] as const;

export type HostKeyAlgorithm = (typeof ALGORITHMS)[number];

/**
 * The lines of a known_hosts file. Lines that cannot be read are passed over, for they vouch for
 * nobody; only a `@revoked` one throws, because passing over it would trust a key that it forbids.
 */
export function parseKnownHosts(text: string, file: string): KnownHost[] {
  return text.split('\n').flatMap((raw, index) => {
    const fields = raw.trim().split(/[ \t]+/);
    const marker = fields[0]?.startsWith('@') ? fields.shift()?.slice(1) : undefined;
    const [hosts = '', type = '', encoded = ''] = fields;
    if (hosts === '' || hosts.startsWith('#')) return [];

    const key = Buffer.from(encoded, 'base64');
    if (type === '' || typeOf(key) !== type) {
      if (marker !== 'revoked') return [];
      throw new Error(`${file} line ${index + 1}: @revoked without a key that can be read`);
    }
    const known = { file, line: index + 1, hosts, type, key };
    if (marker === undefined) return [known];
    return marker === 'revoked' || marker === 'cert-authority' ? [{ ...known, marker }] : [];
  });
}

/** The names under which a host's key may be listed. */
export interface LookupNames {
  /** `hv01`, or `[hv01]:2222` for a port other than 22; the first is the one to list a new key under. */
  readonly exact: readonly [string, ...string[]];
  /** As in OpenSSH, a key listed without a port may serve another port; if it differs it says nothing. */
  readonly portless: readonly string[];
}

export function lookupNames(hosts: readonly [string, ...string[]], port: number): LookupNames {
  const [first, ...others] = hosts.map((host) => host.toLowerCase());
  const portless = [first ?? '', ...others] as const;
  if (port === 22) return { exact: portless, portless: [] };
  return { exact: [`[${portless[0]}]:${port}`, ...others.map((host) => `[${host}]:${port}`)], portless };
}

/**
 * Judges the key that a host has shown. The first exact name that any line lists decides; a
 * revocation under any name is final. A known host that shows a key of another type has changed
 * too: whoever sits in between would offer just that.
 */
export function judgeHostKey(lines: readonly KnownHost[], names: LookupNames, key: Buffer): HostKeyVerdict {
  const about = linesAbout(lines, names);
  const revoked = about.find((line) => line.marker === 'revoked' && line.key.equals(key));
  if (revoked) return { verdict: 'revoked', known: revoked };

  for (const name of names.exact) {
    const known = about.filter((line) => line.marker === undefined && lists(line, name));
    if (known.some((line) => line.key.equals(key))) return { verdict: 'trusted' };
    const other = known.find((line) => line.type === typeOf(key)) ?? known[0];
    if (other) return { verdict: 'changed', known: other };
  }
  // Any line left that is no authority's lists the host without its port.
  if (about.some((line) => line.marker === undefined && line.key.equals(key))) return { verdict: 'trusted' };
  const authority = about.find((line) => line.marker === 'cert-authority');
  return authority ? { verdict: 'unknown', authority } : { verdict: 'unknown' };
}

/**
 * The algorithms to offer: those of the keys listed for the host first, else a server that has
 * several keys would show one that nobody has listed.
 */
export function hostKeyAlgorithms(lines: readonly KnownHost[], names: LookupNames): HostKeyAlgorithm[] {
  const known = linesAbout(lines, names).filter((line) => line.marker === undefined);
  const types = new Set(known.map((line) => line.type));
  const isListed = (algorithm: string) => types.has(algorithm.replace(/^rsa-sha2-\d+$/, 'ssh-rsa'));
  return ALGORITHMS.toSorted((a, b) => Number(isListed(b)) - Number(isListed(a)));
}

/** Why a key is refused, and what to do, as one line for people; undefined when it is trusted. */
export function refusal(
  verdict: HostKeyVerdict,
  host: { readonly name: string; readonly listAs: string; readonly file: string },
  key: Buffer,
): string | undefined {
  const line = `${host.listAs} ${typeOf(key)} ${key.toString('base64')}`;
  const shown = `${typeOf(key)} ${fingerprint(key)}`;
  switch (verdict.verdict) {
    case 'trusted':
      return undefined;
    case 'unknown':
      return (
        `the host key of ${host.name} is unknown: ${host.file} has none for ${host.listAs}, the host showed ${shown}.` +
        (verdict.authority
          ? ` ${placeOf(verdict.authority)} names a certificate authority for it, but host certificates are not supported.`
          : '') +
        ` Compare with the host itself (ssh-keygen -lf /etc/ssh/ssh_host_${shortType(key)}_key.pub); if it is the same: echo ${shellQuote(line)} >> ${shellQuote(host.file)}`
      );
    case 'changed':
      return (
        `the host key of ${host.name} has changed: ${placeOf(verdict.known)} has ${verdict.known.type} ${fingerprint(verdict.known.key)}, the host showed ${shown}.` +
        ` Either it was installed anew or somebody sits in between. If the host itself says that the new key is right, correct that line to: ${line}`
      );
    case 'revoked':
      return `the host key of ${host.name}, ${shown}, is revoked by ${placeOf(verdict.known)}. Give the host a new key.`;
  }
}

/** `SHA256:…`, as ssh-keygen -l prints it. */
export function fingerprint(key: Buffer): string {
  return `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`;
}

/** A host name as `ssh-keygen -H` writes it; `salt` is 20 random bytes. */
export function hashedName(name: string, salt: Buffer): string {
  return `|1|${salt.toString('base64')}|${createHmac('sha1', salt).update(name).digest('base64')}`;
}

function linesAbout(lines: readonly KnownHost[], names: LookupNames): KnownHost[] {
  return lines.filter((line) => [...names.exact, ...names.portless].some((name) => lists(line, name)));
}

function lists(line: KnownHost, name: string): boolean {
  if (line.hosts.startsWith('|')) {
    const [, version, salt] = line.hosts.split('|');
    return version === '1' && hashedName(name, Buffer.from(salt ?? '', 'base64')) === line.hosts;
  }
  const patterns = line.hosts.toLowerCase().split(',');
  const denied = patterns.some((pattern) => pattern.startsWith('!') && matches(pattern.slice(1), name));
  return !denied && patterns.some((pattern) => matches(pattern, name));
}

/** `*` stands for any run of characters, `?` for one. */
function matches(pattern: string, name: string): boolean {
  const source = pattern
    .replaceAll(/[\\^$.|+()[\]{}]/g, '\\$&')
    .replaceAll(/\*+/g, '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${source}$`, 's').test(name);
}

/** A public key begins with the length and the name of its type; empty when these bytes do not. */
function typeOf(key: Buffer): string {
  return key.length < 4 ? '' : key.toString('latin1', 4, 4 + key.readUInt32BE(0));
}

function shortType(key: Buffer): string {
  return typeOf(key).replace(/^ssh-/, '').replace(/-.*$/, '');
}

function placeOf(line: KnownHost): string {
  return `${line.file} line ${line.line}`;
}
