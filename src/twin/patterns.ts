/** The patterns of the shell and its programs, as sources of JavaScript's regular expressions. */

/** Matches just this text. */
export function literal(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, String.raw`\$&`);
}

/** Of file names: `*` and `?` stand for anything but a slash. */
export function glob(text: string): string {
  return text
    .split(/(\*|\?|\[[^\]]*\])/)
    .map((piece) => {
      if (piece === '*') return '[^/]*';
      if (piece === '?') return '[^/]';
      return /^\[.*\]$/.test(piece) ? piece.replace(/^\[!/, '[^') : literal(piece);
    })
    .join('');
}

/** A basic regular expression, in which brackets and bars are plain unless they are escaped. */
export function basic(text: string): string {
  return text.replaceAll(
    /\\([(){}+?|])|([(){}+?|])/g,
    (_, escaped: string | undefined, plain: string | undefined) => escaped ?? `\\${plain}`,
  );
}
