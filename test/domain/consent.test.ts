/** When owners are asked and reminded, in which mails, and what counts as their answer. */
import { describe, expect, it } from 'vitest';
import {
  type Answer,
  answerOf,
  askingNow,
  earliestOf,
  type OpenQuestion,
  type Question,
  remindAt,
  type Standing,
  standingOf,
} from '../../src/domain/consent.ts';
import type { LastMail, Notice } from '../../src/domain/owner-notices.ts';

const AT = '2026-11-24T23:00:00.000Z';
const ALICE = { email: 'alice@alpha.example', name: 'alice', by: 'user' } as const;
const BOB = { email: 'bob@beta.example', by: 'user' } as const;
const YES: Answer = { is: 'yes', by: 'owner', why: 'its owner agrees' };
const NO: Answer = { is: 'no', by: 'operator', why: 'kim noted that its owner does not agree to a stop: no' };

const QUESTION: Question = {
  run: 'r1',
  hypervisor: 'hv1',
  need: 'a kernel',
  why: 'virtual GPU',
  outlook: null,
  at: AT,
  deadline: '2026-12-08T23:00:00.000Z',
  remindAt: '2026-12-04T07:00:00.000Z',
  noticeHours: 48,
};
const TOLD: Notice = { email: ALICE.email, by: 'user', at: AT, run: 'r1' };

type Wish = Omit<Partial<OpenQuestion>, 'question'> & { question?: Partial<Question> };

function open(id: string, { question, ...more }: Wish = {}): OpenQuestion {
  return {
    server: { id, name: id, projectId: 'alpha' },
    question: { ...QUESTION, ...question },
    owner: ALICE,
    notice: undefined,
    answer: undefined,
    ...more,
  };
}

/** `alice@alpha.example: asked a b, reminded c`. */
function asking(
  questions: readonly OpenQuestion[],
  at: string,
  { mails = {}, gatherMinutes = 10 }: { mails?: Record<string, LastMail>; gatherMinutes?: number } = {},
) {
  const now = new Date(at);
  const { digests, unowned } = askingNow(questions, { now, mails, gatherMs: gatherMinutes * 60_000 });
  const ids = (all: readonly OpenQuestion[]) => all.map(({ server }) => server.id).join(' ');
  return [
    ...digests.map(
      ({ owner, asked, reminded }) => `${owner.email}: asked ${ids(asked)}, reminded ${ids(reminded)}`,
    ),
    ...(unowned.length === 0 ? [] : [`nobody: ${ids(unowned)}`]),
  ];
}

describe('a question', () => {
  it('waits a little for others to the same owner, which then go with it, however young', () => {
    const young = open('b', { question: { run: 'r2', hypervisor: 'hv2', at: '2026-11-24T23:09:59.000Z' } });

    expect(asking([open('a'), young], '2026-11-24T23:09:59Z')).toEqual([]);
    expect(asking([open('a'), young], '2026-11-24T23:10:00Z')).toEqual([
      'alice@alpha.example: asked a b, reminded ',
    ]);
  });

  it('takes no other owner along, but one whose address is written otherwise', () => {
    const same = open('b', { owner: { ...ALICE, email: 'Alice@Alpha.example' } });

    expect(asking([open('a'), same, open('c', { owner: BOB })], '2026-11-25T00:00:00Z')).toEqual([
      'alice@alpha.example: asked a b, reminded ',
      'bob@beta.example: asked c, reminded ',
    ]);
  });

  it('waits for a day after an earlier mail of whatever kind', () => {
    const mails = { [ALICE.email]: { at: '2026-11-24T12:00:00Z', run: 'another' } };

    expect(asking([open('a')], '2026-11-25T11:59:59Z', { mails })).toEqual([]);
    expect(asking([open('a')], '2026-11-25T12:00:00Z', { mails })).toHaveLength(1);
  });

  it.each<[string, Wish, string[]]>([
    [
      'is put also to who has agreed already, because nothing is done without a notice',
      { answer: YES },
      ['a'],
    ],
    ['is not put to who has refused already', { answer: NO }, []],
    ['is not put twice', { notice: TOLD }, []],
  ])('%s', (_, more, asked) => {
    const said = asking([open('a', more)], '2026-11-25T00:00:00Z');
    expect(said).toEqual(asked.map((id) => `alice@alpha.example: asked ${id}, reminded `));
  });

  it('is known at once to have nobody to be put to', () => {
    expect(asking([open('a', { owner: undefined })], AT)).toEqual(['nobody: a']);
    expect(asking([open('a', { owner: undefined, notice: { ...TOLD, email: null, by: null } })], AT)).toEqual(
      [],
    );
  });
});

describe('a reminder', () => {
  const told = (more: Wish = {}) => open('a', { notice: TOLD, ...more });
  const DUE = '2026-12-04T07:00:00Z';

  it.each<[string, OpenQuestion, string, boolean]>([
    ['is not sent before its time', told(), '2026-12-04T06:59:59Z', false],
    ['is sent when a third of the time is left', told(), DUE, true],
    ['is sent once', told({ notice: { ...TOLD, remindedAt: DUE } }), '2026-12-06T07:00:00Z', false],
    ['is not sent to who has agreed', told({ answer: YES }), DUE, false],
    ['is not sent to who has refused', told({ answer: NO }), DUE, false],
    ['is not sent after the deadline', told(), '2026-12-08T23:00:00Z', false],
    ['is not sent where the site wants none', told({ question: { remindAt: null } }), DUE, false],
    ['is not sent to nobody', told({ notice: { ...TOLD, email: null, by: null } }), DUE, false],
  ])('%s', (_, question, at, isSent) => {
    expect(asking([question], at)).toEqual(isSent ? ['alice@alpha.example: asked , reminded a'] : []);
  });

  it('goes in the mail with a new question, and takes along one that would still wait', () => {
    const fresh = open('b', { question: { hypervisor: 'hv2', at: DUE } });

    expect(asking([told(), fresh], DUE)).toEqual(['alice@alpha.example: asked b, reminded a']);
  });

  it('comes a third of the time before the deadline, or when the site says', () => {
    const deadline = new Date('2026-12-08T23:00:00Z');

    expect(remindAt(deadline, { deadlineDays: 6 })).toEqual(new Date('2026-12-06T23:00:00Z'));
    expect(remindAt(deadline, { deadlineDays: 6, reminderDays: 1 })).toEqual(
      new Date('2026-12-07T23:00:00Z'),
    );
    expect(remindAt(deadline, { deadlineDays: 6, reminderDays: 0 })).toBeNull();
  });
});

it('says of a mail that nothing is done before the latest notice in it is old enough', () => {
  const reminded = [open('a', { notice: TOLD })];
  const asked = [open('b', { question: { noticeHours: 24 } })];

  expect(earliestOf({ asked, reminded: [] }, new Date('2026-11-25T00:00:00Z'))).toEqual(
    new Date('2026-11-26T00:00:00Z'),
  );
  expect(earliestOf({ asked, reminded }, new Date('2026-11-25T00:00:00Z'))).toEqual(
    new Date('2026-11-26T23:00:00Z'),
  );
  expect(earliestOf({ asked: [], reminded }, new Date(DEC_4))).toEqual(new Date(DEC_4));
});

const DEC_4 = '2026-12-04T07:00:00.000Z';

describe('an answer', () => {
  const noted = (answer: 'yes' | 'no') => ({ answer, by: 'kim', why: 'on the phone' });

  it.each<[string, string | undefined, 'yes' | 'no' | undefined, string | undefined]>([
    ['is none where nobody said anything', undefined, undefined, undefined],
    ['is a yes on the server itself', 'stop', undefined, 'yes by owner'],
    ['is a yes on the server itself, whatever was noted', 'stop', 'no', 'yes by owner'],
    ['is what an operator noted', undefined, 'yes', 'yes by operator'],
    ['is the no that an operator noted', undefined, 'no', 'no by operator'],
    ['is what an operator noted of who wants to be asked', 'ask', 'no', 'no by operator'],
    ['is none where the server says another thing than was noted', 'never', 'yes', undefined],
  ])('%s', (_, wish, said, expected) => {
    const metadata: Record<string, string> = wish === undefined ? {} : { 'nightshift:drain': wish };
    const answer = answerOf({ metadata }, said && noted(said));
    expect(answer && `${answer.is} by ${answer.by}`).toBe(expected);
  });

  it.each<[string, Parameters<typeof standingOf>[0], string, Standing['is']]>([
    ['is awaited', { answer: undefined, notice: TOLD, refusal: undefined }, DEC_4, 'open'],
    [
      'counts once the notice is old enough',
      { answer: YES, notice: TOLD, refusal: undefined },
      DEC_4,
      'agreed',
    ],
    ['counts no sooner', { answer: YES, notice: TOLD, refusal: undefined }, '2026-11-26T22:59:59Z', 'open'],
    [
      'counts not before its owner was told',
      { answer: YES, notice: undefined, refusal: undefined },
      DEC_4,
      'open',
    ],
    ['that is no counts at once', { answer: NO, notice: undefined, refusal: undefined }, AT, 'refused'],
    [
      'to another run counts',
      { answer: undefined, notice: undefined, refusal: { why: 'no', at: AT } },
      AT,
      'refused',
    ],
    [
      'of its owner is newer than a no',
      { answer: YES, notice: TOLD, refusal: { why: 'no', at: AT } },
      DEC_4,
      'agreed',
    ],
  ])('%s', (_, known, at, is) => {
    expect(standingOf(known, { now: new Date(at), noticeHours: 48 }).is).toBe(is);
  });
});
