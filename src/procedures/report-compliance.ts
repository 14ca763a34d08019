/** What do operators hear of a look at the patches, and what of it is kept to compare the next one with? */
import type { Context, StepScope } from '../context.ts';
import type { ComplianceTrend } from '../domain/compliance-report.ts';
import type { ExemptionRow } from '../domain/exempting.ts';
import { DAY_MS } from '../domain/local-time.ts';
import { EXEMPTIONS, PATCH_MAILED, PATCH_REPORTS, PATCH_TRENDS, REPORTED } from '../domain/patch-memory.ts';
import { sayCount } from '../domain/say.ts';
import type { Notified } from './notify-owners.ts';
import type { PatchSettings } from './patch-settings.ts';

type Ctx = Context<PatchSettings>;

/** What the last report asked operators to look at. */
type Reported = { readonly lines: readonly string[] };

/** Lines that say what happened; what they do not say stays as it is, and is not told again. */
const PASSING = /^(?:since|today|told|not told) /;

/**
 * Reports the run, and mails operators when anything is new. Nobody is mailed of a dry run that somebody looks at.
 * What is older than the site wants it kept is forgotten.
 */
export async function reportCompliance(ctx: Ctx, notified: Notified): Promise<void> {
  const { outlook, sent, kept } = notified;
  const lines = [...outlook.report.lines, ...(kept ? [sayKept(kept)] : []), ...sayMode(ctx, outlook.toSend)];
  await ctx.step('report', { effect: 'read' }, async (scope) => {
    const reported = scope.table(PATCH_REPORTS);
    const lasting = lines.filter((line) => !PASSING.test(line));
    const before = await reported.get<Reported>(REPORTED);
    const isNew = outlook.isNew || JSON.stringify(before?.lines) !== JSON.stringify(lasting);
    if (outlook.isNew) scope.table(PATCH_TRENDS).set(dayOf(outlook.trend.at), outlook.trend);
    if (isNew) reported.set(REPORTED, { lines: lasting } satisfies Reported);
    await forget(ctx, scope);
    const isWatched = !ctx.acting && ctx.trigger.kind !== 'cron';
    if ((isNew || sent.length > 0) && !isWatched && ctx.operators.length > 0)
      scope.mail('report', { to: ctx.operators, ...mailOf(ctx, notified) });
  });
  ctx.report({
    headline: outlook.report.headline,
    lines,
    ...(sent.length > 0 && {
      sheet: {
        columns: ['written to', 'about', 'servers', 'why'],
        rows: sent.map(({ to, kind, servers, why }) => [to, kind, servers, why]),
      },
    }),
  });
}

function mailOf(ctx: Ctx, { outlook: { mail, toSend }, kept }: Notified) {
  const more = [...(kept ? [sayKept(kept)] : []), ...sayMode(ctx, toSend)];
  const look = `All of it: nightshift show ${ctx.runId}`;
  return { subject: mail.subject, text: `${[mail.text.trimEnd(), ...more, look].join('\n')}\n` };
}

function sayKept({ count, why }: NonNullable<Notified['kept']>): string {
  return `kept back  ${sayCount(count, 'notice')}: ${why}`;
}

function sayMode({ acting, options: { to } }: Ctx, toSend: number): string[] {
  if (!acting) return toSend === 0 ? [] : ['dry run  none of these notices was sent'];
  return to === undefined ? [] : [`redirected  all of these notices went to ${to}; nobody counts as told`];
}

async function forget({ options }: Ctx, { table, now }: StepScope): Promise<void> {
  const oldest = new Date(now().getTime() - options.keepDays * DAY_MS).toISOString();
  for (const [day, { at }] of await table(PATCH_TRENDS).all<ComplianceTrend>())
    if (at < oldest) table(PATCH_TRENDS).delete(day);
  for (const day of (await table(PATCH_MAILED).all()).keys())
    if (day < dayOf(oldest)) table(PATCH_MAILED).delete(day);
  for (const [key, { exemption, ended }] of await table(EXEMPTIONS).all<ExemptionRow>())
    if ((ended?.at ?? exemption.until) < oldest) table(EXEMPTIONS).delete(key);
}

/** `20261127` */
function dayOf(instant: string): string {
  return instant.slice(0, 10).replaceAll('-', '');
}
