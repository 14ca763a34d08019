/** The mails that ask operators: what became of a step whose end nobody saw, and whether a run may go on. */
import { sayDuration } from './domain/say.ts';
import { shellQuote } from './domain/shell-quote.ts';
import type { Mail, Question } from './engine/job.ts';

export interface Doubt {
  readonly operators: readonly string[];
  readonly run: string;
  readonly step: string;
  readonly evidence: string;
}

/** Undefined where no operators are configured. */
export function sayDecision({ operators, run, step, evidence }: Doubt): Mail | undefined {
  if (operators.length === 0) return undefined;
  const decide = `nightshift decide ${run} --step ${shellQuote(step)}`;
  return {
    to: operators,
    subject: `[nightshift] ${run} needs you: did "${step}" happen?`,
    text: [
      `Nightshift began "${step}" and did not see how it ended. It will not do it again by itself.`,
      '',
      `What is known: ${evidence}.`,
      '',
      'Please look, then say what you found; the run goes on from there:',
      '',
      `  it happened          ${decide} --happened yes --reason '…'`,
      `  it did not, do it    ${decide} --happened no --reason '…'`,
      `  it did not, leave it ${decide} --happened failed --reason '…'`,
      `  end the run          nightshift cancel ${run} --reason '…'`,
      '',
      `All of it: nightshift show ${run}`,
      '',
    ].join('\n'),
  };
}

export interface Asked extends Question {
  readonly operators: readonly string[];
  readonly run: string;
  readonly key: string;
}

/** Undefined where no operators are configured. */
export function sayQuestion({ operators, run, key, question, withinMs, otherwise }: Asked): Mail | undefined {
  if (operators.length === 0) return undefined;
  const approve = `nightshift approve ${run} ${shellQuote(key)} --answer`;
  return {
    to: operators,
    subject: `[nightshift] ${run} asks: ${question}`,
    text: [
      question,
      '',
      `The run waits for the answer. If nobody gives one within ${sayDuration(withinMs)}, it takes ${otherwise}.`,
      '',
      `  yes  ${approve} yes --reason '…'`,
      `  no   ${approve} no --reason '…'`,
      '',
      `All of it: nightshift show ${run}`,
      '',
    ].join('\n'),
  };
}
