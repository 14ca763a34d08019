/** A Pakiti 3.1.1 server for tests: machines report to it, administrators tag CVEs, and its API answers as PHP's does. */
import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { wallClockAt } from '../../src/domain/local-time.ts';
import { type Certificate, makeCertificate } from './smtp.ts';

interface MachineReport {
  readonly host: string;
  /** Host group; as machines say it. */
  readonly site?: string;
  readonly os?: string;
  readonly arch?: string;
  /** Another one is another machine to Pakiti, of the same name. */
  readonly from?: string;
  readonly at: Date;
  readonly cves: readonly string[];
}

interface Tag {
  readonly cve: string;
  readonly tag: string;
  readonly at?: Date;
  readonly reason?: string;
  readonly infoUrl?: string;
  readonly enabled?: boolean;
}

interface Vulnerable {
  readonly cve: string;
  readonly os: string;
  readonly package: string;
  readonly fixed: string;
}

export type Access = 'plain' | 'basic' | 'certificate';

export interface PakitiDouble {
  /** Where `api/` is below. */
  readonly url: string;
  /** What lets in where `access` is `basic`. */
  readonly login: { readonly user: string; readonly password: string };
  /** Its authority's, which it also lets in where `access` is `certificate`. Throws where it is `plain`. */
  readonly certificate: Certificate;
  /** What was asked for: path and query. */
  readonly asked: string[];
  /** Machines that have none of the tagged CVEs are known and not listed. */
  report(report: MachineReport): void;
  tag(...tags: Tag[]): void;
  vulnerable(...packages: Vulnerable[]): void;
  except(exception: { cve: string; package: string; reason: string }): void;
  /** Instead of the right answer to a script: 200 and nothing, or what a test makes up. */
  answer(script: string, instead: 'database away' | http.RequestListener | undefined): void;
  stop(): Promise<void>;
}

interface Host {
  readonly host: string;
  readonly site: string;
  readonly os: string;
  readonly arch: string;
  readonly at: Date;
  readonly cves: readonly string[];
}

const NAME_LENGTH = 63;
const LOGIN = { user: 'reader', password: 'reader-pw' };
const HEAD = ['tag', 'cve', 'site', 'host', 'os', 'arch', 'last_report'];

/** `zone`: of its clocks, of which its answers say nothing. */
export async function startPakiti({
  access = 'plain',
  zone = 'UTC',
}: {
  access?: Access;
  zone?: string;
} = {}): Promise<PakitiDouble> {
  const hosts = new Map<string, Host>();
  const tags: Tag[] = [];
  const packages: Vulnerable[] = [];
  const exceptions: { cve: string; package: string; reason: string }[] = [];
  const instead = new Map<string, 'database away' | http.RequestListener>();
  const asked: string[] = [];

  const local = (at: Date) =>
    new Date(wallClockAt(at.getTime(), zone)).toISOString().slice(0, 19).replace('T', ' ');
  const enabled = (cve: string) => tags.filter((tag) => tag.cve === cve && tag.enabled !== false);

  function* rows(query: URLSearchParams): Generator<string> {
    yield csvLine(HEAD);
    const group = escapeHtml(query.get('hostGroup') ?? '');
    const isKnown = [...hosts.values()].some(({ site }) => site === group);
    const since = activityOf(query.get('activity'));
    for (const { host, site, os, arch, at, cves } of [...hosts.values()].toSorted(byHost)) {
      // An unknown group has the id -1, which is no filter.
      if ((isKnown && site !== group) || !since(at)) continue;
      for (const cve of cves)
        for (const { tag } of enabled(cve))
          if (['', tag].includes(query.get('tag') ?? ''))
            yield csvLine([tag, cve, site, host, os, arch, local(at)]);
    }
  }

  const scripts: Readonly<
    Record<string, (query: URLSearchParams) => [type: string, body: Iterable<string>]>
  > = {
    'hosts.php': (query) => ['text/csv; charset=utf-8', rows(query)],
    'cve.php': (query) => {
      const [cve, os, type] = ['cve', 'os', 'type'].map((key) => query.get(key) ?? '');
      if (!['', 'csv'].includes(type!)) return ['text/html; charset=UTF-8', []];
      const found = packages.filter((each) => each.cve === cve && escapeHtml(each.os) === os);
      const lines = found.map((each) => `${cve},${os},${each.package},<,${each.fixed}\n`);
      return ['text/plain;charset=UTF-8', ['CVE,Os,Package name,Operator,Package version\n', ...lines]];
    },
    'exportCvesTags.php': () => [
      'text/xml; charset=utf-8',
      xml(
        'cveTags',
        tags.map(({ cve, tag, reason = '', infoUrl = '', enabled = true, at = new Date(0) }) => [
          'cveTag',
          {
            cveName: cve,
            tagName: tag,
            reason,
            infoUrl,
            enabled: enabled ? '1' : '0',
            modifier: 'lab',
            timestamp: local(at),
          },
        ]),
      ),
    ],
    'exportCvesExceptions.php': () => [
      'text/xml; charset=utf-8',
      xml(
        'cveExceptions',
        exceptions.map(({ cve, package: name, reason }) => [
          'cveException',
          {
            cveName: cve,
            reason,
            modifier: 'lab',
            pkg: { name, version: '0:1.0', release: '1', arch: 'x86_64', type: 'rpm' },
            osGroup: { name: 'Rocky' },
          },
        ]),
      ),
    ],
  };

  const listener: http.RequestListener = (request, response) => {
    asked.push(request.url ?? '');
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://pakiti');
    const script = pathname.replace('/pakiti/api/', '');
    const basic = `Basic ${Buffer.from(`${LOGIN.user}:${LOGIN.password}`).toString('base64')}`;
    const other = instead.get(script);
    if (access === 'basic' && request.headers.authorization !== basic) {
      response.writeHead(401, { 'content-type': 'text/html' }).end('<title>401 Unauthorized</title>');
    } else if (other === 'database away') {
      response.writeHead(200, { 'content-type': 'text/html; charset=UTF-8', 'content-length': 0 }).end();
    } else if (other !== undefined) {
      other(request, response);
    } else if (scripts[script] === undefined) {
      response.writeHead(404).end('Not Found');
    } else {
      const [type, body] = scripts[script](searchParams);
      response.writeHead(200, { 'content-type': type });
      Readable.from(inChunks(body), { objectMode: false }).pipe(response);
    }
  };

  const certificate = access === 'plain' ? undefined : makeCertificate();
  const server =
    certificate === undefined
      ? http.createServer(listener)
      : https.createServer({ ...certificate, requestCert: access === 'certificate' }, listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;

  return {
    url: `${access === 'plain' ? 'http' : 'https'}://127.0.0.1:${port}/pakiti`,
    login: LOGIN,
    get certificate() {
      if (certificate === undefined) throw new Error('a plain server has no certificate');
      return certificate;
    },
    asked,
    report({ host, site = 'Cloud', os = 'Rocky Linux 9.3', arch = ARCH, from = '192.0.2.1', at, cves }) {
      const stored = { host: stored63(host), site: stored63(site), os: escapeHtml(os), arch, at, cves };
      hosts.set(`${stored.host} ${from}`, stored);
    },
    tag: (...more) => void tags.push(...more),
    vulnerable: (...more) => void packages.push(...more),
    except: (exception) => void exceptions.push(exception),
    answer(script, other) {
      if (other === undefined) instead.delete(script);
      else instead.set(script, other);
    },
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

const ARCH = 'x86_64, Intel Xeon Processor (Cascadelake)';

function byHost(a: Host, b: Host): number {
  return a.host < b.host ? -1 : Number(a.host > b.host);
}

/** As the database holds what machines say. */
function stored63(text: string): string {
  return escapeHtml(text).slice(0, NAME_LENGTH);
}

function escapeHtml(text: string): string {
  const names: Readonly<Record<string, string>> = {
    '&': 'amp',
    '<': 'lt',
    '>': 'gt',
    '"': 'quot',
    "'": '#039',
  };
  return text.replaceAll(/[&<>"']/g, (each) => `&${names[each]};`);
}

/** PHP's fputcsv: quoted only where there is a blank, a quote, a comma, a backslash or a line's end. */
function csvLine(cells: readonly string[]): string {
  return `${cells.map((cell) => (/[\s",\\]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell)).join()}\n`;
}

type Elements = { readonly [name: string]: string | Elements };

function xml(root: string, children: readonly (readonly [string, Elements])[]): string[] {
  const element = (name: string, inside: string | Elements): string =>
    inside === ''
      ? `<${name}/>`
      : `<${name}>${
          typeof inside === 'string'
            ? inside.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
            : Object.entries(inside)
                .map(([key, value]) => element(key, value))
                .join('')
        }</${name}>`;
  const all = children.map(([name, inside]) => element(name, inside));
  const whole = all.length === 0 ? `<${root}/>` : `<${root}>${all.join('')}</${root}>`;
  return ['<?xml version="1.0" encoding="UTF-8"?>\n', whole, '\n'];
}

/** `24h`: reported within; `-7d`: silent for longer. */
function activityOf(text: string | null): (at: Date) => boolean {
  const [, sign, amount, unit] = /^([+-]?)(\d+)([hd])$/.exec(text ?? '') ?? [];
  if (amount === undefined) return () => true;
  const since = Date.now() - Number(amount) * (unit === 'h' ? 3_600_000 : 86_400_000);
  return (at) => (sign === '-' ? at.getTime() < since : at.getTime() > since);
}

function* inChunks(texts: Iterable<string>): Generator<string> {
  let chunk = '';
  for (const text of texts) {
    chunk += text;
    if (chunk.length < 64 * 1024) continue;
    yield chunk;
    chunk = '';
  }
  if (chunk !== '') yield chunk;
}
