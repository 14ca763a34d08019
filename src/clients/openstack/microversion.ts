/** Which microversion of a service both sides speak. */
import { z } from 'zod';
import { OpenStackError } from './error.ts';

export interface Wanted {
  /** Below this the service lacks something that we read. */
  readonly atLeast: string;
  readonly atMost: string;
}

/**
 * Compute 2.69 is the first that shows the rows of a silent cell as UNKNOWN. 2.87 is the last whose
 * hypervisor list does not ask every compute service for its uptime: from 2.88 on, one that died a
 * moment ago makes the whole list a 500.
 *
 * `servers` is for the calls about servers alone: 2.96 is the first to tell which zone binds one.
 *
 * Placement 1.14 is the first with provider trees.
 */
export const WANTED = {
  compute: { atLeast: '2.69', atMost: '2.87' },
  servers: { atLeast: '2.69', atMost: '2.96' },
  placement: { atLeast: '1.14', atMost: '1.39' },
} as const satisfies Record<string, Wanted>;

/** One version as Nova (`version`) or Placement (`max_version`) describes it. */
const Version = z.object({
  id: z.string(),
  min_version: z.string(),
  version: z.string().optional(),
  max_version: z.string().optional(),
});

/** What a service answers at its endpoint: its one version, or, above all versions, each of them. */
export const VersionDocument = z.union([
  z.object({ version: Version }),
  z.object({ versions: z.array(Version).min(1) }),
]);

export interface Offer {
  /** `v2.1` */
  readonly id: string;
  readonly min: string;
  readonly max: string;
}

/** The newest of the versions that a document offers. */
export function offerOf(document: z.infer<typeof VersionDocument>): Offer {
  const versions = 'version' in document ? [document.version] : document.versions;
  const offers = versions.map(({ id, min_version, version, max_version }) => ({
    id,
    min: min_version,
    max: max_version ?? version ?? '',
  }));
  return offers.reduce((newest, offer) => (compare(offer.max, newest.max) > 0 ? offer : newest));
}

/** The highest microversion of both; OpenStackError when there is none that has all we need. */
export function chooseMicroversion(service: string, wanted: Wanted, offer: Offer): string {
  if (compare(offer.max, wanted.atLeast) < 0)
    throw new OpenStackError(
      `${service} speaks microversions up to ${offer.max || 'none'}, Nightshift needs ${wanted.atLeast} or newer`,
      { retryable: false },
    );
  if (compare(offer.min, wanted.atMost) > 0)
    throw new OpenStackError(
      `${service} speaks microversions from ${offer.min} on, Nightshift knows them up to ${wanted.atMost}`,
      { retryable: false },
    );
  return compare(offer.max, wanted.atMost) < 0 ? offer.max : wanted.atMost;
}

/** Below zero when `a` is older than `b`; 2.9 is older than 2.10, and nothing is older than something. */
function compare(a: string, b: string): number {
  const [majorA = 0, minorA = 0] = a.split('.').map(Number);
  const [majorB = 0, minorB = 0] = b.split('.').map(Number);
  return majorA - majorB || minorA - minorB;
}
