/** Which owners get a mail now, and why does nobody else? Decided upon what this process sees and what was sent before. */
import type { Context, StepScope } from '../context.ts';
import {
  ADDRESSES,
  type AddressMark,
  REFUSALS,
  type Refusal,
  whyNotMailed,
} from '../domain/address-marks.ts';
import { BREAKERS, type Breaker, whyBroken } from '../domain/breakers.ts';
import { openMailBreaker, PATCH_NOTICES_BREAKER } from '../domain/mail-breaker.ts';
import { type NoticeRow, ownerRow } from '../domain/notice-log.ts';
import type { Decision, Notices, Owned, Round } from '../domain/notice-round.ts';
import { decideInTurns } from '../domain/notices.ts';
import { PATCH_MAILED, PATCH_NOTICES } from '../domain/patch-memory.ts';
import { type Answering, findAnswerable } from './find-answerable.ts';
import type { Sight, Sights, Standing } from './judge-servers.ts';
import type { PatchSettings } from './patch-settings.ts';
import { worked } from './worked.ts';

type Ctx = Context<PatchSettings>;
export type Sending = Extract<Decision, { send: unknown }>;

/** What was decided, and what of it is not done yet. */
export interface Decided {
  readonly sight: Sight;
  readonly answering: Answering;
  readonly round: Round;
  readonly notices: Notices;
  /** Owners first, the worst of them first. */
  readonly queue: Sending[];
  /** What each owner answers for, by `ownerRow`. */
  readonly ownedBy: ReadonlyMap<string, readonly Owned[]>;
  /** Rows of those who get no mail now, where they differ; null: to be deleted. */
  readonly rows: Map<string, NoticeRow | null>;
}

/** What this process has decided for the run. */
export interface Decisions {
  /** Decides when it is first asked, inside the step that asks, and answers the same afterwards. */
  decide(scope: StepScope): Promise<Decided>;
  /** Undefined before that. */
  readonly decided: Decided | undefined;
}

export function decisionsOf(ctx: Ctx, sights: Sights, standing: Standing): Decisions {
  let decided: Decided | undefined;
  return {
    async decide(scope) {
      decided ??= await decide(ctx, scope, await sights.see(scope, standing));
      return decided;
    },
    get decided() {
      return decided;
    },
  };
}

async function decide(ctx: Ctx, scope: StepScope, sight: Sight): Promise<Decided> {
  const { policy, maxOwnersPerDay } = ctx.options;
  const answering = await findAnswerable(ctx, sight);
  const { owned, partial, contacts, pilot } = answering;
  const broken = await whyNoMails(ctx, scope);
  const round: Round = {
    owned,
    ...(partial && { partial }),
    log: await scope.table(PATCH_NOTICES).all<NoticeRow>(),
    policy,
    zone: sight.zone,
    now: scope.now(),
    contacts,
    unreachable: await unreachableIn(scope),
    ...(pilot && { pilot }),
    maxOwnersPerDay,
    ...(broken !== undefined && { broken }),
  };
  const notices = await worked(scope, decideInTurns(round));
  const all = [...notices.owners, ...notices.contacts];
  const held = all.flatMap((one) =>
    'hold' in one && one.row !== undefined ? [[one.key, one.row] as const] : [],
  );
  return {
    sight,
    answering,
    round,
    notices,
    queue: all.filter((one): one is Sending => 'send' in one),
    ownedBy: Map.groupBy(owned, ({ owner }) => ownerRow(owner)),
    rows: new Map([...held, ...notices.spent]),
  };
}

/** Opens the breaker where too many of our mails came back; undefined while mails may go. */
export async function whyNoMails(ctx: Ctx, { table, now }: StepScope): Promise<string | undefined> {
  const known = await table(BREAKERS).get<Breaker>(PATCH_NOTICES_BREAKER);
  const open = openMailBreaker(
    {
      marks: (await table(ADDRESSES).all<AddressMark>()).values(),
      refusals: (await table(REFUSALS).all<Refusal>()).values(),
      mailed: await table(PATCH_MAILED).all<number>(),
      breaker: known,
      now: now(),
    },
    ctx.options.stopAt,
  );
  if (open === undefined) return undefined;
  if (open !== known) table(BREAKERS).set(PATCH_NOTICES_BREAKER, open);
  return whyBroken({ [PATCH_NOTICES_BREAKER]: open }, PATCH_NOTICES_BREAKER, ctx.zone ?? 'UTC');
}

async function unreachableIn({ table }: StepScope): Promise<ReadonlyMap<string, string>> {
  const marks = await table(ADDRESSES).all<AddressMark>();
  return new Map(
    [...marks].flatMap(([address, mark]) => {
      const why = whyNotMailed(mark);
      return why === undefined ? [] : [[address, why] as const];
    }),
  );
}
