/** Which addresses stand in a host's name, and when are two written addresses the same? */

/** Longer names than DNS has are nobody's. */
const LONGEST_NAME = 255;
const DASHED_IPV4 = /(?<!\d)\d{1,3}(?:-\d{1,3}){3,}(?!\d)/g;
const HEX_GROUP = /^[0-9a-f]{0,4}$/;

/** One way to write an address, `172.16.105.23` or `2001:db8::17`; undefined for what is none. */
export function canonicalAddress(text: string): string | undefined {
  if (text.includes(':')) return URL.parse(`http://[${text.split('%')[0]}]/`)?.hostname.slice(1, -1);
  if (!/^\d{1,3}(?:\.\d{1,3}){3}$/.test(text)) return undefined;
  const bytes = text.split('.').map(Number);
  return bytes.every((byte) => byte < 256) ? bytes.join('.') : undefined;
}

/**
 * Every address that can be read out of a name, canonical: the name itself, or with dashes for dots and colons
 * (`host-172-16-105-23.example.org`, `host-2001-db8--17`), whatever stands around it. A run of more numbers
 * than an address has holds several: which of them is meant, only who has them can tell.
 */
export function addressesIn(name: string): string[] {
  const text = name.slice(0, LONGEST_NAME).toLowerCase();
  const whole = canonicalAddress(text);
  return whole === undefined ? [...new Set([...ipv4In(text), ...ipv6In(text)])] : [whole];
}

function ipv4In(text: string): string[] {
  return [...text.matchAll(DASHED_IPV4)].flatMap(([run]) => {
    const numbers = run.split('-');
    return numbers.slice(3).flatMap((_, i) => canonicalAddress(numbers.slice(i, i + 4).join('.')) ?? []);
  });
}

function ipv6In(text: string): string[] {
  return text.split('.').flatMap((label) => {
    const groups = label.split('-');
    // Two dashes at least, and either eight groups or a gap.
    if (groups.length < 3 || (groups.length < 8 && !label.includes('--'))) return [];
    return groups.flatMap((_, from) => ipv6From(groups.slice(from, from + 9)));
  });
}

/** Those that begin with the first group. */
function ipv6From(groups: readonly string[]): string[] {
  const usable = groups.findIndex((group) => !HEX_GROUP.test(group));
  const hex = usable === -1 ? groups : groups.slice(0, usable);
  return hex.flatMap((_, last) => {
    const text = hex.slice(0, last + 1).join(':');
    const isWhole = last === 7 || text.includes('::');
    return isWhole ? (canonicalAddress(text) ?? []) : [];
  });
}
