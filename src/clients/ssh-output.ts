/** What did the command print? Whole lines as they come, and the text with its middle cut if it is long. */

/** Characters kept of each end. */
const KEPT = 512 * 1024;
/** A line longer than this is handed on in pieces: somebody's progress bar must not fill the memory. */
const LONGEST_LINE = 64 * 1024;

export class Output {
  readonly #onLine: (line: string) => void;
  #head = '';
  #tail = '';
  #cut = 0;
  #line = '';

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  push(text: string): void {
    this.#keep(text);
    const [first = '', ...others] = text.split('\n');
    this.#line += first;
    for (const next of others) {
      this.#onLine(this.#line.replace(/\r$/, ''));
      this.#line = next;
    }
    if (this.#line.length > LONGEST_LINE) this.#flush();
  }

  /** All that was printed, up to 1 MiB of characters; a last line without its end is handed on. */
  end(): string {
    this.#flush();
    if (this.#tail.length > KEPT) this.#trim();
    if (this.#cut === 0) return this.#head + this.#tail;
    return `${this.#head.toWellFormed()}\n… ${this.#cut} characters cut …\n${this.#tail.toWellFormed()}`;
  }

  #flush(): void {
    if (this.#line !== '') this.#onLine(this.#line);
    this.#line = '';
  }

  #keep(text: string): void {
    const room = KEPT - this.#head.length;
    this.#head += text.slice(0, room);
    this.#tail += text.slice(room);
    // Cutting at every chunk would copy the whole tail each time.
    if (this.#tail.length > 2 * KEPT) this.#trim();
  }

  #trim(): void {
    this.#cut += this.#tail.length - KEPT;
    this.#tail = this.#tail.slice(-KEPT);
  }
}
