/** What does a person mean who exempts something, and which exemptions are there? */
import { didYouMean } from './did-you-mean.ts';
import type { Exemption } from './exemptions.ts';
import { sayList } from './say.ts';

/** All of it has to be true of what is exempt. */
export type ExemptSubject = Pick<Exemption, 'server' | 'project' | 'image' | 'cve'>;

/** What a person may call by its name: servers with findings. */
export interface Nameable {
  readonly id: string;
  readonly name: string;
  readonly projectId: string;
}

/** What a person allows, and how it was ended before its time. */
export type ExemptionRow = {
  readonly exemption: Exemption;
  /** ISO 8601 in UTC, as below. */
  readonly at: string;
  readonly ended?: { readonly by: string; readonly why: string; readonly at: string };
};

const NOUNS = ['server', 'project', 'image', 'cve'] as const;
const ADVISORY = /^[A-Z]{2,8}-[\w:.-]*\d[\w:.-]*$/i;
const FINDINGS = new Set(['security-updates', 'reboot-required', 'not-reporting']);
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const KEYSTONE_ID = /^[0-9a-f]{32}$/i;
const NAMED = 5;

/**
 * Reads `CVE-2026-1`, the id of another finding, the id of a server or project, the name of a server with findings,
 * or any of them with its noun before it (`image:3f2a…`). Answers what is wrong with the words, all of it, else.
 */
export function exemptSubjectFrom(
  words: readonly string[],
  known: readonly Nameable[],
): ExemptSubject | { readonly faults: readonly string[] } {
  const subject: { -readonly [Noun in keyof ExemptSubject]: string } = {};
  const faults: string[] = [];
  for (const word of words) {
    const read = readWord(word, known);
    if ('fault' in read) faults.push(read.fault);
    else if (subject[read.noun] !== undefined)
      faults.push(`${word}: ${subject[read.noun]} is a ${read.noun} already, and one exemption is about one`);
    else subject[read.noun] = read.id;
  }
  return faults.length === 0 ? subject : { faults };
}

/** `server web-1 cve CVE-2026-1`: the same for the same subject; the key of its row, and what people end it by. */
export function exemptionKey(subject: ExemptSubject): string {
  return NOUNS.flatMap((noun) => (subject[noun] === undefined ? [] : [`${noun} ${subject[noun]}`])).join(' ');
}

/** It grants no more time; what it granted stays granted. */
export function isEnded({ exemption, ended }: ExemptionRow, now: Date): boolean {
  return ended !== undefined || Date.parse(exemption.until) <= now.getTime();
}

type Read = { readonly noun: (typeof NOUNS)[number]; readonly id: string } | { readonly fault: string };

function readWord(word: string, known: readonly Nameable[]): Read {
  const [, said, rest = ''] = /^(server|project|image|cve):(.+)$/.exec(word) ?? [];
  const noun = NOUNS.find((each) => each === said);
  if (noun !== undefined) return { noun, id: rest };
  if (known.some(({ id }) => id === word)) return { noun: 'server', id: word };
  if (known.some(({ projectId }) => projectId === word)) return { noun: 'project', id: word };
  const namesakes = known.filter(({ name }) => name === word);
  if (namesakes.length === 1) return { noun: 'server', id: namesakes[0]!.id };
  if (namesakes.length > 1) {
    const ids = namesakes.map(({ id }) => id);
    return { fault: `${word}: ${namesakes.length} servers are called so: ${sayList(ids, NAMED)}` };
  }
  if (FINDINGS.has(word)) return { noun: 'cve', id: word };
  if (UUID.test(word)) return { noun: 'server', id: word.toLowerCase() };
  if (KEYSTONE_ID.test(word)) return { noun: 'project', id: word.toLowerCase() };
  if (ADVISORY.test(word))
    return { noun: 'cve', id: word.toUpperCase().startsWith('CVE-') ? word.toUpperCase() : word };
  const near = didYouMean(
    word,
    known.map(({ name }) => name),
  );
  const hint = near === undefined ? '' : `did you mean ${near}? Else `;
  return {
    fault: `${word}: no server with findings is called so; ${hint}say what it is: server:ID, project:ID, image:ID or cve:ID`,
  };
}
