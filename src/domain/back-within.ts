/** How long a machine may take to come back from a reboot, by its model. */
import { isLike } from './like.ts';

export interface Deadlines {
  /** Minutes by pattern of the model, the first that fits; `default` for all others. */
  readonly backWithin?: Readonly<Record<string, number>>;
  /** Where `backWithin` says nothing. */
  readonly backWithinMinutes: number;
}

/** Minutes; `model` null where the firmware does not name one. */
export function backWithinOf(
  { backWithin = {}, backWithinMinutes }: Deadlines,
  model: string | null,
): number {
  const { default: others = backWithinMinutes, ...byModel } = backWithin;
  const named = Object.entries(byModel).find(([pattern]) => model !== null && isLike(model, pattern));
  return named?.[1] ?? others;
}

/** Minutes that any machine may take, where its model is not known yet. */
export function longestBack({ backWithin = {}, backWithinMinutes }: Deadlines): number {
  const others = 'default' in backWithin ? [] : [backWithinMinutes];
  return Math.max(...others, ...Object.values(backWithin));
}
