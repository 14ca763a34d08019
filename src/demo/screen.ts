/** Where do the demo's lines go? On a terminal some stay and a few below them change; elsewhere each comes once. */
import { truncate } from '../cli/table.ts';

export interface Screen {
  /** Columns to fit into; no limit where this is no terminal. */
  readonly width: number;
  readonly interactive: boolean;
  /** Lines that stay. */
  say(lines: readonly string[]): void;
  /** The lines below those that stay, in place of the ones before; nothing where this is no terminal. */
  show(lines: readonly string[]): void;
}

/** A terminal that does not say how wide it is. */
const USUAL_WIDTH = 80;

export function screenOn(out: NodeJS.WriteStream): Screen {
  const interactive = out.isTTY;
  const widthNow = (): number => (interactive ? out.columns || USUAL_WIDTH : Number.POSITIVE_INFINITY);
  let shown: readonly string[] = [];

  /** In one go, over what is there: a picture that is wiped first would flicker. */
  const draw = (staying: readonly string[], changing: readonly string[]): void => {
    const back = shown.length > 0 ? `\r\u001b[${shown.length}A` : '\r';
    const lines = [...staying, ...changing].map((line) => `${line}\u001b[K\n`);
    out.write(`${back}${lines.join('')}\u001b[J`);
    shown = changing;
  };

  return {
    get width() {
      return widthNow();
    },
    interactive,
    say(lines) {
      if (lines.length === 0) return;
      if (interactive) draw(lines, shown);
      else out.write(lines.map((line) => `${line}\n`).join(''));
    },
    show(lines) {
      if (!interactive) return;
      // The last column is left free: some terminals go to the next line when it is written.
      const fitting = lines.map((line) => truncate(line, widthNow() - 1));
      if (fitting.join('\n') !== shown.join('\n')) draw([], fitting);
    },
  };
}
