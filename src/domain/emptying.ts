/** What does a plan mean for the hypervisors that it empties: when are they closed, and which of them may stay so? */
import type { PlannedMove } from './defragment-plan.ts';
import type { Fleet } from './fleet.ts';
import { type Headroom, whyNoHeadroom } from './headroom.ts';
import { byName } from './names.ts';

/**
 * The hypervisors to close before these moves begin: before the first server leaves, and after the last one that
 * stops over, because a closed one takes nothing. `left`: moves of the plan that are not over.
 */
export function closingsOf(
  leaving: readonly PlannedMove[],
  { emptied, left }: { readonly emptied: readonly string[]; readonly left: readonly PlannedMove[] },
): string[] {
  const isLeft = new Set(leaving.map(({ from }) => from));
  const isAwaited = new Set(left.map(({ to }) => to));
  return emptied.filter((name) => isLeft.has(name) && !isAwaited.has(name));
}

export type Chosen = {
  readonly keep: readonly string[];
  readonly open: readonly { readonly name: string; readonly why: string }[];
};

/**
 * Which empty hypervisors may be out of service together: as many as are wanted, while the largest of those
 * that serve could fail and its servers still found room. `fleet` is as if none of them were disabled.
 */
export function chooseKept(
  fleet: Fleet,
  empty: readonly string[],
  { most, headroom }: { readonly most: number; readonly headroom: Headroom },
): Chosen {
  const keep: string[] = [];
  const open: { name: string; why: string }[] = [];
  for (const name of empty.toSorted(byName)) {
    const why =
      keep.length >= most
        ? `${most} are wanted, and so many are kept`
        : whyNeeded(fleet, [...keep, name], headroom);
    if (why === undefined) keep.push(name);
    else open.push({ name, why });
  }
  return { keep, open };
}

function whyNeeded(fleet: Fleet, out: readonly string[], headroom: Headroom): string | undefined {
  const last = fleet.hypervisors.find(({ name }) => name === out.at(-1));
  if (last === undefined) return 'it is no hypervisor of this cloud any more';
  const hypervisors = fleet.hypervisors.map((one) =>
    out.includes(one.name) ? { ...one, disabled: one.disabled ?? '' } : one,
  );
  const why = whyNoHeadroom({ ...fleet, hypervisors }, last, { headroom, places: new Map() });
  return why?.replace('(headroom)', '(keepEmpty)');
}
