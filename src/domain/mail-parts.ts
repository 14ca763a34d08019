/**
 * Of which parts is a mail made? Enough of MIME for reports that machines write for machines (RFC 3462), whoever
 * sent them: each part with its fields, nothing nested deeper than they are, and never more work than there are bytes.
 */

export interface MailPart {
  /** Fields by name in lower case, unfolded; the first of a name comes first. */
  readonly fields: Fields;
  /** `message/delivery-status`; `text/plain` where the mail does not say. */
  readonly type: string;
  /** As it came, its transfer encoding undone. */
  readonly body: string;
}

export type Fields = ReadonlyMap<string, readonly string[]>;

/** A line of a header that is longer is not read to its end. */
const LONGEST_FIELD = 4096;
const MOST_FIELDS = 500;
const MOST_PARTS = 50;

/** The mail's own fields, and its parts in their order; none where it is not made of parts. */
export function mailParts(raw: string): { readonly whole: MailPart; readonly parts: readonly MailPart[] } {
  const whole = partOf(raw);
  const boundary = parameterOf(whole.fields.get('content-type')?.[0] ?? '', 'boundary');
  if (!whole.type.startsWith('multipart/') || boundary === undefined) return { whole, parts: [] };
  return { whole, parts: cut(whole.body, `--${boundary}`).map(partOf) };
}

/** Blocks of fields, an empty line between two; as in `message/delivery-status`. */
export function fieldBlocks(body: string): readonly Fields[] {
  return body
    .split(/\r?\n(?:[ \t]*\r?\n)+/, MOST_PARTS + 1)
    .filter((block) => block.trim() !== '')
    .map(fieldsOf);
}

/** The value of `name=` in a field such as `multipart/report; report-type=delivery-status`. */
export function parameterOf(field: string, name: string): string | undefined {
  for (const part of field.split(';').slice(1)) {
    const at = part.indexOf('=');
    if (at === -1 || part.slice(0, at).trim().toLowerCase() !== name) continue;
    return part
      .slice(at + 1)
      .trim()
      .replaceAll(/^"|"$/g, '');
  }
  return undefined;
}

function partOf(text: string): MailPart {
  const end = /\r?\n\r?\n/.exec(text);
  const fields = fieldsOf(end === null ? text : text.slice(0, end.index));
  const body = end === null ? '' : text.slice(end.index + end[0].length);
  const [type = ''] = (fields.get('content-type')?.[0] ?? '').split(';');
  return {
    fields,
    type: type.trim().toLowerCase() || 'text/plain',
    body: decoded(body, fields.get('content-transfer-encoding')?.[0] ?? ''),
  };
}

function fieldsOf(head: string): Fields {
  const fields = new Map<string, string[]>();
  const lines = head.replaceAll(/\r?\n[ \t]+/g, ' ').split(/\r?\n/, MOST_FIELDS);
  for (const line of lines) {
    const at = line.indexOf(':');
    const name = line.slice(0, at).trim().toLowerCase();
    if (at < 1 || !/^[!-9;-~]+$/.test(name)) continue;
    const value = line.slice(at + 1, at + 1 + LONGEST_FIELD).trim();
    fields.set(name, [...(fields.get(name) ?? []), value]);
  }
  return fields;
}

/** What lies between the lines that begin with the mark; what was cut off at its end counts as its last part. */
function cut(body: string, mark: string): string[] {
  const parts: string[] = [];
  let from = -1;
  for (let at = 0; parts.length < MOST_PARTS; ) {
    const next = body.startsWith(mark, at) ? at : lineWith(body, mark, at);
    if (next === -1) break;
    if (from !== -1) parts.push(body.slice(from, next).replace(/\r?\n$/, ''));
    const line = body.indexOf('\n', next);
    from = line === -1 ? body.length : line + 1;
    if (body.startsWith('--', next + mark.length)) return parts;
    at = from;
  }
  return from === -1 ? parts : [...parts, body.slice(from)].slice(0, MOST_PARTS);
}

function lineWith(body: string, mark: string, from: number): number {
  const at = body.indexOf(`\n${mark}`, Math.max(0, from - 1));
  return at === -1 ? -1 : at + 1;
}

function decoded(body: string, encoding: string): string {
  switch (encoding.trim().toLowerCase()) {
    case 'base64':
      return Buffer.from(body, 'base64').toString();
    case 'quoted-printable':
      return Buffer.from(
        body
          .replaceAll(/=[ \t]*\r?\n/g, '')
          .replaceAll(/=([0-9A-Fa-f]{2})/g, (_, hex: string) =>
            String.fromCharCode(Number.parseInt(hex, 16)),
          ),
        'latin1',
      ).toString();
    default:
      return body;
  }
}
