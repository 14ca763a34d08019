/** Which machines does the feed of the bench list? */
import type { PakitiDouble } from '../support/pakiti.ts';

const FINDINGS = 5;
const CVES = 40;
const SYSTEMS = ['Rocky Linux 9.5', 'Debian 12', 'Ubuntu 24.04'];

/** What the n-th server and machine are called. */
export function nameOf(n: number): string {
  return `web-${n}`;
}

/** So many machines with five tagged CVEs each. */
export function reportHosts(pakiti: PakitiDouble, count: number, at: Date): void {
  const cves = Array.from({ length: CVES }, (_, n) => `CVE-2026-${1000 + n}`);
  pakiti.tag(...cves.map((cve, n) => ({ cve, tag: n % 8 === 0 ? 'EGI-Critical' : 'EGI-High', at })));
  for (const os of SYSTEMS)
    pakiti.vulnerable(...cves.map((cve) => ({ cve, os, package: 'openssl', fixed: '3.0.15-1' })));
  for (let n = 0; n < count; n += 1)
    pakiti.report({
      host: `${nameOf(n)}.site.example`,
      site: 'site',
      os: SYSTEMS[n % SYSTEMS.length]!,
      at,
      cves: Array.from({ length: FINDINGS }, (_, i) => cves[(n * 7 + i) % CVES]!),
    });
}
