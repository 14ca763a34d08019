/** Reads and watches a mailbox over IMAP. Implements the `Mailbox` port. */
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { ImapFlow, type ImapFlowError } from 'imapflow';
import { quoted } from '../domain/mail-status.ts';
import type { Mailbox, MailboxCursor, MailboxPage, MailboxWatcher, PageLimits } from '../domain/mailbox.ts';

export interface MailboxSettings {
  /** By which people know it. */
  readonly name: string;
  /** `imaps://host[:993]`, or `imap://host[:143]` with STARTTLS; never without TLS. */
  readonly url: string;
  readonly user: string;
  readonly password: string;
  /** Default: INBOX. */
  readonly folder?: string;
  /** PEM certificates to trust instead of the public authorities. Certificates are verified always. */
  readonly ca?: string;
  /** How often the server is asked beside its own word, in ms. Default: 5 minutes; IDLE must not last 29. */
  readonly pollMs?: number;
  /** Pauses, in ms, that double: after a break from 1 s to 5 minutes, after a refused login from 5 minutes to 6 hours. */
  readonly pauses?: { readonly broken: Pauses; readonly login: Pauses };
}

interface Pauses {
  readonly firstMs: number;
  readonly mostMs: number;
}

const POLL_MS = 5 * 60_000;
const CONNECT_MS = 30_000;
const PAUSES = {
  broken: { firstMs: 1000, mostMs: 5 * 60_000 },
  // Some servers lock an account whose password was wrong a few times.
  login: { firstMs: 5 * 60_000, mostMs: 6 * 3_600_000 },
};
/** A server that answers with more than it was asked for is not read to its end. */
const MOST_RESPONSE = 64 * 1024 * 1024;

/** A mailbox that could not be read. */
class MailboxError extends Error {
  override readonly name = 'MailboxError';
  readonly retryable: boolean;

  constructor(message: string, how: { readonly retryable: boolean; readonly cause?: unknown }) {
    super(message, { cause: how.cause });
    this.retryable = how.retryable;
  }
}

/** @throws MailboxError when the settings cannot work. */
export function imapMailbox(settings: MailboxSettings): Mailbox {
  const door = new Door(settings);
  const { folder = 'INBOX', pollMs = POLL_MS, pauses = PAUSES } = settings;

  /** Works with the opened folder; whatever breaks is said in one way. */
  async function within<T>(signal: AbortSignal, work: (client: ImapFlow) => Promise<T>): Promise<T> {
    const client = await door.open(signal);
    const leave = (): void => client.close();
    signal.addEventListener('abort', leave);
    try {
      await client.mailboxOpen(folder, { readOnly: true });
      return await work(client);
    } catch (error) {
      signal.throwIfAborted();
      throw door.failure(error as ImapFlowError);
    } finally {
      signal.removeEventListener('abort', leave);
      client.close();
    }
  }

  return {
    read: (after, limits) => within(limits.signal, (client) => readPage(client, after, limits)),

    async watch(watcher: MailboxWatcher) {
      const { signal } = watcher;
      let failures = 0;
      while (!signal.aborted) {
        try {
          await within(signal, async (client) => {
            failures = 0;
            watcher.tell();
            await listen(client, watcher, pollMs);
          });
        } catch (error) {
          if (signal.aborted) return;
          watcher.troubled(error as Error);
        }
        failures += 1;
        await pause(doubled(pauses.broken, failures), undefined, { signal }).catch(() => {});
      }
    },
  };
}

async function readPage(
  client: ImapFlow,
  after: MailboxCursor | undefined,
  { most, maxBytes }: PageLimits,
): Promise<MailboxPage> {
  const { uidValidity, exists } = client.mailbox || { uidValidity: 0n, exists: 0 };
  const same = after?.uidValidity === String(uidValidity);
  const from = same ? after.uid : 0;
  const found = exists === 0 ? [] : await client.search({ uid: `${from + 1}:*` }, { uid: true });
  // Of `n:*` there is always one: the last of the mailbox, also where it comes before n.
  const uids = (found || []).filter((uid) => uid > from).toSorted((a, b) => a - b);
  const page = uids.slice(0, most);
  const mails: MailboxPage['mails'][number][] = [];
  const query = { uid: true, size: true, internalDate: true, source: { start: 0, maxLength: maxBytes } };
  // With `for await` a mail that is not looked at would hold the connection.
  for (const mail of page.length === 0 ? [] : await client.fetchAll(page.join(','), query, { uid: true })) {
    const raw = mail.source ?? Buffer.alloc(0);
    const receivedAt = new Date(mail.internalDate ?? 0);
    mails.push({ uid: mail.uid, receivedAt, raw, isCut: (mail.size ?? 0) > raw.length });
  }
  return {
    mails: mails.toSorted((a, b) => a.uid - b.uid),
    cursor: { uidValidity: String(uidValidity), uid: page.at(-1) ?? from },
    more: uids.length > page.length,
    renumbered: after !== undefined && !same,
  };
}

/** Tells of what comes until the connection breaks. */
async function listen(client: ImapFlow, watcher: MailboxWatcher, pollMs: number): Promise<void> {
  client.on('exists', ({ count, prevCount }) => {
    if (count > prevCount) watcher.tell();
  });
  const closed = once(client, 'close');
  // What breaks while nobody listens is seen at the next turn.
  closed.catch(() => {});
  while (client.usable && !watcher.signal.aborted) {
    // It ends the IDLE, which is begun anew: a server that has gone without a word is noticed, and none waits too long.
    const poll = setTimeout(() => void client.noop().catch(() => client.close()), pollMs);
    await Promise.race([client.idle(), closed]).finally(() => clearTimeout(poll));
  }
  throw new Error('the connection was closed');
}

/** Connects and signs in, and no sooner after a refused login than a pause allows. */
class Door {
  readonly #settings: MailboxSettings;
  readonly #at: string;
  readonly #login: Pauses;
  #refusals = 0;
  #notBefore = 0;
  #refusal = '';

  constructor(settings: MailboxSettings) {
    this.#settings = settings;
    this.#login = (settings.pauses ?? PAUSES).login;
    const url = URL.parse(settings.url);
    if (!url || !/^imaps?:$/.test(url.protocol) || url.hostname === '')
      throw this.#wrong('write imaps://host, or imap://host:port');
    if (url.username || url.password)
      throw this.#wrong('user and password do not belong into the URL; they have keys of their own');
    this.#at = `mailbox ${settings.name} (${url.hostname}${url.port === '' ? '' : `:${url.port}`}, ${settings.folder ?? 'INBOX'})`;
  }

  async open(signal: AbortSignal): Promise<ImapFlow> {
    signal.throwIfAborted();
    const waitMs = this.#notBefore - Date.now();
    if (waitMs > 0) {
      const next = new Date(this.#notBefore).toISOString();
      throw new MailboxError(`${this.#at}: ${this.#refusal}; not tried again before ${next}`, {
        retryable: false,
      });
    }
    const client = this.#client();
    // What breaks is the error of the command that finds it broken.
    client.on('error', () => {});
    const leave = (): void => client.close();
    signal.addEventListener('abort', leave);
    try {
      await client.connect();
      this.#refusals = 0;
      return client;
    } catch (error) {
      client.close();
      signal.throwIfAborted();
      throw this.failure(error as ImapFlowError);
    } finally {
      signal.removeEventListener('abort', leave);
    }
  }

  /** Says what broke, and whether it may be whole another time. */
  failure(error: ImapFlowError): MailboxError {
    const said = quoted(error.responseText ?? error.message);
    const failed = (why: string, retryable: boolean) =>
      new MailboxError(`${this.#at}: ${why}`, { retryable, cause: error });
    if (error.authenticationFailed && error.serverResponseCode !== 'UNAVAILABLE') {
      this.#refusals += 1;
      this.#notBefore = Date.now() + doubled(this.#login, this.#refusals);
      this.#refusal = `the login of ${this.#settings.user} was refused (${said})`;
      return failed(this.#refusal, false);
    }
    if (/CERT|ISSUER|SIGNATURE/.test(error.code ?? '')) {
      return failed(`its certificate is not trusted: ${error.message}`, false);
    }
    if (error.mailboxMissing || error.serverResponseCode === 'NONEXISTENT') {
      return failed(`there is no such folder (${said})`, false);
    }
    return failed(error.code === undefined ? said : `${said} (${error.code})`, true);
  }

  #client(): ImapFlow {
    const { url, user, password, ca } = this.#settings;
    const { protocol, hostname, port } = new URL(url);
    const secure = protocol === 'imaps:';
    return new ImapFlow({
      host: hostname.replaceAll(/[[\]]/g, ''),
      port: Number(port || (secure ? 993 : 143)),
      secure,
      ...(!secure && { doSTARTTLS: true }),
      auth: { user, pass: password },
      tls: { ...(ca !== undefined && { ca }) },
      logger: false,
      disableAutoIdle: true,
      connectionTimeout: CONNECT_MS,
      maxResponseSize: MOST_RESPONSE,
      maxLiteralSize: MOST_RESPONSE,
    });
  }

  #wrong(what: string): MailboxError {
    return new MailboxError(`mailboxes.${this.#settings.name}.imap: ${what}`, { retryable: false });
  }
}

function doubled({ firstMs, mostMs }: Pauses, times: number): number {
  return Math.min(firstMs * 2 ** (times - 1), mostMs);
}
