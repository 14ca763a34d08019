/** How are connections to a relay made, lent, and kept for the next mail? */
import { Readable } from 'node:stream';
import type { NodemailerError as SmtpError } from 'nodemailer/lib/errors';
import SMTPConnection, {
  type SMTPConnectionOptions,
  type SMTPConnectionSendInfo,
} from 'nodemailer/lib/smtp-connection';

export interface Relay {
  /** `relay.example.org:465` */
  readonly name: string;
  readonly options: SMTPConnectionOptions;
  readonly login?: { readonly user: string; readonly password: string };
}

export interface Envelope {
  readonly from: string;
  readonly to: readonly string[];
}

/** A connection that carries one mail at a time. */
export interface Lent {
  /** It has carried mails before, so the relay may have closed it by now. */
  readonly reused: boolean;
  /**
   * Resolves with the relay's reasons not to take the mail for some recipients, or for any. Rejects with what
   * the relay or the network said; `handedOver` tells then whether the relay may have the mail.
   */
  send(envelope: Envelope, bytes: Buffer): Promise<readonly SmtpError[]>;
  /** It was on its way after the go-ahead to DATA. */
  readonly handedOver: boolean;
  /** The relay has let us in. */
  readonly entered: boolean;
  /** Breaks off what is being sent, and closes the connection. */
  breakOff(why: Error): void;
  /** Keeps the connection for the next mail, if it is one that can be kept. */
  giveBack(): void;
}

/** Relays close connections that are idle, and want new ones after a while. */
const IDLE_MS = 5000;
const MOST_MAILS = 100;

/** A relay's connections, of which those that are given back are lent first. */
export class Connections {
  readonly #relay: Relay;
  readonly #idle: Connection[] = [];
  readonly #lent = new Set<Connection>();

  constructor(relay: Relay) {
    this.#relay = relay;
  }

  /** One that is kept, or a new one, logged in at its first use; `fresh`: all that are kept proved stale. */
  lend({ fresh = false }: { readonly fresh?: boolean } = {}): Lent {
    if (fresh) for (const kept of this.#idle.splice(0)) kept.close();
    const connection = this.#idle.pop() ?? new Connection(this.#relay, (one) => this.#settle(one));
    connection.leaveIdle();
    this.#lent.add(connection);
    return connection;
  }

  close(): void {
    for (const kept of this.#idle.splice(0)) kept.close();
    for (const lent of this.#lent) lent.breakOff(brokenOff('it was broken off', 'EABORT'));
  }

  /** Keeps a connection that is given back; forgets one that is closed. */
  #settle(connection: Connection): void {
    this.#lent.delete(connection);
    const at = this.#idle.indexOf(connection);
    if (connection.usable && at === -1) this.#idle.push(connection);
    if (!connection.usable && at !== -1) this.#idle.splice(at, 1);
  }
}

class Connection implements Lent {
  readonly #relay: Relay;
  readonly #smtp: SMTPConnection;
  readonly #settled: (connection: Connection) => void;
  readonly #broken = Promise.withResolvers<never>();
  #mails = 0;
  #open = false;
  #closed = false;
  #body: Readable | undefined;
  #idle: NodeJS.Timeout | undefined;

  constructor(relay: Relay, settled: (connection: Connection) => void) {
    this.#relay = relay;
    this.#settled = settled;
    this.#smtp = new SMTPConnection(relay.options);
    // Nobody may be listening when it breaks.
    this.#broken.promise.catch(() => {});
    this.#smtp.on('error', (error) => this.breakOff(error));
    this.#smtp.once('end', () => this.close());
  }

  get usable(): boolean {
    return !this.#closed && this.#mails < MOST_MAILS;
  }
  get reused(): boolean {
    return this.#mails > 0;
  }
  get entered(): boolean {
    return this.#open;
  }
  get handedOver(): boolean {
    return this.#body?.readableEnded ?? false;
  }

  async send({ from, to }: Envelope, bytes: Buffer): Promise<readonly SmtpError[]> {
    const body = Readable.from([bytes]);
    this.#body = body;
    const converse = async (): Promise<readonly SmtpError[]> => {
      if (!this.#open) await this.#begin();
      const envelope = { from, to: [...to], size: bytes.length };
      const info = await answer<SMTPConnectionSendInfo>((done) => this.#smtp.send(envelope, body, done));
      return info?.rejectedErrors ?? [];
    };
    try {
      return await Promise.race([this.#broken.promise, converse()]);
    } catch (error) {
      const refused = (error as SmtpError).rejectedErrors;
      if (refused === undefined) throw error;
      // The sender stands still: the next mail would be a second one to the same transaction.
      await Promise.race([this.#broken.promise, answer((done) => this.#smtp.reset(done))]).catch(() =>
        this.close(),
      );
      return refused;
    } finally {
      this.#mails += 1;
    }
  }

  async #begin(): Promise<void> {
    const { login } = this.#relay;
    await answer((done) => this.#smtp.connect(done));
    if (login !== undefined) {
      if (!this.#smtp.allowsAuth) {
        throw Object.assign(new Error('it offers no login, and a user is configured'), { code: 'EAUTH' });
      }
      await answer((done) => this.#smtp.login({ user: login.user, pass: login.password }, done));
    }
    this.#open = true;
  }

  breakOff(why: Error): void {
    this.#broken.reject(why);
    this.close();
  }

  giveBack(): void {
    if (!this.usable) return this.close();
    this.#idle = setTimeout(() => this.close(), IDLE_MS);
    // What is kept for the next mail keeps no process.
    this.#idle.unref();
    this.#settled(this);
  }

  leaveIdle(): void {
    clearTimeout(this.#idle);
  }

  close(): void {
    if (this.#closed) return;
    this.leaveIdle();
    this.#closed = true;
    this.#smtp.close();
    this.#settled(this);
  }
}

/** Such as the breaking of a connection, but by us; `EABORT` when we want no mail any more. */
export function brokenOff(why: string, code: 'ECONNECTION' | 'EABORT'): SmtpError {
  return Object.assign(new Error(why), { code });
}

function answer<T>(ask: (done: (error?: Error | null, value?: T) => void) => void): Promise<T | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<T | undefined>();
  ask((error, value) => (error ? reject(error) : resolve(value)));
  return promise;
}
