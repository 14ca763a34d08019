/** What are people told of addresses that are no good any more? */
import {
  type AddressMark,
  addressKey,
  markedBy,
  type Refusal,
  type Sighting,
  stateFor,
} from './address-marks.ts';
import type { Reading } from './bounces.ts';
import { judgeStatus } from './mail-status.ts';
import { sayCount, sayDay, sayInstant } from './say.ts';

/** An address that was marked just now. */
export type Marked = AddressMark & { readonly address: string };

/** What a look at refusals and bounces has taught. */
export type Lesson = {
  readonly marked: readonly Marked[];
  /** Mails that were read. */
  readonly mails: number;
  /** Why mails told of nobody, and how many each. */
  readonly ignored: Readonly<Record<string, number>>;
};

const STATES = {
  bounced: 'get no mail any more',
  complained: 'complained, and get mail still',
  doubtful: 'did not take one mail, and get mail still',
  clear: 'are good again',
} as const satisfies Record<AddressMark['state'], string>;
const SHOWN = 50;

/** What refusals at the relay say of addresses. */
export function sightingsOf(refusals: Iterable<Refusal>): readonly Sighting[] {
  return [...refusals].flatMap(({ address, reply, at, mail }): Sighting[] => {
    const state = stateFor(judgeStatus(reply));
    return state === undefined ? [] : [{ address, state, at, why: reply, source: 'refusal', mail }];
  });
}

/** The rows that change, by `addressKey`, in the order in which they were seen; `known` are those there are. */
export function marksOf(
  sightings: readonly Sighting[],
  known: ReadonlyMap<string, AddressMark>,
): readonly Marked[] {
  const marked = new Map<string, Marked>();
  for (const sighting of sightings) {
    const address = addressKey(sighting.address);
    const mark = markedBy(sighting, marked.get(address) ?? known.get(address));
    if (mark !== undefined) marked.set(address, { address, ...mark });
  }
  return [...marked.values()];
}

/** How many mails were passed over for which reason. */
export function ignoredOf(readings: readonly Reading[]): Readonly<Record<string, number>> {
  const reasons = readings.flatMap((reading) => ('ignored' in reading ? [reading.ignored] : []));
  return Object.fromEntries(
    Object.entries(Object.groupBy(reasons, (reason) => reason)).map(([why, all]) => [why, all?.length ?? 0]),
  );
}

export function addLessons(lessons: readonly Lesson[]): Lesson {
  const ignored: Record<string, number> = {};
  for (const [why, count] of lessons.flatMap((one) => Object.entries(one.ignored))) {
    ignored[why] = (ignored[why] ?? 0) + count;
  }
  return {
    marked: lessons.flatMap(({ marked }) => marked),
    mails: lessons.reduce((sum, { mails }) => sum + mails, 0),
    ignored,
  };
}

/** The run's answer. */
export function describeLesson({ marked, mails, ignored }: Lesson) {
  const without = Object.values(ignored).reduce((sum, count) => sum + count, 0);
  const passed = without === 0 ? '' : ` ${without} of them tell of nobody.`;
  return {
    headline: `${sayCount(mails, 'mail')} read, ${sayCount(marked.length, 'address', 'addresses')} marked.${passed}`,
    ...(marked.length > 0 && {
      sheet: {
        columns: ['address', 'state', 'since', 'why'],
        rows: marked.map(({ address, state, since, why }) => [address, state, { at: since }, why]),
      },
    }),
    lines: Object.entries(ignored).map(([why, count]) => `${count} × ${why}`),
  };
}

/** The mail to operators about addresses that were marked just now. */
export function addressMail(marked: readonly Marked[], now: Date): { subject: string; text: string } {
  const [first] = marked;
  const groups = Object.entries(STATES).flatMap(([state, what]) => {
    const those = marked.filter((mark) => mark.state === state);
    if (those.length === 0) return [];
    const rest = those.length > SHOWN ? [`  and ${those.length - SHOWN} more: nightshift addresses`] : [];
    const lines = those.slice(0, SHOWN).map(({ address, since, why, mail }) => {
      const about = mail === undefined ? '' : `, mail ${mail}`;
      return `  ${address}  ${why} (${sayInstant(new Date(since), 'UTC')}${about})`;
    });
    return [`${sayCount(those.length, 'address', 'addresses')} ${what}:`, ...lines, ...rest, ''];
  });
  return {
    subject: `[nightshift] ${sayDay(now, 'UTC')}: ${sayCount(marked.length, 'mail address is', 'mail addresses are')} in trouble`,
    text: [
      ...groups,
      'What is meant for them is reported to you instead. When one is good again:',
      `  nightshift address clear ${first?.address ?? 'ADDRESS'} --reason '…'`,
      '',
    ].join('\n'),
  };
}
