/** How much may one asker take, and for how long does the server wait for anything? */

export interface Limits {
  /** Bytes of a body. */
  readonly bodyBytes: number;
  readonly headerBytes: number;
  /** From a connection's first byte until its request is there, body and all. */
  readonly requestMs: number;
  /** A connection on which nothing moves for so long is closed; streams send a comment before that. */
  readonly idleMs: number;
  /** Requests in a minute: of one token, and of one address that has shown none. */
  readonly perMinute: number;
  readonly strangersPerMinute: number;
  /** Logs followed at the same time. */
  readonly followers: number;
  readonly heartbeatMs: number;
  /** How often a log that is followed is looked at. */
  readonly lookMs: number;
  /** How long Redis may be silent before a request is told so; twice that is the longest a request waits for it. */
  readonly silenceMs: number;
  /** How long a request may take while Redis answers others. */
  readonly answerMs: number;
  /** How long requests under way may take once the server is told to close. */
  readonly farewellMs: number;
}

export const LIMITS: Limits = {
  bodyBytes: 256 * 1024,
  headerBytes: 16 * 1024,
  requestMs: 10_000,
  idleMs: 60_000,
  perMinute: 1200,
  strangersPerMinute: 60,
  followers: 100,
  heartbeatMs: 15_000,
  lookMs: 250,
  silenceMs: 450,
  answerMs: 10_000,
  farewellMs: 1000,
};
