/** In which order do legs go, so that there is always room, and which of them cannot? */
import { sayList } from '../say.ts';
import { type Detour, findDetour } from './detour.ts';
import type { Dropped, Leg } from './legs.ts';
import type { Placement } from './placement.ts';
import { begin, hasRoomForAll, type Progress, perform } from './progress.ts';

export interface Order {
  /** Legal one after the other, each holding both its ends; detours are legs of their own. */
  readonly legs: readonly Leg[];
  readonly detours: number;
  readonly dropped: readonly Dropped[];
}

/** Which of the legs that have room but hinder others goes first: the one with the lowest number. */
export type Preference = (leg: Leg, progress: Progress) => number;

/**
 * Legs to a hypervisor that has room for all that come to it harm nobody and go at once. Among the others
 * goes whom `prefer` says; where none has room, one makes a detour, and where none can, one is dropped.
 */
export function orderOf(start: Placement, legs: readonly Leg[], prefer: Preference): Order {
  const barred = new Set<number>();
  for (;;) {
    const { done, dropped } = goThrough(begin(start, { legs, barred }), prefer);
    const detours = done.filter(({ isDetour }) => isDetour);
    const underway = new Set(detours.flatMap(({ servers }) => servers));
    const stranded = dropped.filter(({ server }) => underway.has(server));
    if (stranded.length === 0) return { legs: done, detours: detours.length, dropped };
    for (const { server } of stranded) barred.add(server);
  }
}

function goThrough(progress: Progress, prefer: Preference): Progress {
  settle(progress, [...progress.coming.keys()]);
  for (;;) {
    const waiting = progress.coming.flatMap((coming) => [...coming]);
    if (waiting.length === 0) return progress;
    const leg = nextOf(waiting, progress, prefer);
    const detour = leg === undefined ? findDetour(waiting, progress) : undefined;
    if (leg !== undefined) settle(progress, perform(leg, progress));
    else if (detour !== undefined) settle(progress, goAround(detour, progress));
    else settle(progress, drop(waiting, progress));
  }
}

/** Lets all go that harm nobody, beginning with those to the hypervisors named. */
function settle(progress: Progress, hypervisors: readonly number[]): void {
  const look = [...hypervisors];
  for (let h = look.pop(); h !== undefined; h = look.pop()) {
    const coming = progress.coming[h]!;
    if (coming.size === 0 || !hasRoomForAll(progress.placement, [...coming])) continue;
    for (const leg of coming) look.push(...perform(leg, progress));
  }
}

function nextOf(waiting: readonly Leg[], progress: Progress, prefer: Preference): Leg | undefined {
  let best: Leg | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const leg of waiting) {
    const rank = prefer(leg, progress);
    if (rank >= least || !hasRoomForAll(progress.placement, [leg])) continue;
    best = leg;
    least = rank;
  }
  return best;
}

function goAround({ leg, by, cells }: Detour, progress: Progress): number[] {
  const { coming, leaving, barred } = progress;
  coming[leg.to]!.delete(leg);
  perform({ servers: leg.servers, from: leg.from, to: by, cells, isDetour: true }, progress);
  for (const server of leg.servers) barred.add(server);
  coming[leg.to]!.add({ ...leg, from: by });
  leaving[by]!++;
  return [leg.from, leg.to];
}

/** One that never finds room, else one whose hypervisor keeps the most servers anyway. */
function drop(waiting: readonly Leg[], progress: Progress): number[] {
  const { placement, coming, leaving, dropped } = progress;
  const loss = (leg: Leg) =>
    leaving[leg.to] === 0
      ? Number.POSITIVE_INFINITY
      : placement.count[leg.from]! - leaving[leg.from]! + coming[leg.from]!.size;
  const leg = waiting.reduce((best, one) => (loss(one) > loss(best) ? one : best));
  coming[leg.to]!.delete(leg);
  leaving[leg.from]!--;
  const why = whyStuck(leg, progress);
  for (const server of leg.servers) dropped.push({ server, why });
  return [leg.from, leg.to];
}

function whyStuck({ to }: Leg, { placement, leaving, dropped }: Progress): string {
  const { hypervisors, servers } = placement.model.fleet;
  const { name } = hypervisors[to]!;
  if (leaving[to]! > 0)
    return `${name} has room for it only when others have left, which wait in turn; no hypervisor can hold one of them meanwhile`;
  const stay = dropped.filter(({ server }) => placement.at[server] === to);
  const since =
    stay.length === 0
      ? ''
      : `, since ${sayList(
          stay.map(({ server }) => servers[server]!.id),
          3,
        )} cannot leave`;
  return `${name} has no room for it${since}`;
}
