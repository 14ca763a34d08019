/** Under which sender does a mail leave, so that its bounce tells whom it did not reach? Variable envelope return paths. */

/** RFC 5321 4.5.3.1.1. */
const LONGEST_LOCAL_PART = 64;
/** What stands in a local part without quotes, and in a host; that has no `=`, so that the last one divides. */
const LOCAL_PART = /^[\w.!#$%&'*/=?^`{|}~+-]+$/;
const HOST = /^[\w-]+(\.[\w-]+)+$/;

/**
 * `patchd@example.org` for the reader `alice@site.example` → `patchd+b=alice=site.example@example.org`; the address as it
 * is for a reader that cannot be written so.
 */
export function bounceAddress(address: string, reader: string): string {
  const [local, domain] = divided(address, '@');
  const [name, host] = divided(reader, '@');
  const verp = `${local}+b=${name}=${host}`;
  return LOCAL_PART.test(verp) && verp.length <= LONGEST_LOCAL_PART && HOST.test(host)
    ? `${verp}@${domain}`
    : address;
}

/** The reader whom `bounceAddress` wrote into `given`; undefined where `given` is no such address of ours. */
export function readerIn(address: string, given: string): string | undefined {
  const [local, domain] = divided(address, '@');
  const [verp, at] = divided(given, '@');
  const mark = `${local}+b=`;
  if (at.toLowerCase() !== domain.toLowerCase() || !verp.toLowerCase().startsWith(mark.toLowerCase()))
    return undefined;
  const [name, host] = divided(verp.slice(mark.length), '=');
  return name === '' || !HOST.test(host) || !LOCAL_PART.test(name) ? undefined : `${name}@${host}`;
}

/** The text around the last `mark`; empty where it has none. */
function divided(text: string, mark: string): readonly [string, string] {
  const at = text.lastIndexOf(mark);
  return at === -1 ? ['', ''] : [text.slice(0, at), text.slice(at + 1)];
}
