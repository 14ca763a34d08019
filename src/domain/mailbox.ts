/** How is a mailbox read from where it was left, and how is it noticed that there is more? */

/**
 * The last message that was read. Where the server has numbered the mailbox anew (another `uidValidity`) it says
 * nothing, and all is read again: whoever reads must know again what it has dealt with.
 */
export type MailboxCursor = {
  readonly uidValidity: string;
  readonly uid: number;
};

interface ReceivedMail {
  readonly uid: number;
  /** When the server took it in; mailboxes that are copied may lose that. */
  readonly receivedAt: Date;
  /** From the first byte on, as far as was asked for. */
  readonly raw: Uint8Array;
  readonly isCut: boolean;
}

export interface MailboxPage {
  /** Oldest first. */
  readonly mails: readonly ReceivedMail[];
  /** Where to go on; to be kept together with what was made of the mails, and not before. */
  readonly cursor: MailboxCursor;
  /** There are more behind these. */
  readonly more: boolean;
  /** The mailbox was numbered anew since the cursor that was given. */
  readonly renumbered: boolean;
}

export interface PageLimits {
  /** Mails on a page. */
  readonly most: number;
  /** Of a mail; the rest of it is left on the server. */
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

export interface Mailbox {
  /**
   * The mails that came after the cursor, or all where there is none. Changes nothing in the mailbox, not even
   * what is marked as read. Throws an error with `retryable`.
   */
  read(after: MailboxCursor | undefined, limits: PageLimits): Promise<MailboxPage>;
  /**
   * Calls `tell` whenever there may be mails that it has not told of: at once, and after each break of the
   * connection. Goes on through every failure, which `troubled` hears of, until `signal` aborts.
   */
  watch(watcher: MailboxWatcher): Promise<void>;
}

export interface MailboxWatcher {
  tell(): void;
  troubled(why: Error): void;
  readonly signal: AbortSignal;
}

/** The table of cursors: name of the mailbox → `MailboxCursor`. */
export const MAILBOX_CURSORS = 'mailbox-cursors';
