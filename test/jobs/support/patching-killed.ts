/** What the process that is killed and the test that goes on share. */
import { PatchedSite } from '../../support/patching.ts';
import { host } from '../../support/polls.ts';

export interface Lived {
  /** Of the Redis. */
  readonly url: string;
  readonly place: string;
  readonly smtp: string;
  /** Boundaries that it passes before it dies. */
  readonly dieAt?: number;
}

export const RUN = 'patch-compliance~20261120T090000Z';
export const FROM = 'Cloud patching <patching@lab.example>';
/** Of a run, and of the mails that it posts; the others belong to nobody's work. */
export const BOUNDARIES: ReadonlySet<string> = new Set([
  'create',
  'claim',
  'begin',
  'finish',
  'lease',
  'release',
  'end',
  'take-mail',
  'settle-mail',
]);

const OWNERS = ['alice', 'bob', 'carol'];

/** The mailboxes of its owners, which no other place has. */
export function mailboxesAt(place: string): string[] {
  return OWNERS.map((owner) => `${place}-${owner}`);
}

export function siteAt(place: string): PatchedSite {
  const site = new PatchedSite(place, ...OWNERS);
  for (const owner of OWNERS) {
    site.give(owner, owner);
    site.cloud.users.set(owner, `${place}-${owner}@lab.example`);
  }
  site.feed = OWNERS.map((owner) => host(owner, ['CVE-1']));
  return site;
}
