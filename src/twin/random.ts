/** Chance that repeats itself: the same seed gives the same numbers and ids. */

/** Where a sequence of random numbers is; `chance` moves on with each draw. */
export interface Dice {
  chance: number;
}

/** Between 0 and 1, as Math.random. */
export function draw(dice: Dice): number {
  dice.chance = (dice.chance + 0x6d2b79f5) | 0;
  let mixed = Math.imul(dice.chance ^ (dice.chance >>> 15), 1 | dice.chance);
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
}

/** From 0 to `below` - 1. */
export function drawInt(dice: Dice, below: number): number {
  return Math.floor(draw(dice) * below);
}

export function pick<T>(dice: Dice, list: readonly [T, ...T[]]): T {
  return list[drawInt(dice, list.length)] ?? list[0];
}

/** 32 hexadecimal digits, as Keystone's ids. */
export function drawHex(dice: Dice): string {
  const word = () =>
    Math.floor(draw(dice) * 2 ** 32)
      .toString(16)
      .padStart(8, '0');
  return word() + word() + word() + word();
}

/** A UUID of version 4. */
export function drawUuid(dice: Dice): string {
  const hex = drawHex(dice);
  const variant = '89ab'[Number.parseInt(hex.charAt(16), 16) % 4];
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20)}`;
}
