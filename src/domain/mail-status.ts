/** What does a mail system's answer say of the address that it was given for? */

/** RFC 3463: class, subject, detail. */
const ENHANCED = /(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])/;
const LONGEST_WHY = 300;

/**
 * `bounced`: nobody can be reached there. `doubtful`: this mail was not taken for good, and the address is not to
 * blame: a full mailbox, a mail that was too large or that a policy forbids. `passing`: it may go well another time.
 */
export type AddressVerdict = 'bounced' | 'doubtful' | 'passing';

/** The enhanced status code in a text, such as `5.1.1`; undefined where there is none. */
function enhancedStatus(text: string): string | undefined {
  return ENHANCED.exec(text)?.[0];
}

/**
 * Judges a reply (`550 5.1.1 no such user`), a status (`5.2.2`), or a status with what is said to it: the first
 * code that tells more than the class counts (RFC 3463: x.1 address, x.2 mailbox, x.3 system, x.4 routing, x.5
 * protocol, x.6 content, x.7 policy). A reply without such a code is judged by its own: 552 is a full mailbox.
 */
export function judgeStatus(...texts: readonly string[]): AddressVerdict {
  const codes = texts.flatMap((text) => enhancedStatus(text) ?? []);
  const code = codes.find((one) => !one.endsWith('.0.0')) ?? codes[0];
  if (code === undefined) return judgeReply(texts.find((text) => /^\s*\d{3}/.test(text)) ?? '');
  const [kind, subject] = code.split('.');
  if (kind !== '5') return 'passing';
  if (code === '5.2.2' || subject === '3' || subject === '6' || subject === '7') return 'doubtful';
  return 'bounced';
}

function judgeReply(reply: string): AddressVerdict {
  const code = Number.parseInt(reply, 10);
  if (!(code >= 500 && code < 600)) return 'passing';
  return code === 552 ? 'doubtful' : 'bounced';
}

/** What another mail system said, on one line, without what could steer a terminal or reorder a text, and cut. */
export function quoted(text: string): string {
  const line = text
    .slice(0, 4 * LONGEST_WHY)
    .replaceAll(/[\p{Cc}\p{Cf}\s]+/gu, ' ')
    .trim();
  return line.length > LONGEST_WHY ? `${line.slice(0, LONGEST_WHY)} …` : line;
}
