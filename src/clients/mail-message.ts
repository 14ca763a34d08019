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

/** What all mails of a sender have in common. */
export interface Letterhead {
  /** `Cloud patching <patching@example.org>` */
  readonly from: string;
  /** By which readers sort the mails: `Cloud patching <patching.example.org>`, RFC 2919. */
  readonly listId?: string;
}

/** Somewhere mails go. */
export interface MailSink {
  /**
   * Resolves once the mail is taken for everybody but those who are `done` with: who has it, or was refused for
   * good, at an earlier try. Sent twice it is there twice, with one Message-ID; a folder keeps one.
   *
   * @throws MailError
   */
  send(mail: OutgoingMail, done?: readonly string[]): Promise<void>;
  /** Breaks off what is being sent. */
  close(): void;
}

/** A mail that was not sent, not to everybody, or of which nobody knows. */
export class MailError extends Error {
  override readonly name = 'MailError';
  readonly retryable: boolean;
  /** `unknown`: the relay had let the mail come and vanished before it said whether it takes it. */
  readonly outcome: 'not sent' | 'partly sent' | 'unknown';
  /** No other mail would fare better now: the relay is away, or lets nobody in. */
  readonly forAll: boolean;
  /** Who has it from this try. */
  readonly taken: readonly string[];
  /** Whom the relay refused for good, in answer to RCPT, with its words. */
  readonly refused: readonly { readonly address: string; readonly reply: string }[];

  constructor(
    message: string,
    how: Pick<MailError, 'retryable'> &
      Partial<Pick<MailError, 'outcome' | 'forAll' | 'taken' | 'refused' | 'cause'>>,
  ) {
    super(message, 'cause' in how ? { cause: how.cause } : {});
    this.retryable = how.retryable;
    this.outcome = how.outcome ?? 'not sent';
    this.forAll = how.forAll ?? false;
    this.taken = how.taken ?? [];
    this.refused = how.refused ?? [];
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
  'x-auto-response-suppress',
  'list-id',
  'mime-version',
]);
const CONTROL = /\p{Cc}/u;

/**
 * Composes a mail; the same mail with the same `Date` gives the same bytes.
 *
 * @throws MailError, not retryable, that names every fault.
 */
export async function composed(mail: OutgoingMail, { from: sender, listId }: Letterhead): Promise<Message> {
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
    headers: {
      ...mail.headers,
      ...(listId !== undefined && { 'List-Id': listId }),
      // So that no vacation notice answers: RFC 3834, and what Exchange heeds instead.
      'Auto-Submitted': 'auto-generated',
      'X-Auto-Response-Suppress': 'OOF, AutoReply',
    },
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
