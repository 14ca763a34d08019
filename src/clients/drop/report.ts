/** What may one line of a drop say of a machine? */
import { isIP } from 'node:net';
import { z } from 'zod';
import type { Finding, ReportedHost } from '../../domain/patch-feed.ts';
import { faultsOf, sayPath, wordsOf } from '../../domain/words.ts';
import { bounded, timeReader, webLink, worstFirst } from '../feed-text.ts';

const MOST_ADDRESSES = 64;
const MOST_TAGS = 64;
const MOST_UPDATES = 100_000;

/** Reads a line's value: a machine, or what is wrong with it. */
export type ReadReport = (value: unknown) => { host: ReportedHost } | { faults: string[] };

/** `zone`: of times without an offset; `order` of tags: the worst first. */
export function reportReader({ zone, order }: { zone: string; order: readonly string[] }): ReadReport {
  const schema = reportSchema(timeReader(zone), worstFirst(order));
  return (value) => {
    const read = schema.safeParse(value, { error: wordsOf });
    if (read.success) return { host: read.data };
    return {
      faults: faultsOf(read.error).map(({ path, message }) =>
        path.length === 0 ? message : `${sayPath(path)}: ${message}`,
      ),
    };
  };
}

function reportSchema(
  timeOf: ReturnType<typeof timeReader>,
  byBadness: ReturnType<typeof worstFirst>,
): z.ZodType<ReportedHost> {
  const text = (most: number) => z.string().transform((given) => bounded(given, most));
  const time = z.string().transform((given, ctx) => {
    const instant = timeOf(given.trim());
    if (instant !== undefined) return instant;
    ctx.addIssue({ code: 'custom', message: 'is no time (2026-11-27T06:00:00Z, or 2026-11-27 06:00)' });
    return z.NEVER;
  });
  const finding = z.strictObject({
    id: z
      .string()
      .trim()
      .min(1)
      .transform((id) => id.slice(0, 128)),
    tags: z
      .array(text(64))
      .max(MOST_TAGS)
      .default([])
      .transform((tags) => [...new Set(tags.filter((tag) => tag !== undefined))].toSorted(byBadness)),
    score: z.number().min(0).max(10).optional(),
    package: text(255).optional(),
    installed: text(255).optional(),
    fixed: text(255).optional(),
    needsReboot: z.boolean().optional(),
    advisedAt: time.optional(),
    url: z.string().transform(webLink).optional(),
  });
  return z
    .strictObject({
      host: text(255).optional(),
      serverId: text(64).optional(),
      projectId: text(64).optional(),
      addresses: z
        .array(z.string().refine((given) => isIP(given) !== 0, { error: 'is no address' }))
        .max(MOST_ADDRESSES)
        .optional(),
      os: text(255).optional(),
      lastReport: time.optional(),
      rebootRequired: z.boolean().optional(),
      securityUpdates: z.int().min(0).max(MOST_UPDATES).optional(),
      findings: z.array(finding).default([]),
    })
    .superRefine(({ host, serverId, addresses = [] }, ctx) => {
      if (host ?? serverId ?? addresses[0]) return;
      ctx.addIssue({ code: 'custom', message: 'says of no machine: give host, serverId or addresses' });
    })
    .transform(({ host: hostname, findings, ...rest }) => ({
      ...given({ hostname, ...rest }),
      findings: findings.map((each): Finding => given(each) as Finding),
    }));
}

/** Without the keys that have no value. */
function given<T extends object>(keys: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  const entries = Object.entries(keys).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]: Exclude<T[K], undefined> };
}
