/** Where does what a command says go: to a person, or as JSON to a program. */

export interface Terminal {
  /** Columns to fit into; no limit where the output is no terminal. */
  readonly width: number;
  readonly interactive: boolean;
  /** Lines for people; silent when JSON was asked for. */
  say(...lines: readonly string[]): void;
  /** A value for programs; silent when it was not asked for. */
  json(value: unknown): void;
  /** A line for people that the next one overwrites, where that can be done; else nothing. */
  transient(line: string): void;
}

export function terminalOn(stream: NodeJS.WriteStream, { json }: { json: boolean }): Terminal {
  const interactive = stream.isTTY && !json;
  let overwritable = false;
  const clear = (): void => {
    if (overwritable) stream.write('\r\u001b[K');
    overwritable = false;
  };
  return {
    width: interactive ? stream.columns : Number.POSITIVE_INFINITY,
    interactive,
    say(...lines) {
      if (json) return;
      clear();
      for (const line of lines) stream.write(`${line}\n`);
    },
    json(value) {
      if (json) stream.write(`${JSON.stringify(value, null, 2)}\n`);
    },
    transient(line) {
      if (!interactive) return;
      clear();
      stream.write(line.slice(0, stream.columns - 1));
      overwritable = true;
    },
  };
}
