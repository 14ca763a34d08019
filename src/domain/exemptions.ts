/** What does somebody allow to stay unpatched, until when, and who said so? */
import { z } from 'zod';
import type { Server } from './fleet.ts';
import { DAY_MS } from './local-time.ts';
import { parseUntil } from './until.ts';
import { show } from './words.ts';

/** Without an end there is no exemption. */
export const ExemptionSchema = z
  .strictObject({
    server: z.string().min(1).optional().describe('Ids; where several are given, all have to fit'),
    project: z.string().min(1).optional(),
    image: z.string().min(1).optional().describe('Of the image that a server was made from'),
    cve: z
      .string()
      .min(1)
      .optional()
      .describe('Or the id of another finding: security-updates, reboot-required, not-reporting'),
    reason: z.string().trim().min(1),
    approvedBy: z.string().trim().min(1),
    until: z
      .string()
      .superRefine((until, ctx) => {
        if (endOf(until, 'UTC') === undefined)
          ctx.addIssue({ code: 'custom', message: `${show(until)} is no end; say ${END_FORMS}` });
      })
      .describe('2026-12-31, that day included, or 2026-12-31T17:00'),
  })
  .superRefine(({ server, project, image, cve }, ctx) => {
    if (server ?? project ?? image ?? cve) return;
    const message = 'is missing (or project, image or cve): what is exempt?';
    ctx.addIssue({ code: 'custom', path: ['server'], message });
  });

export type Exemption = z.output<typeof ExemptionSchema>;

/** An exemption, and its last instant. */
export interface Ending {
  readonly exemption: Exemption;
  readonly endsAt: Date;
}

/** What a server's exemptions grant to a finding of its. */
export interface Grant extends Ending {
  /** It has not ended. */
  readonly stands: boolean;
}

type Exempted = Pick<Server, 'id' | 'projectId' | 'image'>;

const END_FORMS = '2026-12-31 (that day included), 2026-12-31T17:00, or an instant in UTC';
/** Operators hear so long before that an exemption ends. */
const WARNED_MS = 7 * DAY_MS;

/**
 * Looks up, for one server after the other, what is granted to a finding of its: of several exemptions the one
 * that ends last, also when it has ended. Days end on the clocks of `zone`.
 */
export function grantsBy(exemptions: readonly Exemption[], { now, zone }: { now: Date; zone: string }) {
  const all = endingsOf(exemptions, zone).toSorted((a, b) => b.endsAt.getTime() - a.endsAt.getTime());
  const byServer = Map.groupBy(all, ({ exemption }) => exemption.server);
  return (server: Exempted): ((findingId: string) => Grant | undefined) => {
    const own = [...(byServer.get(server.id) ?? []), ...(byServer.get(undefined) ?? [])].filter(
      ({ exemption: { project, image } }) =>
        (project === undefined || project === server.projectId) &&
        (image === undefined || image === server.image),
    );
    if (own.length === 0) return () => undefined;
    const latestFirst = own.toSorted((a, b) => b.endsAt.getTime() - a.endsAt.getTime());
    return (id) => {
      const found = latestFirst.find(({ exemption: { cve } }) => cve === undefined || cve === id);
      return found && { ...found, stands: found.endsAt > now };
    };
  };
}

/** Those that end within a week, the next first. */
export function endingSoon(
  exemptions: readonly Exemption[],
  { now, zone }: { now: Date; zone: string },
): Ending[] {
  return endingsOf(exemptions, zone)
    .filter(({ endsAt }) => endsAt > now && endsAt.getTime() - now.getTime() <= WARNED_MS)
    .toSorted((a, b) => a.endsAt.getTime() - b.endsAt.getTime());
}

function endingsOf(exemptions: readonly Exemption[], zone: string): Ending[] {
  return exemptions.map((exemption) => ({ exemption, endsAt: endOf(exemption.until, zone)! }));
}

/** Undefined where the text names no end. */
function endOf(until: string, zone: string): Date | undefined {
  if (!/^\d{4}-/.test(until)) return undefined;
  return parseUntil(until.replace(/(T\d\d:\d\d):\d\d(\.\d+)?Z$/, '$1Z'), zone, new Date(0));
}
