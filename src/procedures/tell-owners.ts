/** Tells owners by mail what is to be done to their servers: one mail an owner, and no second one within a day. */
import type { Context, StepScope } from '../context.ts';
import type { Owner } from '../domain/fleet.ts';
import type { LetterFacts, LetterServer } from '../domain/letters.ts';
import {
  earliestAfter,
  type LastMail,
  mailKey,
  type Notice,
  type Notices,
  nextMailAt,
  type Refusal,
  type Refusals,
  sayNotice,
  standingNotice,
} from '../domain/owner-notices.ts';
import { sayInstant } from '../domain/say.ts';
import { attempt } from './attempt.ts';
import type { OwnerSettings } from './owner-settings.ts';

/** Server id → `Notice`. */
export const OWNER_NOTICES = 'owner-notices';
/** Address → `LastMail`. */
export const OWNER_MAILS = 'owner-mails';
/** Server id → `Refusal`. */
export const OWNER_REFUSALS = 'owner-refusals';

export interface Telling {
  readonly noticeHours: number;
  /** Read fresh, within the step: those that somebody should know of. */
  readonly servers: () => Promise<readonly ToTell[]>;
}

export type ToTell = LetterServer & {
  readonly userId: string;
  readonly metadata: Readonly<Record<string, string>>;
};

/** Of whom somebody was told in this step, or is told later because of an earlier mail. */
type Told = { readonly name: string } & (
  | { readonly notice: Notice }
  | { readonly email: string; readonly notBefore: string }
);

/**
 * Nobody is told twice of one server, and an owner who had a mail within a day is told later: call it again
 * with another key. In a dry run nobody is told. A failure is noted and stops nothing: without a notice
 * nothing is done to a server.
 */
export async function tellOwners(ctx: Context<unknown>, key: string, telling: Telling): Promise<void> {
  if (!ctx.acting) return;
  // Two runs that tell the same owner in one moment would each take theirs for the first mail of the day.
  await ctx.lease('owner mails', 'tells owners');
  const told = await attempt(() =>
    ctx.step<readonly Told[]>(key, { effect: 'idempotent' }, (scope) => tell(ctx, scope, telling)),
  );
  await ctx.release('owner mails');
  if (!told.ok) {
    ctx.note({ subject: 'owners', verdict: 'not told', why: told.error.message });
    return;
  }
  for (const one of told.value)
    ctx.note({
      subject: `server ${one.name}`,
      ...('notice' in one ? sayTold(one.notice) : sayLater(one.email, new Date(one.notBefore))),
    });
}

/** Who was told, where a notice is needed at all, and who has refused, where that holds a hypervisor. */
export async function noticesOf(
  { owners }: OwnerSettings,
  { table }: Pick<StepScope, 'table'>,
): Promise<{ noticeHours: number; notices: Notices; refusals: Refusals } | undefined> {
  if (owners === undefined) return undefined;
  const notices = Object.fromEntries(await table(OWNER_NOTICES).all<Notice>());
  const refusals =
    owners.ask && owners.otherwise === 'give-back'
      ? Object.fromEntries(await table(OWNER_REFUSALS).all<Refusal>())
      : {};
  return { noticeHours: owners.noticeHours, notices, refusals };
}

export function sayTold(notice: Notice): { verdict: string; why: string } {
  return { verdict: notice.email === null ? 'needs you' : 'told', why: sayNotice(notice) };
}

export function sayLater(email: string, notBefore: Date): { verdict: string; why: string } {
  const after = sayInstant(notBefore, 'UTC');
  return { verdict: 'told later', why: `${email} had a mail within a day; the next one not before ${after}` };
}

async function tell(ctx: Context<unknown>, scope: StepScope, telling: Telling): Promise<readonly Told[]> {
  const now = scope.now();
  const notices = Object.fromEntries(await scope.table(OWNER_NOTICES).all<Notice>());
  const mails = Object.fromEntries(await scope.table(OWNER_MAILS).all<LastMail>());
  const untold = (await telling.servers()).filter(
    ({ id }) => standingNotice(notices, id, { now }) === undefined,
  );
  if (untold.length === 0) return [];
  const owners = await ctx.cloud.owners(untold);
  const told: Told[] = [];
  for (const [address, servers] of Map.groupBy(untold, ({ id }) => addressOf(owners[id]))) {
    const owner = owners[servers[0]!.id];
    if (owner !== undefined) {
      const next = nextMailAt(mails[address], now)?.toISOString();
      if (next !== undefined) {
        told.push(...servers.map(({ name }) => ({ name, email: owner.email, notBefore: next })));
        continue;
      }
      const letter = await ctx.letter('reboot-notice', factsFor(telling, { owner, servers, now }));
      scope.mail(`reboot-notice to ${address}`, { to: [owner.email], ...letter });
      scope.table(OWNER_MAILS).set(address, { at: now.toISOString(), run: ctx.runId });
    }
    const notice: Notice = {
      email: owner?.email ?? null,
      by: owner?.by ?? null,
      at: now.toISOString(),
      run: ctx.runId,
    };
    for (const { id, name } of servers) {
      scope.table(OWNER_NOTICES).set(id, notice);
      told.push({ name, notice });
    }
  }
  return told;
}

/** Empty for who is not known. */
function addressOf(owner: Owner | undefined): string {
  return owner === undefined ? '' : mailKey(owner.email);
}

function factsFor(
  { noticeHours }: Telling,
  { owner, servers, now }: { owner: Owner; servers: readonly ToTell[]; now: Date },
): LetterFacts {
  const earliest = earliestAfter({ at: now.toISOString() }, noticeHours).toISOString();
  return {
    owner: { name: owner.name ?? null, by: owner.by },
    hypervisor: '',
    why: '',
    servers,
    hypervisors: [],
    reminder: false,
    earliest,
    deadline: earliest,
  };
}
