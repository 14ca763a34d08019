/** What goes over the wire for a mail? Its bytes and its envelope, or all that is wrong with it. */
import { createHash } from 'node:crypto';
import addressparser from 'nodemailer/lib/addressparser';
import MailComposer from 'nodemailer/lib/mail-composer';

export interface OutgoingMail {
  /** With or without angle brackets. Whoever sees the mail twice knows it by this. */
  readonly messageId: string;
  /** Default: the sender that the transport was given. */
  readonly from?: string;
  /** One address each, `a@example.org` or `Ann <a@example.org>`. */
  readonly to: readonly string[];
  readonly subject: string;
  readonly text: string;
  readonly html?: string;
  /** Further headers. `Date` stands for the time of sending. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** Somewhere mails go. */
export interface MailSink {
  /**
   * Resolves once the mail is taken. Sent twice it is there twice, with one Message-ID; a folder
   * keeps one.
   *
   * @throws MailError
   */
  send(mail: OutgoingMail): Promise<void>;
  /** Breaks off what is being sent. */
  close(): void;
}

/** A mail that was not sent, not to everybody, or of which nobody knows. */
export class MailError extends Error {
  override readonly name = 'MailError';
  readonly retryable: boolean;
  /** `unknown`: the relay had let the mail come and vanished before it said whether it takes it. */
  readonly outcome: 'not sent' | 'partly sent' | 'unknown';

  constructor(message: string, how: { retryable: boolean; outcome?: MailError['outcome']; cause?: unknown }) {
    super(message, 'cause' in how ? { cause: how.cause } : {});
    this.retryable = how.retryable;
    this.outcome = how.outcome ?? 'not sent';
  }
}

export interface Message {
  /** Without angle brackets. */
  readonly id: string;
  readonly from: string;
  /** Addresses alone, each once. */
  readonly to: readonly string[];
  readonly bytes: Buffer;
}

/** Headers that the mail's own fields make; set twice they would contradict each other. */
const OURS = new Set([
  'from',
  'sender',
  'to',
  'cc',
  'bcc',
  'subject',
  'message-id',
  'auto-submitted',
  'mime-version',
]);
const CONTROL = /\p{Cc}/u;

/**
 * Composes a mail; the same mail with the same `Date` gives the same bytes.
 *
 * @throws MailError, not retryable, that names every fault.
 */
export async function composed(mail: OutgoingMail, sender: string): Promise<Message> {
  const from = mail.from ?? sender;
  const faults = faultsOf({ ...mail, from });
  if (faults.length > 0) {
    throw new MailError(`mail ${JSON.stringify(mail.messageId)} cannot be sent: ${faults.join('; ')}`, {
      retryable: false,
    });
  }
  const id = mail.messageId.replaceAll(/[<>]/g, '');
  const node = new MailComposer({
    messageId: `<${id}>`,
    from,
    to: [...mail.to],
    subject: mail.subject,
    text: mail.text,
    ...(mail.html !== undefined && { html: mail.html }),
    // RFC 3834: so that no vacation notice answers.
    headers: { ...mail.headers, 'Auto-Submitted': 'auto-generated' },
    baseBoundary: createHash('sha256').update(id).digest('hex').slice(0, 16),
    newline: 'windows',
    disableFileAccess: true,
    disableUrlAccess: true,
  }).compile();
  const envelope = node.getEnvelope();
  return { id, from: envelope.from || '', to: envelope.to, bytes: await node.build() };
}

function faultsOf(mail: OutgoingMail & { from: string }): string[] {
  const headers = Object.entries(mail.headers ?? {});
  return [
    ...(/^(<[^\s<>@]+@[^\s<>@]+>|[^\s<>@]+@[^\s<>@]+)$/.test(mail.messageId)
      ? []
      : ['its Message-ID is not of the form id@host']),
    ...(isOneAddress(mail.from) ? [] : [`from ${JSON.stringify(mail.from)} is not one address`]),
    ...(mail.to.length > 0 ? [] : ['it goes to nobody']),
    ...mail.to.filter((to) => !isOneAddress(to)).map((to) => `to ${JSON.stringify(to)} is not one address`),
    ...(CONTROL.test(mail.subject) ? ['its subject has a line break or another control character'] : []),
    ...headers.flatMap(([name, value]) => {
      if (!/^[!-9;-~]+$/.test(name)) return [`header ${JSON.stringify(name)} is no name`];
      if (OURS.has(name.toLowerCase()) || /^content-/i.test(name))
        return [`header ${name} is not free to choose`];
      return CONTROL.test(value) ? [`header ${name} has a line break or another control character`] : [];
    }),
  ];
}

function isOneAddress(text: string): boolean {
  const [first, ...others] = CONTROL.test(text) ? [] : addressparser(text);
  return others.length === 0 && /^[^\s@]+@[^\s@]+$/.test(first?.address ?? '');
}
