/** Which owners are to be asked or reminded now, of all hypervisors that wait for servers of theirs, in one mail each? */
import { DRAIN_KEY } from './drain-wish.ts';
import type { Owner, Server } from './fleet.ts';
import {
  earliestAfter,
  type LastMail,
  mailKey,
  type Notice,
  nextMailAt,
  type Refusal,
  sayNotice,
} from './owner-notices.ts';
import { sayInstant } from './say.ts';

/** What a run asks the owner of one server: may it be stopped for a reboot, and started again? */
export type Question = {
  readonly run: string;
  readonly hypervisor: string;
  /** Why that is rebooted. */
  readonly need: string;
  /** Why the server cannot be moved. */
  readonly why: string;
  /** What is known of how long its kind lives, or null. */
  readonly outlook: string | null;
  /** When it was put; the mail may leave later. ISO 8601 in UTC, as all of them. */
  readonly at: string;
  /** Until then an answer is waited for. */
  readonly deadline: string;
  /** From then on who has not answered is reminded; null: never. */
  readonly remindAt: string | null;
  readonly noticeHours: number;
};

export type Answer =
  | { readonly is: 'yes'; readonly by: 'owner' | 'operator'; readonly why: string }
  | { readonly is: 'no'; readonly by: 'operator'; readonly why: string };

/** What an operator noted of a reply. */
interface Noted {
  readonly answer: 'yes' | 'no';
  readonly by: string;
  readonly why: string;
}

/**
 * What its owner says on the server itself, or said to an operator. Any other word on the server is newer than what an
 * operator was told, or contradicts it.
 */
export function answerOf(
  { metadata }: Pick<Server, 'metadata'>,
  noted: Noted | undefined,
): Answer | undefined {
  const own = metadata[DRAIN_KEY];
  if (own === 'stop')
    return { is: 'yes', by: 'owner', why: `its owner agrees to a stop (${DRAIN_KEY} = stop)` };
  if (noted === undefined || (own !== undefined && own !== 'ask')) return undefined;
  const { answer, by, why } = noted;
  if (answer === 'yes')
    return { is: 'yes', by: 'operator', why: `${by} noted that its owner agrees to a stop: ${why}` };
  return { is: 'no', by: 'operator', why: `${by} noted that its owner does not agree to a stop: ${why}` };
}

/** A question as it stands, with what is known of it now. */
export interface OpenQuestion {
  readonly server: Pick<Server, 'id' | 'name' | 'projectId'>;
  readonly question: Question;
  /** Undefined: nobody is known who could be asked. */
  readonly owner: Owner | undefined;
  /** That of this question, where its owner was told. */
  readonly notice: Notice | undefined;
  readonly answer: Answer | undefined;
}

/** One mail to one owner. */
export interface Digest {
  readonly owner: Owner;
  /** Told for the first time. */
  readonly asked: readonly OpenQuestion[];
  /** Told before, and not answered. */
  readonly reminded: readonly OpenQuestion[];
}

export interface Asking {
  readonly digests: readonly Digest[];
  /** Of whom nobody is known who could be asked. */
  readonly unowned: readonly OpenQuestion[];
}

export interface Moment {
  readonly now: Date;
  /** By address. */
  readonly mails: Readonly<Record<string, LastMail>>;
  /** So long a question waits for others to the same owner. */
  readonly gatherMs: number;
}

/**
 * The mails that are due. A question waits a little, so that others come along; when one of an owner is due, all
 * of theirs go with it. Nobody gets two mails within a day. Who has agreed is told all the same, because nothing is
 * done without a notice; who has refused is not; and who has answered is not reminded.
 */
export function askingNow(open: readonly OpenQuestion[], { now, mails, gatherMs }: Moment): Asking {
  const owned = open.filter((one) => one.owner !== undefined);
  const digests = [...Map.groupBy(owned, ({ owner }) => mailKey(owner!.email))].flatMap(
    ([address, theirs]): Digest[] => {
      if (nextMailAt(mails[address], now) !== undefined) return [];
      const asked = theirs.filter(isToBeAsked);
      const reminded = theirs.filter((one) => isToBeReminded(one, now));
      const isDue = asked.some(({ question }) => Date.parse(question.at) + gatherMs <= now.getTime());
      if (!isDue && reminded.length === 0) return [];
      return [{ owner: theirs[0]!.owner!, asked, reminded }];
    },
  );
  return { digests, unowned: open.filter((one) => one.owner === undefined && isToBeAsked(one)) };
}

/** Nothing of these is done before: the latest of what their notices ask for, counted from now where none was given. */
export function earliestOf({ asked, reminded }: Pick<Digest, 'asked' | 'reminded'>, now: Date): Date {
  const times = [...asked, ...reminded].map(({ question, notice }) =>
    earliestAfter(notice ?? { at: now.toISOString() }, question.noticeHours).getTime(),
  );
  return new Date(Math.max(now.getTime(), ...times));
}

/** A third of the time before the deadline, unless the site says how long; null: nobody is reminded. */
export function remindAt(
  deadline: Date,
  {
    deadlineDays,
    reminderDays = deadlineDays / 3,
  }: { deadlineDays: number; reminderDays?: number | undefined },
): Date | null {
  return reminderDays === 0 ? null : new Date(deadline.getTime() - reminderDays * DAY_MS);
}

const DAY_MS = 86_400_000;

/** Whether a mail about it may be due, whoever its owner is. */
export function mayBeDue(
  question: Question,
  { now, ...known }: Pick<OpenQuestion, 'notice' | 'answer'> & { readonly now: Date },
): boolean {
  return isToBeAsked(known) || isToBeReminded({ question, ...known }, now);
}

function isToBeAsked({ notice, answer }: Pick<OpenQuestion, 'notice' | 'answer'>): boolean {
  return notice === undefined && answer?.is !== 'no';
}

function isToBeReminded(
  { question, notice, answer }: Pick<OpenQuestion, 'question' | 'notice' | 'answer'>,
  now: Date,
): boolean {
  if (notice === undefined || notice.email === null || notice.remindedAt !== undefined) return false;
  if (answer !== undefined || question.remindAt === null) return false;
  return Date.parse(question.remindAt) <= now.getTime() && now.getTime() < Date.parse(question.deadline);
}

/** Where the question stands for one server that is in the way. */
export type Standing =
  | { readonly is: 'agreed'; readonly answer: Answer & { readonly is: 'yes' } }
  /** `fresh`: nobody has written it down yet. */
  | { readonly is: 'refused'; readonly why: string; readonly fresh: boolean }
  | { readonly is: 'open'; readonly why: string };

/** What is agreed counts once the notice is old enough; where there is nobody to be told, at once. */
export function standingOf(
  {
    answer,
    notice,
    refusal,
  }: { answer: Answer | undefined; notice: Notice | undefined; refusal: Refusal | undefined },
  { now, noticeHours }: { now: Date; noticeHours: number },
): Standing {
  if (answer?.is === 'no' || (refusal !== undefined && answer === undefined))
    return { is: 'refused', why: refusal?.why ?? answer!.why, fresh: refusal === undefined };
  const told = notice === undefined ? 'its owner is not told yet' : sayNotice(notice);
  if (answer === undefined) return { is: 'open', why: told };
  if (notice === undefined) return { is: 'open', why: `${told}; ${answer.why}` };
  if (notice.email !== null && earliestAfter(notice, noticeHours) > now)
    return { is: 'open', why: `${told}, and the notice is not old enough` };
  return { is: 'agreed', answer };
}

/** What a list says of the answer, in a few words. */
export function sayAnswer(
  standing: Standing,
  { answer, notice }: { readonly answer: Answer | undefined; readonly notice: Notice | undefined },
): string {
  if (standing.is === 'refused') return standing.why;
  if (answer !== undefined)
    return standing.is === 'agreed' ? answer.why : `${answer.why}; the notice is not old enough`;
  if (notice === undefined) return 'not asked yet';
  if (notice.email === null) return 'nobody is known who could be asked';
  const reminded =
    notice.remindedAt === undefined ? '' : `, reminded ${sayInstant(new Date(notice.remindedAt), 'UTC')}`;
  return `no answer yet${reminded}`;
}
