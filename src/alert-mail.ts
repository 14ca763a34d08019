/** The mails that tell operators how their jobs do: one fails, works again, missed its time, or waits for long. */
import { sayCount, sayDuration, sayInstant } from './domain/say.ts';
import type { Alert, Failing, Missed, Recovered, Undecided, Waiting } from './engine/alerts.ts';
import type { Mail } from './engine/job.ts';

export interface Readers {
  readonly operators: readonly string[];
  /** On whose clocks times are told. */
  readonly zone: string;
}

/** Undefined where no operators are configured. */
export function sayAlert(alert: Alert, { operators, zone }: Readers): Mail | undefined {
  if (operators.length === 0) return undefined;
  const { subject, lines } = wordsOf(alert, (ms) => sayInstant(new Date(ms), zone));
  return { to: operators, subject: `[nightshift] ${subject}`, text: `${lines.join('\n')}\n` };
}

type SayTime = (ms: number) => string;

interface Words {
  readonly subject: string;
  readonly lines: readonly string[];
}

function wordsOf(alert: Alert, at: SayTime): Words {
  switch (alert.kind) {
    case 'failing':
    case 'reminder':
      return sayFailing(alert, at);
    case 'recovered':
      return sayRecovered(alert, at);
    case 'missed':
      return sayMissed(alert, at);
    case 'waiting':
      return sayWaiting(alert, at);
    case 'undecided':
      return sayUndecided(alert);
  }
  throw new Error(`this version has no words for "${(alert as Alert).kind}"; a newer one raised it`);
}

function sayFailing(alert: Failing, at: SayTime): Words {
  const { kind, job, run, state, since, failures, why = 'no reason was given' } = alert;
  const lately = state === 'quarantined' ? 'was taken out of the way' : 'failed';
  const more =
    kind === 'failing' ? [] : [`${job} has failed ${sayCount(failures, 'time')} since ${at(since)}.`];
  return {
    subject: `${job} ${kind === 'failing' ? 'fails' : 'still fails,'} since ${at(since)}`,
    lines: [
      ...more,
      `${run} ${lately} on ${at(alert.at)}: ${sentence(why)}`,
      '',
      `  look    nightshift show ${run}`,
      `  log     nightshift log ${run}`,
      ...goOn(alert),
      '',
      'You hear when it works again, and as long as it does not: a day after this began, then after two and',
      'four days more, then once a week. Runs that fail meanwhile send no mail of their own.',
    ],
  };
}

/** A failure that the run dealt with leaves no step to try again. */
function goOn({ job, run, state, failedStep }: Failing): string[] {
  if (failedStep === undefined && state !== 'quarantined') {
    return [`  again   nightshift run ${job}    when it is repaired; with --go to act`];
  }
  return [`  go on   nightshift resume ${run} --reason '…'    when it is repaired`];
}

function sayRecovered({ job, run, at: ended, since, failures }: Recovered, at: SayTime): Words {
  const lasted = sayDuration(ended - since);
  return {
    subject: `${job} works again, after ${lasted}`,
    lines: [
      `${run} succeeded on ${at(ended)}.`,
      `${job} had failed since ${at(since)}, for ${lasted}: ${sayCount(failures, 'run')} failed.`,
      '',
      `All of it: nightshift runs --job ${job}`,
    ],
  };
}

function sayMissed({ job, first, last, missed, late }: Missed, at: SayTime): Words {
  const times = missed === 1 ? at(first) : `${missed} times from ${at(first)} to ${at(last)}`;
  const instead = late
    ? `Its latest time is run late, in place of ${missed === 1 ? 'this one' : 'these'}.`
    : `Nothing is run in ${missed === 1 ? 'its' : 'their'} place; to run it now: nightshift run ${job} (with --go to act).`;
  return {
    subject: `${job} missed ${missed === 1 ? at(first) : `${missed} times since ${at(first)}`}`,
    lines: [
      `${job} was due ${missed === 1 ? 'on ' : ''}${times}, and no daemon lived then to run it.`,
      instead,
      '',
      `What became of each: nightshift schedule`,
    ],
  };
}

function sayWaiting({ run, state, why, since, promised, at: now }: Waiting, at: SayTime): Words {
  const over = promised === undefined ? [] : [`That should have been over on ${at(promised)}.`];
  return {
    subject: `${run} waits${state === 'waiting' ? '' : ' for you'} since ${at(since)}`,
    lines: [
      `${run} waits for ${sentence(why)}`,
      `It has waited for ${sayDuration(now - since)}, since ${at(since)}, and goes on; you hear of this wait only once.`,
      ...over,
      '',
      `  look    nightshift show ${run}${state === 'waiting' ? '' : '    it says how to decide'}`,
      howToEnd(run),
    ],
  };
}

function sayUndecided({ run, why }: Undecided): Words {
  return {
    subject: `${run} needs you`,
    lines: [
      `${run} has stopped. It waits for ${sentence(why)}`,
      '',
      `  look    nightshift show ${run}`,
      `  go on   nightshift resume ${run} --reason '…'`,
      howToEnd(run),
    ],
  };
}

function howToEnd(run: string): string {
  return `  end it  nightshift cancel ${run} --reason '…'    it puts back what it holds`;
}

/** What others said may end with a full stop, or not. */
function sentence(words: string): string {
  return /[.!?]$/.test(words) ? words : `${words}.`;
}
