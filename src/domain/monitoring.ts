/** The site's monitoring as jobs see it: what Prometheus answers, and which alerts Alertmanager has and keeps quiet. */

/** Label → regular expression that all of its value must match, as Alertmanager reads it. */
export type Matchers = Readonly<Record<string, string>>;

/** Throws errors with a `retryable` flag. */
export interface Prometheus {
  /**
   * The value of each series that an instant query finds now, with the labels that tell them apart; a scalar
   * is one without labels. None where it finds none.
   */
  query(query: string): Promise<readonly Sample[]>;
}

export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  /** May be NaN or infinite, as in Prometheus. */
  readonly value: number;
}

export interface OpenAlert {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** ISO 8601. */
  readonly since: string;
}

export interface Silence {
  /** Whose it is: by this it is found again, so it is in no other silence. */
  readonly mark: string;
  readonly matchers: Matchers;
  readonly until: Date;
}

/** Throws errors with a `retryable` flag. */
export interface Alertmanager {
  /** The alerts that fire and match, without those that are silenced or inhibited. */
  alerts(matchers: Matchers): Promise<readonly OpenAlert[]>;
  /**
   * Sees to it that this silence is there until then: makes it, prolongs the one of the same mark and matchers,
   * or leaves that alone when it ends late enough. Says when it ends.
   */
  silence(silence: Silence): Promise<Date>;
  /** Ends every silence of the mark; says how many were left to end. */
  expire(mark: string): Promise<number>;
  /** Ends them without us, in plain commands. */
  expireCommands(mark: string): Promise<readonly string[]>;
}
