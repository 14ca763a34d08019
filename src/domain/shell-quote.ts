/** How is a word written so that a POSIX shell reads it back as it is? */

/** Always in quotes: bare, `time` or `A=b` would mean something to the shell. No shell can be told a NUL. */
export function shellQuote(word: string): string {
  if (word.includes('\0'))
    throw new TypeError(`no shell word can hold a NUL character: ${JSON.stringify(word)}`);
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
