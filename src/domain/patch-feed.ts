/** What does a patch feed tell of the machines that report to it? The port, and what a poll brings. */

/** One thing that speaks against a machine. */
export interface Finding {
  /** `CVE-2024-6387`, an advisory's id, or the name of what is pending: `security-updates`. Unique per host. */
  readonly id: string;
  /** The feed's words for how bad it is, worst first: `EGI-Critical`, `High`; empty where it has none. */
  readonly tags: readonly string[];
  /** CVSS base score, 0–10. */
  readonly score?: number;
  readonly package?: string;
  readonly installed?: string;
  /** The first version that is not affected. */
  readonly fixed?: string;
  /** What is installed would do: only the kernel that runs is old. */
  readonly needsReboot?: boolean;
  /** When it was published or tagged, ISO 8601 in UTC; absent where the feed does not tell. */
  readonly advisedAt?: string;
  readonly url?: string;
}

/** What a feed knows of one machine. Names come from the machine itself: they may be hostile. */
export interface ReportedHost {
  /** What the machine calls itself, as it stands in the feed, with HTML escapes undone. */
  readonly hostname?: string;
  readonly addresses?: readonly string[];
  /** Where the feed itself knows the server or its project. */
  readonly serverId?: string;
  readonly projectId?: string;
  /** `Rocky Linux 9.3`, `Debian 12` … */
  readonly os?: string;
  /** When it last reported, ISO 8601 in UTC; absent: never, or not told. */
  readonly lastReport?: string;
  readonly findings: readonly Finding[];
  /** A patched kernel is installed and an older one runs; absent where the feed cannot tell. */
  readonly rebootRequired?: boolean;
  /** Pending security updates; absent where the feed does not count. */
  readonly securityUpdates?: number;
}

export interface Poll {
  /** The feed's name in the configuration. */
  readonly feed: string;
  readonly takenAt: string;
  /** All that the feed knows is in it. What is missing from an incomplete poll is not resolved. */
  readonly complete: boolean;
  /** Why it is incomplete, and what was left out of it; for operators. */
  readonly warnings: readonly string[];
  /** True: a machine that is well is listed, too. False: only machines with findings are (Pakiti). */
  readonly listsClean: boolean;
  readonly hosts: readonly ReportedHost[];
}

export interface PatchFeed {
  readonly name: string;
  /** Throws an error with `retryable`, and with words for operators, when the feed is broken: nothing is known then. */
  poll(signal: AbortSignal): Promise<Poll>;
}
