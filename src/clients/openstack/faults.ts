/** What is wrong with settings: every fault, so that they can be mended at once. */
export class Faults {
  readonly #byPlace = new Map<string, string>();

  /** Of several faults in one place (a file, a line, a key) the first counts; the others follow from it. */
  add(place: string, what: string): void {
    if (!this.#byPlace.has(place)) this.#byPlace.set(place, what);
  }

  get lines(): readonly string[] {
    return [...this.#byPlace].map(([place, what]) => `${place}: ${what}`);
  }
}
