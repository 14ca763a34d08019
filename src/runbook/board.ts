/** What became of each target so far, and how people are told. */
import { byName } from '../domain/names.ts';
import { sayCount, sayList } from '../domain/say.ts';
import type { Report } from '../engine/job.ts';

/** done: something was done · skipped: it was so already · held: not begun, or not to its end · failed: needs a person. */
export interface TargetEnd {
  readonly name: string;
  readonly verdict: 'done' | 'skipped' | 'held' | 'failed';
  readonly why: string;
}

export interface Board {
  /** Of the targets that were chosen, each at most once. */
  readonly ends: readonly TargetEnd[];
  /** How many were chosen, those held from the start included. */
  readonly total: number;
  /** Completes "No hypervisor is …"; absent where the job has no targets. */
  readonly where: string | undefined;
  /** What befell the run beside its targets: a step of its own that failed, a put-back that did. */
  readonly remarks: readonly string[];
}

const SHOWN = 12;
const VERDICTS = [
  ['done', 'done'],
  ['skipped', 'already so'],
  ['held', 'held'],
  ['failed', 'failed'],
] as const;

/** Every target is counted once; those that no word has been said of yet are still to come. */
export function sayBoard({ ends, total, where, remarks }: Board): Report {
  const of = (verdict: TargetEnd['verdict']) =>
    ends.filter((end) => end.verdict === verdict).toSorted((a, b) => byName(a.name, b.name));
  const counts = VERDICTS.map(([verdict, word]) => [of(verdict).length, word] as const);
  const left = total - ends.length;
  const parts = [...counts, [left, 'to come'] as const]
    .filter(([n]) => n > 0)
    .map(([n, word]) => `${n} ${word}`);
  const done = of('done').map(({ name }) => name);
  const headlineOf = (): string => {
    if (total > 0) return `${sayCount(total, 'hypervisor')}: ${parts.join(', ')}.`;
    if (where !== undefined) return `No hypervisor is ${where}.`;
    return remarks.length === 0 ? 'Every step went as it should.' : 'Not every step went as it should.';
  };
  return {
    headline: headlineOf(),
    lines: [
      ...remarks,
      ...of('failed').map(({ name, why }) => `failed  ${name}  ${why}`),
      ...(done.length === 0 ? [] : [`done  ${done.length}: ${sayList(done, SHOWN)}`]),
      ...of('skipped').map(({ name, why }) => `already so  ${name}  ${why}`),
      ...grouped(of('held')),
    ],
  };
}

/** What is held for one reason is one line. */
function grouped(held: readonly TargetEnd[]): string[] {
  return [...Map.groupBy(held, ({ why }) => why)].map(([why, ends]) => {
    const names = ends.map(({ name }) => name);
    return names.length === 1
      ? `held  ${names[0]}  ${why}`
      : `held  ${names.length} (${why}): ${sayList(names, SHOWN)}`;
  });
}
