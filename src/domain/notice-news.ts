/** What is there to tell somebody of one finding now, or why is there nothing, and when will there be? */
import type { JudgedFinding } from './cases.ts';
import type { EscalationStep } from './compliance.ts';
import type { NoticeClock } from './notice-clock.ts';
import type { NoticeKind, Told } from './notice-log.ts';

/** What a finding gives to say: `news`, or only why it stays unsaid. */
export type Say =
  | { readonly news: Exclude<NoticeKind, 'contact'>; readonly why: string }
  | { readonly quiet: 'grace' | 'exempt' | 'not shown' | 'over'; readonly next?: Moment };

/** What comes next if nothing changes. */
export interface Moment {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly what: 'reminder' | 'escalated';
}

/** A finding that can be claimed: it is open, this poll shows it, and a rule speaks of it. */
export function isClaimable({ standing, shown, rule }: JudgedFinding): boolean {
  return standing === 'open' && shown !== undefined && rule !== undefined;
}

/** `told`: to its owner; undefined where it never was. */
export function sayOf(
  finding: JudgedFinding,
  told: Told | undefined,
  { steps, clock }: { steps: readonly EscalationStep[]; clock: NoticeClock },
): Say {
  const { standing, due, worseAt, reopenedAt, rule } = finding;
  if (standing === 'resolved')
    return told ? { news: 'resolved', why: 'is no longer found' } : { quiet: 'over' };
  if (standing === 'exempt') return { quiet: 'exempt' };
  if (!isClaimable(finding)) return { quiet: 'not shown' };
  const own = steps.filter(({ to }) => to.includes('owner'));
  const now = clock.now.getTime();
  if (told === undefined) {
    const moments = own.map(({ at }) => clock.stepAt(at, due, clock.at));
    if (moments.some((at) => at <= now)) return { news: 'first', why: 'was not told before' };
    return quiet('grace', [{ at: Math.min(...moments), what: 'reminder' }]);
  }
  const reached = own.filter((step) => isNew(step, finding, { told, clock }));
  if (reached.some(isEscalation)) return { news: 'escalated', why: 'is escalated' };
  if (worseAt !== undefined && worseAt > told.at)
    return { news: 'worse', why: 'is due sooner than was told' };
  if (reopenedAt !== undefined && reopenedAt > told.at) return { news: 'worse', why: 'came back' };
  if (reached.length > 0) return { news: 'reminder', why: 'is due soon' };
  const remindAt = clock.remindAt(rule!.remind, told.at);
  if (remindAt !== undefined && remindAt <= now) return { news: 'reminder', why: 'was told long enough ago' };
  return quiet('grace', [
    ...(remindAt === undefined ? [] : [{ at: remindAt, what: 'reminder' } as const]),
    ...own.map((step) => ({
      at: clock.stepAt(step.at, due, told.first),
      what: isEscalation(step) ? ('escalated' as const) : ('reminder' as const),
    })),
  ]);

  function quiet(why: 'grace', moments: readonly Moment[]): Say {
    const [next] = moments.filter(({ at }) => at > now).toSorted((a, b) => a.at - b.at);
    return { quiet: why, ...(next && { next }) };
  }
}

/** The step counts by now and did not when the owner was told last. */
function isNew(
  { at }: EscalationStep,
  { due }: JudgedFinding,
  { told, clock }: { told: Told; clock: NoticeClock },
): boolean {
  const moment = clock.stepAt(at, due, told.first);
  return moment <= clock.now.getTime() && moment > Date.parse(told.at);
}

/** It comes once the due date is over, or others than the owner hear of it. */
function isEscalation({ at, to }: EscalationStep): boolean {
  return at.startsWith('+') || (at !== 'first' && to.some((each) => each !== 'owner'));
}
