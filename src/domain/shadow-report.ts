/** What people read of nights in the shadow: where we and the operators agree, where not, and why. */
import { sayAbout, sayCount, sayDay, sayDuration, sayInstant } from './say.ts';
import {
  agreementOf,
  countShadow,
  type ShadowCase,
  type ShadowNight,
  type ShadowVerdict,
  VERDICTS,
} from './shadow.ts';

const WORDS: Readonly<Record<ShadowVerdict, string>> = {
  both: 'rebooted by them, as we would have',
  sooner: 'rebooted by them before its turn came',
  left: 'left alone by both',
  'only we': 'only we would have rebooted',
  'only they': 'only they rebooted',
  open: 'its turn has not come yet',
  unseen: 'could not be asked, then or since',
};

/** Where we differ comes first. */
const TOLD: readonly ShadowVerdict[] = ['only they', 'only we', 'both', 'sooner', 'left', 'open', 'unseen'];

export interface ShadowReport {
  readonly nights: readonly ShadowNight[];
  readonly cases: readonly ShadowCase[];
  /** Why there is no look of today. */
  readonly blind?: string;
}

/** At most `shown` cases of a verdict are told one by one. */
export function describeShadow({ nights, cases, blind }: ShadowReport, shown: number) {
  const [first] = nights;
  if (first === undefined)
    return {
      headline:
        'No night is recorded: a campaign records one when its schedule starts it and it is not armed.',
      lines: [],
    };
  const counts = countShadow(cases);
  const rows = VERDICTS.map((verdict) => [WORDS[verdict], counts[verdict]]);
  const lines = [
    ...TOLD.flatMap((verdict) => describeVerdict(cases, verdict, shown)),
    ...sayDelays(cases),
    ...(blind === undefined ? [] : [`compared up to the last night only: ${blind}`]),
  ];
  const since = `${sayCount(nights.length, 'night')} since ${sayDay(new Date(first.at), 'UTC')}`;
  return { headline: headlineOf(cases, since), sheet: { columns: ['what', 'count'], rows }, lines };
}

function headlineOf(cases: readonly ShadowCase[], since: string): string {
  const { agreed, judged } = agreementOf(cases);
  if (cases.length === 0) return `${since}: no reboot was needed, and none was made.`;
  const open = cases.length - judged;
  const rest = open === 0 ? '' : `; ${open} not judged yet`;
  if (judged === 0) return `${since}: ${sayCount(open, 'case')}, none to be judged yet.`;
  return `${since}: ${Math.round((100 * agreed) / judged)} % agreed, ${agreed} of ${judged}${rest}.`;
}

function describeVerdict(cases: readonly ShadowCase[], verdict: ShadowVerdict, shown: number): string[] {
  const found = cases.filter((one) => one.verdict === verdict);
  if (found.length === 0) return [];
  const left = found.length - shown;
  return [
    `${WORDS[verdict]}  ${found.length}`,
    ...found.slice(0, shown).map((one) => `  ${one.name}  ${sayCase(one)}`),
    ...(left > 0 ? [`  and ${left} more (option shown)`] : []),
  ];
}

function sayCase({ why, seconds, ours, theirs }: ShadowCase): string {
  const took = seconds === undefined || seconds === 0 ? '' : `, drained in ${sayAbout(seconds * 1000)}`;
  return [
    why,
    ours === undefined ? '' : `ours ${sayInstant(new Date(ours), 'UTC')}${took}`,
    theirs === undefined ? '' : `theirs ${sayTheirs(theirs)}`,
    ours === undefined || theirs === undefined ? '' : `${sayDuration(delayOf(ours, theirs))} later`,
  ]
    .filter((part) => part !== '')
    .join('; ');
}

function sayTheirs({ from, to }: NonNullable<ShadowCase['theirs']>): string {
  const at = sayInstant(new Date(to), 'UTC');
  return from === to ? at : `between ${sayInstant(new Date(from), 'UTC')} and ${at}`;
}

/** At the most: where it is not known when they did it, it is when it was seen. */
function delayOf(ours: string, { to }: NonNullable<ShadowCase['theirs']>): number {
  return Date.parse(to) - Date.parse(ours);
}

function sayDelays(cases: readonly ShadowCase[]): string[] {
  const delays = cases
    .flatMap(({ verdict, ours, theirs }) =>
      verdict === 'both' && ours !== undefined && theirs !== undefined ? [delayOf(ours, theirs)] : [],
    )
    .toSorted((a, b) => a - b);
  const middle = delays[Math.floor((delays.length - 1) / 2)];
  if (middle === undefined) return [];
  return [
    `after the night on which we would have, they took ${sayDuration(middle)} in the middle and ${sayDuration(delays.at(-1)!)} at most`,
  ];
}
