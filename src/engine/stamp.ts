/** `20261124T224100Z`: an instant as run ids carry it. */
export function stamp(at: Date): string {
  return `${at.toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}Z`;
}

/** The instant that a run's id carries; undefined when it carries none. */
export function instantIn(id: string): Date | undefined {
  const [, day, hours, minutes, seconds] = /~(\d{8})T(\d\d)(\d\d)(\d\d)Z/.exec(id) ?? [];
  const date = day?.replace(/(....)(..)(..)/, '$1-$2-$3');
  const at = new Date(`${date}T${hours}:${minutes}:${seconds}Z`);
  return Number.isNaN(at.getTime()) ? undefined : at;
}
