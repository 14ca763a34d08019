/** Why does a file that others drop tell nothing? */

/** Nothing is known then. */
export class DropError extends Error {
  override readonly name = 'DropError';
  /** True where the file could not be had; what it says does not change by reading it again. */
  readonly retryable: boolean;

  constructor(message: string, how: { retryable: boolean; cause?: unknown }) {
    super(message, { cause: how.cause });
    this.retryable = how.retryable;
  }
}
