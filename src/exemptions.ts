/** How people allow that something stays unpatched for a while, see what is allowed, and end it, by whichever door. */

import { didYouMean } from './domain/did-you-mean.ts';
import {
  type ExemptionRow,
  type ExemptSubject,
  exemptionKey,
  isEnded,
  type Nameable,
} from './domain/exempting.ts';
import type { OwnerStanding } from './domain/owner-standing.ts';
import { EXEMPTIONS, PATCH_OWNERS } from './domain/patch-memory.ts';
import type { Engine } from './engine/engine.ts';
import { RefusedError } from './engine/errors.ts';

type Acts = Engine['acts'];

export interface ShownExemption extends ExemptSubject {
  /** What it is ended by: `server 3f2a… cve CVE-2026-1`. */
  readonly key: string;
  readonly reason: string;
  readonly approvedBy: string;
  /** When it was made, ISO 8601 in UTC as below. */
  readonly at: string;
  readonly until: string;
  /** Who ended it before its time, and why. */
  readonly ended?: { readonly by: string; readonly why: string; readonly at: string };
}

/** Those that people made and that stand at `now`, the one that ends first first; those of the configuration are there. */
export async function listExemptions(acts: Acts, now: Date): Promise<readonly ShownExemption[]> {
  const rows = [...(await acts.rows<ExemptionRow>(EXEMPTIONS))].filter(([, row]) => !isEnded(row, now));
  return rows.map(shown).toSorted((a, b) => a.until.localeCompare(b.until) || a.key.localeCompare(b.key));
}

/** Grants time; over an exemption of the same subject that there is already. */
export async function exempt(
  acts: Acts,
  asked: {
    readonly subject: ExemptSubject;
    readonly until: Date;
    readonly reason: string;
    readonly by: string;
  },
  now: Date,
): Promise<ShownExemption> {
  const { subject, reason, by } = asked;
  const exemption = { ...subject, reason, approvedBy: by, until: asked.until.toISOString() };
  const value: ExemptionRow = { exemption, at: now.toISOString() };
  const key = exemptionKey(subject);
  await acts.setRow({ table: EXEMPTIONS, key, value }, { by, why: reason });
  return shown([key, value]);
}

/** Ends an exemption now, whoever made it; the time that it gave until now stays given. `RefusedError` when there is none. */
export async function unexempt(
  acts: Acts,
  { key, by, why }: { readonly key: string; readonly by: string; readonly why: string },
  now: Date,
): Promise<ShownExemption> {
  const standing = (await listExemptions(acts, now)).map((one) => one.key);
  const row = (await acts.rows<ExemptionRow>(EXEMPTIONS)).get(key);
  if (row === undefined || !standing.includes(key)) throw new RefusedError(sayNone(key, standing));
  const at = now.toISOString();
  const value: ExemptionRow = {
    ...row,
    exemption: { ...row.exemption, until: at },
    ended: { by, why, at },
  };
  await acts.setRow({ table: EXEMPTIONS, key, value }, { by, why });
  return shown([key, value]);
}

/** The servers with findings, which people may call by their names. */
export async function nameable(acts: Acts): Promise<readonly Nameable[]> {
  const rows = await acts.rows<OwnerStanding>(PATCH_OWNERS);
  return [...rows.values()].flatMap(({ servers }) => servers);
}

function shown([key, { exemption, ...rest }]: readonly [string, ExemptionRow]): ShownExemption {
  return { key, ...exemption, ...rest };
}

function sayNone(key: string, standing: readonly string[]): string {
  if (standing.length === 0) return 'nothing is exempt; nothing was changed';
  const meant = didYouMean(key, standing);
  const there = standing.map((one) => `"${one}"`).join(', ');
  return `nothing is exempt as "${key}"; ${meant === undefined ? `exempt are ${there}` : `did you mean "${meant}"?`}`;
}
