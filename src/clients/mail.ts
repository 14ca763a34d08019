/** Hands mails to a relay over SMTP; its errors say whether sending again helps. */
import { Readable } from 'node:stream';
import type { NodemailerError as SmtpError } from 'nodemailer/lib/errors';
import SMTPConnection, {
  type SMTPConnectionOptions,
  type SMTPConnectionSendInfo,
} from 'nodemailer/lib/smtp-connection';
import { composed, MailError, type MailSink, type Message } from './mail-message.ts';

export { mailFolder } from './mail-folder.ts';
export type { MailSink, OutgoingMail } from './mail-message.ts';

export interface SmtpSettings {
  /** `smtps://host[:465]`, or `smtp://host[:25]` with STARTTLS. User and password have their own keys. */
  readonly url: string;
  readonly user?: string;
  readonly password?: string;
  /** `Cloud patching <patching@example.org>` */
  readonly from: string;
  /** PEM certificates to trust instead of the public authorities. Certificates are verified always. */
  readonly ca?: string;
  /**
   * With `smtp:`, plain text instead of STARTTLS. Default: true on the loopback, where nobody listens
   * in and a relay's certificate is seldom made for that name; false elsewhere.
   */
  readonly insecure?: boolean;
  /**
   * For a whole mail, the relay's scan of it included. Default 100 s: an outbox that hides a mail for
   * two minutes while it is being sent must not show it to a second sender meanwhile.
   */
  readonly timeoutMs?: number;
}

const CONNECT_MS = 30_000;
/** nodemailer's words for a connection that could not be made or broke. */
const BROKEN = new Set(['ECONNECTION', 'ETIMEDOUT', 'ESOCKET', 'EDNS', 'ETLS']);

/**
 * A relay that speaks SMTP; each mail has a connection of its own. Replies 4xx and broken connections
 * are retryable, 5xx and what a person must mend are not.
 *
 * @throws MailError when the settings cannot work.
 */
export function smtpTransport(settings: SmtpSettings): MailSink {
  const relay = relayOf(settings);
  const { user, password, timeoutMs = 100_000 } = settings;
  const sending = new Set<(why: Error) => void>();
  /** Who has a mail that others still lack: by Message-ID, for as long as this process lives. */
  const taken = new Map<string, readonly string[]>();

  /** Resolves, once the relay has taken the mail, with its reasons not to take it for some recipients. */
  async function converse(
    connection: SMTPConnection,
    message: Message,
    body: Readable,
  ): Promise<SmtpError[]> {
    await answer((done) => connection.connect(done));
    if (user !== undefined) {
      if (!connection.allowsAuth) throw new Error('it offers no login, and a user is configured');
      await answer((done) => connection.login({ user, pass: password }, done));
    }
    const envelope = { from: message.from, to: [...message.to], size: message.bytes.length };
    const info = await answer<SMTPConnectionSendInfo>((done) => connection.send(envelope, body, done));
    return info?.rejectedErrors ?? [];
  }

  return {
    async send(mail) {
      const whole = await composed(mail, settings.from);
      const before = taken.get(whole.id) ?? [];
      const message = { ...whole, to: whole.to.filter((address) => !before.includes(address)) };
      const body = Readable.from([message.bytes]);
      const connection = new SMTPConnection(relay.options);
      const broken = Promise.withResolvers<never>();
      const timer = setTimeout(
        () => broken.reject(brokenOff(`it was not done within ${timeoutMs / 1000} s`)),
        timeoutMs,
      );
      connection.on('error', broken.reject);
      sending.add(broken.reject);
      let refused: SmtpError[];
      try {
        refused = await Promise.race([broken.promise, converse(connection, message, body)]);
      } catch (error) {
        throw failure(error as SmtpError, {
          message,
          relay: relay.name,
          before,
          handedOver: body.readableEnded,
        });
      } finally {
        clearTimeout(timer);
        sending.delete(broken.reject);
        connection.close();
      }
      taken.delete(message.id);
      if (refused.length === 0) return;
      const has = [
        ...before,
        ...message.to.filter((address) => refused.every(({ recipient }) => recipient !== address)),
      ];
      const retryable = refused.some(passes);
      if (retryable) taken.set(message.id, has);
      throw new MailError(
        `mail ${message.id}: ${relay.name} took it for ${has.join(', ')} but not for ${listed(refused)}`,
        {
          retryable,
          outcome: 'partly sent',
        },
      );
    },
    close() {
      for (const breakOff of sending) breakOff(brokenOff('it was broken off'));
    },
  };
}

function relayOf({ url, user, password, ca, insecure, timeoutMs }: SmtpSettings): {
  readonly name: string;
  readonly options: SMTPConnectionOptions;
} {
  const parsed = URL.parse(url);
  if (!parsed || !/^smtps?:$/.test(parsed.protocol) || parsed.hostname === '') {
    throw wrong('write smtps://host, or smtp://host:port');
  }
  if (parsed.username || parsed.password)
    throw wrong('user and password do not belong into the URL; they have keys of their own');
  if ((user === undefined) !== (password === undefined)) throw wrong('user and password go together');
  const secure = parsed.protocol === 'smtps:';
  const host = parsed.hostname.replaceAll(/[[\]]/g, '');
  const port = Number(parsed.port || (secure ? 465 : 25));
  const loopback = /^(localhost|127(\.\d+){3}|::1)$/.test(host);
  const plain = !secure && (insecure ?? loopback);
  return {
    name: `${parsed.hostname}:${port}`,
    options: {
      host,
      port,
      secure,
      ignoreTLS: plain,
      requireTLS: !secure && !plain,
      tls: { ...(ca !== undefined && { ca }) },
      allowInternalNetworkInterfaces: loopback,
      connectionTimeout: CONNECT_MS,
      greetingTimeout: CONNECT_MS,
      ...(timeoutMs !== undefined && { socketTimeout: timeoutMs }),
    },
  };
}

function wrong(what: string): MailError {
  return new MailError(`mail.smtp: ${what}`, { retryable: false });
}

interface Attempt {
  readonly message: Message;
  readonly relay: string;
  /** Who has the mail from an earlier attempt. */
  readonly before: readonly string[];
  /** It was on its way after the go-ahead to DATA: the relay may have it. */
  readonly handedOver: boolean;
}

function failure(error: SmtpError, { message, relay, before, handedOver }: Attempt): MailError {
  const said = error.responseCode !== undefined;
  const failed = (why: string, retryable: boolean, outcome?: MailError['outcome']) =>
    new MailError(`mail ${message.id} to ${message.to.join(', ')}: ${relay}: ${why}`, {
      retryable,
      outcome: outcome ?? (before.length > 0 ? 'partly sent' : 'not sent'),
      cause: error,
    });
  if (error.rejectedErrors)
    return failed(`refused ${listed(error.rejectedErrors)}`, error.rejectedErrors.some(passes));
  if (handedOver && !said)
    return failed(
      `the connection broke before it was known whether the mail was taken (${error.message})`,
      true,
      'unknown',
    );
  if (error.code === 'ETLS' && said && !passes(error)) {
    return failed(
      `no STARTTLS (${replyOf(error)}): use smtps:, or insecure: true if plain text will do`,
      false,
    );
  }
  if (/CERT|ISSUER|SIGNATURE/.test(error.originalCode ?? '')) {
    return failed(`its certificate is not trusted: ${error.message}`, false);
  }
  return failed(replyOf(error), said ? passes(error) : BROKEN.has(error.code ?? ''));
}

/** RFC 5321 4.2.1: 4xx may go well another time, 5xx will not. */
function passes(error: SmtpError): boolean {
  return error.responseCode !== undefined && error.responseCode < 500;
}

function listed(refused: readonly SmtpError[]): string {
  return refused.map((error) => `${error.recipient} (${replyOf(error)})`).join(', ');
}

/** The relay's own words if it said any, on one line. */
function replyOf(error: SmtpError): string {
  return (error.response ?? error.message).replaceAll(/\s+/g, ' ').trim();
}

/** Such as the breaking of a connection, but by us. */
function brokenOff(why: string): SmtpError {
  return Object.assign(new Error(why), { code: 'ECONNECTION' });
}

function answer<T>(ask: (done: (error?: Error | null, value?: T) => void) => void): Promise<T | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<T | undefined>();
  ask((error, value) => (error ? reject(error) : resolve(value)));
  return promise;
}
