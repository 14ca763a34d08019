/** Which of the known words did somebody mean who wrote an unknown one? */

/** The nearest of `known`, if it is near enough to be a slip of the fingers; the first of equals. */
export function didYouMean(word: string, known: Iterable<string>): string | undefined {
  const slips = Math.max(1, Math.floor(word.length / 3));
  const [nearest] = [...known]
    .map((candidate) => ({ candidate, distance: distanceOf(word.toLowerCase(), candidate.toLowerCase()) }))
    .filter(({ distance }) => distance <= slips)
    .toSorted((a, b) => a.distance - b.distance);
  return nearest?.candidate;
}

/** Letters to insert, drop, replace or swap with their neighbour (optimal string alignment). */
function distanceOf(a: string, b: string): number {
  let [before, row]: number[][] = [[], Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = row![j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? before![j - 2]! + 1 : replaced;
      next.push(Math.min(row![j]! + 1, next[j - 1]! + 1, replaced, swapped));
    }
    [before, row] = [row, next];
  }
  return row![b.length]!;
}
