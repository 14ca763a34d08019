/** How does every server stand by what the feed tells now? What is to be remembered of it is written row by row. */
import type { Context, StepScope } from '../context.ts';
import { judgeInTurns } from '../domain/case-history.ts';
import type { CaseState, Judgement } from '../domain/cases.ts';
import { workingTimeOf } from '../domain/compliance.ts';
import type { ExemptionRow } from '../domain/exempting.ts';
import type { Exemption } from '../domain/exemptions.ts';
import type { Server } from '../domain/fleet.ts';
import { plainName } from '../domain/names.ts';
import type { Poll } from '../domain/patch-feed.ts';
import { EXEMPTIONS, PATCH_CASES } from '../domain/patch-memory.ts';
import type { PatchSettings } from './patch-settings.ts';
import { worked } from './worked.ts';

type Ctx = Context<PatchSettings>;

/** All of a look, for as long as the process that took it works on. */
export interface Sight {
  readonly poll: Omit<Poll, 'hosts'>;
  readonly servers: ReadonlyMap<string, Server>;
  readonly judgement: Omit<Judgement, 'next'>;
  /** The site's, or the policy's. */
  readonly zone: string;
  /** Rows that are not written yet; null: to be deleted. */
  readonly unwritten: Map<string, CaseState | null>;
}

/** What is journalled of a look. */
export type Standing = {
  readonly takenAt: string;
  readonly complete: boolean;
  readonly warnings: readonly string[];
  readonly servers: number;
  readonly hosts: number;
  readonly open: number;
  /** Rows that it changes. */
  readonly rows: number;
};

/** Within one script, so that nobody else waits long for it. */
const ROWS_AT_ONCE = 5000;
const NAMED = 20;
const LONGEST_WARNING = 300;

/** What this process has seen for the run. */
export interface Sights {
  /** Looks when it is first asked, inside the step that asks, and answers the same afterwards. */
  see(scope: StepScope, first?: Standing): Promise<Sight>;
  /** Undefined before that. */
  readonly seen: Sight | undefined;
}

/**
 * A poll is too large for the journal: who takes up a run that another process began looks anew, as of the time of
 * the first look, so that the two count as one poll.
 */
export function sightsOf(ctx: Ctx): Sights {
  let seen: Sight | undefined;
  return {
    async see(scope, first) {
      seen ??= await look(ctx, scope, first);
      return seen;
    },
    get seen() {
      return seen;
    },
  };
}

/**
 * Polls the feed and judges every server by what it tells; what that changes is written in steps of their own. Fails
 * where the feed is broken: nothing is known then, and nothing is written.
 */
export async function judgeServers(ctx: Ctx, sights: Sights): Promise<Standing> {
  const standing = await ctx.step('look', { effect: 'read' }, async (scope) =>
    standingOf(await sights.see(scope)),
  );
  let left = standing.rows;
  for (let n = 1; left > 0; n += 1) {
    let written: readonly string[] = [];
    left = await ctx.step(`remember ${n}`, { effect: 'read' }, async (scope) => {
      const { unwritten } = await sights.see(scope, standing);
      written = writeRows(scope, unwritten, ROWS_AT_ONCE);
      return unwritten.size - written.length;
    });
    for (const id of written) sights.seen?.unwritten.delete(id);
  }
  return standing;
}

/** Has rows written with the end of the step, and answers whose. */
export function writeRows({ table }: StepScope, rows: Sight['unwritten'], most: number): string[] {
  const some = [...rows].slice(0, most);
  for (const [id, row] of some)
    if (row === null) table(PATCH_CASES).delete(id);
    else table(PATCH_CASES).set(id, row);
  return some.map(([id]) => id);
}

/** Those that people made; the policy has its own. */
export async function exemptionsIn({ table }: Pick<StepScope, 'table'>): Promise<Exemption[]> {
  const rows = await table(EXEMPTIONS).all<ExemptionRow>();
  return [...rows.values()].map(({ exemption }) => exemption);
}

async function look(ctx: Ctx, scope: StepScope, first: Standing | undefined): Promise<Sight> {
  const { policy, feed } = ctx.options;
  const { hosts, ...told } = await ctx.feed(feed).poll(scope.signal);
  const poll = { ...told, takenAt: first?.takenAt ?? told.takenAt };
  const { servers } = await ctx.cloud.fleet();
  const cases = await scope.table(PATCH_CASES).all<CaseState>();
  const exemptions = await exemptionsIn(scope);
  const zone = ctx.zone ?? 'UTC';
  const all = { poll: { ...poll, hosts }, servers, policy, exemptions, zone, now: scope.now() };
  const { next, ...judgement } = await worked(scope, judgeInTurns(cases, all));
  return {
    poll,
    servers: new Map(servers.map((server) => [server.id, server])),
    judgement,
    zone: workingTimeOf(policy, zone).zone,
    unwritten: new Map(next),
  };
}

function standingOf({ poll, judgement: { counts }, unwritten }: Sight): Standing {
  const { matched, ambiguous, nobody } = counts.hosts;
  return {
    takenAt: poll.takenAt,
    complete: poll.complete,
    warnings: poll.warnings.slice(0, NAMED).map((warning) => plainName(warning, LONGEST_WARNING)),
    servers: counts.servers,
    hosts: matched + ambiguous + nobody,
    open: counts.open,
    rows: unwritten.size,
  };
}
