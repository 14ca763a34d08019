/** Hands mails to a relay over SMTP; its errors say whether sending again helps. */
import { buffer } from 'node:stream/consumers';
import Dkim from 'nodemailer/lib/dkim';
import type { NodemailerError as SmtpError } from 'nodemailer/lib/errors';
import { quoted } from '../domain/mail-status.ts';
import { bounceAddress } from '../domain/verp.ts';
import { composed, type Letterhead, MailError, type MailSink, type Message } from './mail-message.ts';
import { brokenOff, Connections, type Envelope, type Lent, type Relay } from './smtp-connections.ts';

export { mailFolder } from './mail-folder.ts';
export type { MailSink, OutgoingMail } from './mail-message.ts';

export interface SmtpSettings extends Letterhead {
  /** `smtps://host[:465]`, or `smtp://host[:25]` with STARTTLS. User and password have their own keys. */
  readonly url: string;
  readonly user?: string;
  readonly password?: string;
  /** PEM certificates to trust instead of the public authorities. Certificates are verified always. */
  readonly ca?: string;
  /**
   * With `smtp:`, plain text instead of STARTTLS. Default: true on the loopback, where nobody listens
   * in and a relay's certificate is seldom made for that name; false elsewhere.
   */
  readonly insecure?: boolean;
  /** Where bounces go: the sender on the envelope, never `From`. With `verp` it names the reader. */
  readonly bounces?: { readonly address: string; readonly verp: boolean };
  /** Signs every mail; an RSA key in PEM. */
  readonly dkim?: { readonly domain: string; readonly selector: string; readonly key: string };
  /**
   * For a whole mail, the relay's scan of it included. Default 100 s: an outbox that hides a mail for
   * two minutes while it is being sent must not show it to a second sender meanwhile.
   */
  readonly timeoutMs?: number;
}

const CONNECT_MS = 30_000;
/** nodemailer's words for a connection that could not be made or broke. */
const BROKEN = new Set(['ECONNECTION', 'ETIMEDOUT', 'ESOCKET', 'EDNS', 'ETLS', 'EABORT']);

/**
 * A relay that speaks SMTP. Connections are kept for the next mails for some seconds; one that proves closed
 * before the mail was on its way is replaced by a new one. Replies 4xx and broken connections are retryable, 5xx
 * and what a person must mend are not.
 *
 * @throws MailError when the settings cannot work.
 */
export function smtpTransport(settings: SmtpSettings): MailSink {
  const relay = relayOf(settings);
  const { bounces, timeoutMs = 100_000 } = settings;
  const connections = new Connections(relay);
  const sign = signerOf(settings);

  /** Resolves, once the relay has answered for every reader of the envelope, with those it refused. */
  async function converse(
    envelope: Envelope,
    bytes: Buffer,
    sending: Sending,
  ): Promise<readonly SmtpError[]> {
    for (let fresh = false; ; fresh = true) {
      const lent = connections.lend({ fresh });
      sending.lent = lent;
      // Out of time between two connections.
      if (sending.late !== undefined) lent.breakOff(sending.late);
      try {
        const refused = await lent.send(envelope, bytes);
        lent.giveBack();
        return refused;
      } catch (error) {
        const stale = lent.reused && !lent.handedOver && isBroken(error as SmtpError);
        lent.breakOff(error as Error);
        if (!stale || fresh || sending.late !== undefined) throw error;
      }
    }
  }

  return {
    async send(mail, done = []) {
      const message = await composed(mail, settings);
      const to = message.to.filter((address) => !done.includes(address));
      if (to.length === 0) return;
      const bytes = await sign(message.bytes);
      const tally: Tally = { message, relay: relay.name, to, has: [], refused: [] };
      const sending: Sending = {};
      const timer = setTimeout(() => {
        sending.late = brokenOff(`it was not done within ${timeoutMs / 1000} s`, 'ECONNECTION');
        sending.lent?.breakOff(sending.late);
      }, timeoutMs);
      try {
        for (const envelope of envelopesOf({ ...message, to }, bounces)) {
          const refused = await converse(envelope, bytes, sending);
          const without = refused.map(({ recipient }) => recipient);
          tally.refused.push(...refused);
          tally.has.push(...envelope.to.filter((address) => !without.includes(address)));
        }
      } catch (error) {
        throw failure(error as SmtpError, tally, sending.lent);
      } finally {
        clearTimeout(timer);
      }
      if (tally.refused.length > 0) throw refusal(tally);
    },
    close() {
      connections.close();
    },
  };
}

/** A mail on its way: the connection that it has, and why no time is left. */
interface Sending {
  lent?: Lent;
  late?: SmtpError;
}

/** What the relay has said so far. */
interface Tally {
  readonly message: Message;
  readonly relay: string;
  /** Whom this try is for. */
  readonly to: readonly string[];
  readonly has: string[];
  readonly refused: SmtpError[];
}

/** A sender that names the reader has one reader. */
function envelopesOf({ from, to }: Message, bounces: SmtpSettings['bounces']): readonly Envelope[] {
  if (bounces === undefined) return [{ from, to }];
  if (!bounces.verp) return [{ from: bounces.address, to }];
  return to.map((reader) => ({ from: bounceAddress(bounces.address, reader), to: [reader] }));
}

function signerOf({ dkim }: SmtpSettings): (bytes: Buffer) => Promise<Buffer> {
  if (dkim === undefined) return (bytes) => Promise.resolve(bytes);
  const options = { domainName: dkim.domain, keySelector: dkim.selector, privateKey: dkim.key };
  return async (bytes) => {
    const signed = await buffer(new Dkim(options).sign(bytes));
    // A key that cannot sign is passed over without a word.
    if (signed.length > bytes.length) return signed;
    throw new MailError('mail.dkim: the key signs nothing; give an RSA key in PEM', {
      retryable: false,
      forAll: true,
    });
  };
}

function relayOf({ url, user, password, ca, insecure, timeoutMs }: SmtpSettings): Relay {
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
    ...(user !== undefined && password !== undefined && { login: { user, password } }),
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

function failure(error: SmtpError, tally: Tally, lent: Lent | undefined): MailError {
  const { message, relay, to, has } = tally;
  const said = error.responseCode !== undefined;
  const failed = (why: string, how: { retryable: boolean; unknown?: true; forAll?: boolean }) =>
    new MailError(`mail ${message.id} to ${to.join(', ')}: ${relay}: ${why}`, {
      ...how,
      outcome: how.unknown ? 'unknown' : has.length > 0 ? 'partly sent' : 'not sent',
      taken: has,
      refused: forGood(tally.refused),
      cause: error,
    });
  if (lent?.handedOver && !said)
    return failed(`the connection broke before it was known whether the mail was taken (${error.message})`, {
      retryable: true,
      unknown: true,
    });
  // Every other mail would be told the same before it was looked at.
  const forAll = lent?.entered === false && error.code !== 'EABORT';
  if (error.code === 'ETLS' && said && !passes(error)) {
    return failed(`no STARTTLS (${replyOf(error)}): use smtps:, or insecure: true if plain text will do`, {
      retryable: false,
      forAll,
    });
  }
  if (/CERT|ISSUER|SIGNATURE/.test(error.originalCode ?? '')) {
    return failed(`its certificate is not trusted: ${error.message}`, { retryable: false, forAll });
  }
  return failed(replyOf(error), {
    retryable: said ? passes(error) : isBroken(error),
    forAll: forAll || error.responseCode === 421 || (error.command === 'MAIL FROM' && passes(error)),
  });
}

/** The relay has answered for every reader, and refused some, or all. */
function refusal({ message, relay, to, has, refused }: Tally): MailError {
  const why =
    has.length === 0
      ? `mail ${message.id} to ${to.join(', ')}: ${relay}: refused ${listed(refused)}`
      : `mail ${message.id}: ${relay} took it for ${has.join(', ')} but not for ${listed(refused)}`;
  return new MailError(why, {
    retryable: refused.some(passes),
    outcome: has.length > 0 ? 'partly sent' : 'not sent',
    taken: has,
    refused: forGood(refused),
  });
}

function forGood(refused: readonly SmtpError[]): MailError['refused'] {
  return refused
    .filter((error) => !passes(error))
    .map((error) => ({ address: error.recipient ?? '', reply: quoted(replyOf(error)) }));
}

function isBroken(error: SmtpError): boolean {
  return error.responseCode === 421 || (error.responseCode === undefined && BROKEN.has(error.code ?? ''));
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
