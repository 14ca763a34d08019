/** Where does what a command says go: to a person, or as JSON to a program. */

export interface Terminal {
  /** Columns to fit into; no limit where the output is no terminal. */
  readonly width: number;
  readonly interactive: boolean;
  /** Lines for people; silent when JSON was asked for. */
  say(...lines: readonly string[]): void;
  /** Lines for people beside the answer: what they should know, also while a program reads the answer. */
  warn(...lines: readonly string[]): void;
  /** A value for programs; silent when it was not asked for. */
  json(value: unknown): void;
  /** A line for people that the next one overwrites, where that can be done; else nothing. */
  transient(line: string): void;
}

/** A terminal that does not say how wide it is. */
const USUAL_WIDTH = 80;

export interface Streams {
  readonly out: NodeJS.WriteStream;
  readonly err: NodeJS.WriteStream;
}

export function terminalOn({ out, err }: Streams, { json }: { json: boolean }): Terminal {
  const interactive = out.isTTY && !json;
  const width = out.columns || USUAL_WIDTH;
  let overwritable = false;
  const clear = (): void => {
    if (overwritable) out.write('\r\u001b[K');
    overwritable = false;
  };
  return {
    width: interactive ? width : Number.POSITIVE_INFINITY,
    interactive,
    say(...lines) {
      if (json) return;
      clear();
      for (const line of lines) out.write(`${line}\n`);
    },
    warn(...lines) {
      clear();
      for (const line of lines) err.write(`${line}\n`);
    },
    json(value) {
      clear();
      if (json) out.write(`${JSON.stringify(value, null, 2)}\n`);
    },
    transient(line) {
      if (!interactive) return;
      clear();
      out.write(line);
      overwritable = true;
    },
  };
}
