/** Which other actors are held off while a hypervisor reboots, in whose words, and how that is undone without us. */
import type { CommandResult } from './fleet.ts';
import { lastWords } from './gate.ts';
import type { Matchers } from './monitoring.ts';
import { sayInstant } from './say.ts';
import { shellQuote } from './shell-quote.ts';

/** A command of the site before the reboot, and the one that takes it back. Both may run twice. */
export interface SiteAct {
  readonly name: string;
  /** The host on which both run. */
  readonly on: string;
  readonly before: readonly string[];
  readonly after: readonly string[];
  /** Ends with 0 where somebody else has done already what `before` does: then neither of them runs. */
  readonly unless?: readonly string[] | undefined;
  /** How a person takes it back; left out, `after` by ssh. */
  readonly undo?: string | undefined;
}

/** The act in words for one hypervisor. */
export interface FilledAct extends SiteAct {
  /** It says nothing of the hypervisor, so it is the same for all of them: Ceph's `noout`. */
  readonly shared: boolean;
}

const TEMPLATE = /\{\{\s*([^{}]*?)\s*\}\}/g;
const NAMES = ['hypervisor', 'shortname'] as const;

/** The names that a template asks for and that nothing stands for. */
export function unknownNames(text: string): string[] {
  return [...text.matchAll(TEMPLATE)]
    .map(([, name]) => name!)
    .filter((name) => valueOf(name, '') === undefined);
}

/** True where the text says which hypervisor it is about. */
export function namesHypervisor(text: string): boolean {
  return [...text.matchAll(TEMPLATE)].some(([, name]) => valueOf(name!, '') !== undefined);
}

/** `{{ hypervisor }}` is its name, `{{ shortname }}` the name up to its first dot. */
export function fillFor(text: string, hypervisor: string): string {
  return text.replaceAll(TEMPLATE, (written, name: string) => valueOf(name, hypervisor) ?? written);
}

/** As `fillFor`; in a regular expression the name stands for itself alone. */
export function fillMatchers(matchers: Matchers, hypervisor: string): Matchers {
  const fill = (text: string) =>
    text.replaceAll(TEMPLATE, (written, name: string) => {
      const value = valueOf(name, hypervisor);
      return value === undefined ? written : value.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
    });
  return Object.fromEntries(Object.entries(matchers).map(([label, text]) => [label, fill(text)]));
}

export function actFor(act: SiteAct, hypervisor: string): FilledAct {
  const fill = (text: string) => fillFor(text, hypervisor);
  const { name, on, before, after, unless, undo } = act;
  return {
    name,
    on: fill(on),
    before: before.map(fill),
    after: after.map(fill),
    shared: ![on, ...before, ...after].some(namesHypervisor),
    ...(unless === undefined ? {} : { unless: unless.map(fill) }),
    ...(undo === undefined ? {} : { undo: fill(undo) }),
  };
}

/** What the hand-back file says of an act that is about to be done. */
export function actLines({ name, on, after, undo }: SiteAct, hypervisor: string): string[] {
  return [
    `# ${name}: done on ${on} for the reboot of ${hypervisor}; to take it back:`,
    undo ?? bySsh(on, after),
  ];
}

/** What the hand-back file says of the silences of a hypervisor. */
export function silenceLines(hypervisor: string, until: Date, commands: readonly string[]): string[] {
  const ends = sayInstant(until, 'UTC');
  return [
    `# alerts of ${hypervisor} are silenced and speak again by themselves ${ends}; to end that now:`,
    ...commands,
  ];
}

/** Which command did not go well, and its last words; undefined when it went well. */
export function whyFailed(on: string, argv: readonly string[], result: CommandResult): string | undefined {
  if (result.exit === 0) return undefined;
  return `${sayCommand(on, argv)} ended with exit ${result.exit}: ${lastWords(result) ?? 'it says nothing'}`;
}

/** `ceph osd set noout` on ceph1. */
export function sayCommand(on: string, argv: readonly string[]): string {
  return `\`${argv.map(plain).join(' ')}\` on ${on}`;
}

/** What is found again as a silence of this run and hypervisor. */
export function silenceMark(runId: string, hypervisor: string): string {
  return `nightshift ${runId}: ${hypervisor} reboots`;
}

/** The command line is quoted twice: for the shell here and for the one there. */
function bySsh(on: string, argv: readonly string[]): string {
  return `ssh ${plain(on)} -- ${shellQuote(argv.map(plain).join(' '))}`;
}

function plain(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : shellQuote(word);
}

function valueOf(name: string, hypervisor: string): string | undefined {
  const [known] = NAMES.filter((each) => each === name);
  if (known === undefined) return undefined;
  return known === 'hypervisor' ? hypervisor : hypervisor.replace(/\..*$/, '');
}
