/** What is there to say in a mail to an owner? The facts that templates are filled with; how it is said is theirs. */
import type { Owner } from './fleet.ts';
import type { PatchNoticeFacts } from './patch-letter.ts';

/** What may be sent to owners; each has a template of its own. */
export const LETTERS = ['reboot-consent', 'reboot-notice', 'patch-notice'] as const;
export type LetterName = (typeof LETTERS)[number];

/** What the template of each is filled with. */
export interface FactsOf {
  readonly 'reboot-consent': LetterFacts;
  readonly 'reboot-notice': LetterFacts;
  readonly 'patch-notice': PatchNoticeFacts;
}

/** Instants are ISO 8601; templates say them by the filters `day` and `instant`. */
export interface LetterFacts {
  readonly owner: { readonly name: string | null; readonly by: Owner['by'] };
  /** The only one that it is about; empty where it is about several. */
  readonly hypervisor: string;
  /** Why it is rebooted; empty where it is about several. */
  readonly why: string;
  /** All of them. */
  readonly servers: readonly LetterServer[];
  /** Those that wait for an answer; none where none is waited for. */
  readonly hypervisors: readonly LetterHypervisor[];
  /** All of it was asked before. */
  readonly reminder: boolean;
  /** Nothing is done before. */
  readonly earliest: string;
  /** Until then an answer is waited for, the first of several; the same as `earliest` where none is. */
  readonly deadline: string;
}

interface LetterHypervisor {
  readonly name: string;
  readonly why: string;
  readonly deadline: string;
  readonly servers: readonly LetterServer[];
}

export interface LetterServer {
  readonly id: string;
  readonly name: string;
  readonly projectId: string;
  /** What is done to it; `ask`: what is asked for. */
  readonly how: 'live' | 'cold' | 'stop' | 'ask';
  /** Why it cannot be moved; empty where it can. */
  readonly why: string;
  /** What is known of how long its kind lives, or null. */
  readonly outlook: string | null;
}

export interface Letter {
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

/** Fills a template. Throws a permanent error that names the template and its line. */
export type WriteLetter = <Name extends LetterName>(name: Name, facts: FactsOf[Name]) => Promise<Letter>;
