/** How are mails to owners worded? Templates of the site or ours, checked when they are read, filled without surprises. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Liquid, LiquidError, type Template } from 'liquidjs';
import { messageOf, PermanentError } from './domain/failure.ts';
import { type FactsOf, LETTERS, type Letter, type LetterName } from './domain/letters.ts';
import { sayDay, sayInstant } from './domain/say.ts';
import { EXAMPLES } from './mail-examples.ts';

const KINDS = ['txt', 'html'] as const;
type Kind = (typeof KINDS)[number];

const MOST_DATES = 10_000;

/** Those that come with Nightshift. */
const OUR_TEMPLATES = join(import.meta.dirname, '../config/mail');

/** The template text of each letter, by `reboot-consent.txt`. */
export type TemplateTexts = Readonly<Record<string, string>>;

export interface TemplateFault {
  /** `reboot-consent.txt.liquid` */
  readonly file: string;
  readonly line?: number;
  readonly message: string;
}

export interface Templates {
  /** Throws PermanentError naming the template and its line. */
  write<Name extends LetterName>(name: Name, facts: FactsOf[Name]): Letter;
}

/** Every template that the folder has; one that it lacks is ours. PermanentError for one that is nobody's. */
export async function readTemplates(folder: string = OUR_TEMPLATES): Promise<TemplateTexts> {
  const names = LETTERS.flatMap((name) => KINDS.map((kind) => `${name}.${kind}`));
  const stray = (await readdir(folder)).find(
    (file) => file.endsWith('.liquid') && !names.includes(file.slice(0, -'.liquid'.length)),
  );
  if (stray !== undefined)
    throw new PermanentError(
      `${stray} is no mail of ours: there is ${names.map((name) => `${name}.liquid`).join(', ')}`,
    );
  const texts = names.map(async (name) => [name, await readOne(folder, `${name}.liquid`)]);
  return Object.fromEntries(await Promise.all(texts));
}

async function readOne(folder: string, file: string): Promise<string> {
  try {
    return await readFile(join(folder, file), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || folder === OUR_TEMPLATES) throw error;
    return readFile(join(OUR_TEMPLATES, file), 'utf8');
  }
}

/** Whatever is wrong with the templates: each is filled with examples, so that a name that it has wrong is found by day. */
export function templateFaults(texts: TemplateTexts): TemplateFault[] {
  const faults: TemplateFault[] = [];
  const { fill } = openFilling(texts, 'UTC');
  for (const name of LETTERS)
    for (const kind of KINDS)
      for (const facts of Object.values(EXAMPLES[name])) {
        try {
          const said = fill(name, kind, facts);
          if (kind === 'txt') apart(said);
        } catch (error) {
          faults.push(faultOf(`${name}.${kind}.liquid`, error));
          break;
        }
      }
  return faults;
}

/** `zone`: on whose clocks times are said. */
export function openTemplates(texts: TemplateTexts, zone: string): Templates {
  const { fill } = openFilling(texts, zone);
  return {
    write(name, facts) {
      try {
        return { ...apart(fill(name, 'txt', facts)), html: fill(name, 'html', facts) };
      } catch (error) {
        const { message, line } = faultOf('', error);
        const place = line === undefined ? '' : `, line ${line}`;
        throw new PermanentError(`the mail template ${name}${place}: ${message}`);
      }
    },
  };
}

/** Only what is given is seen: no files, no other templates, no inherited properties; an unknown name is a fault. */
function openFilling(texts: TemplateTexts, zone: string) {
  const common = {
    strictVariables: true,
    strictFilters: true,
    ownPropertyOnly: true,
    templates: {},
    parseLimit: 100_000,
    renderLimit: 2000,
    memoryLimit: 1_000_000,
  };
  const engines: Record<Kind, Liquid> = {
    txt: new Liquid(common),
    html: new Liquid({ ...common, outputEscape: 'escape' }),
  };
  const filters = {
    day: remembered((at) => sayDay(at, zone)),
    instant: remembered((at) => sayInstant(at, zone)),
  };
  for (const engine of Object.values(engines))
    for (const [name, say] of Object.entries(filters)) engine.registerFilter(name, say);
  const parsed = new Map<string, Template[]>();
  return {
    fill: (name: LetterName, kind: Kind, facts: FactsOf[LetterName]): string => {
      const key = `${name}.${kind}`;
      const template = parsed.get(key) ?? engines[kind].parse(texts[key] ?? '');
      parsed.set(key, template);
      return String(driven(engines[kind]._render(template, plain(facts), { sync: true })));
    },
  };
}

/**
 * What a generator comes to, with those that it yields and returns driven to their ends. As `renderSync` does it, in
 * three quarters of the time: thousands of notices are filled in one run.
 */
function driven(root: Iterator<unknown>): unknown {
  const open: Iterator<unknown>[] = [root];
  let given: unknown;
  let fault: { readonly error: unknown } | undefined;
  for (;;) {
    const top = open.at(-1)!;
    try {
      const { done, value } = fault === undefined ? top.next(given) : top.throw!(fault.error);
      fault = undefined;
      given = value;
      if (done === true) open.pop();
      if (isDrivable(value)) {
        open.push(value);
        given = undefined;
      } else if (open.length === 0) return value;
    } catch (error) {
      open.pop();
      if (open.length === 0) throw error;
      fault = { error };
    }
  }
}

function isDrivable(value: unknown): value is Iterator<unknown> {
  return typeof value === 'object' && value !== null && 'next' in value && 'throw' in value;
}

/** Thousands of mails say few dates, and each takes longer to say than the rest of its line. */
function remembered(say: (at: Date) => string): (iso: string) => string {
  const said = new Map<string, string>();
  return (iso) => {
    const known = said.get(iso) ?? say(new Date(iso));
    if (said.size < MOST_DATES) said.set(iso, known);
    return known;
  };
}

/** The first line is the subject; a blank one follows. */
function apart(said: string): Pick<Letter, 'subject' | 'text'> {
  const [first = '', blank = '', ...lines] = said.split('\n');
  const subject = /^Subject:\s*(.+)$/.exec(first)?.[1]?.trim();
  if (subject === undefined || blank.trim() !== '')
    throw new PermanentError('its first line must be `Subject: …`, and its second one empty');
  return { subject, text: `${lines.join('\n').trimEnd()}\n` };
}

/** Nearly every text. */
const PLAIN = /^(?! )[\x20-\x7e]*(?<! )$/;

/** Names are whatever people wrote: none of them begins a line or a header, or turns the direction of a text. */
function plain<T>(value: T): T {
  if (typeof value === 'string' && PLAIN.test(value)) return value;
  if (typeof value === 'string') return value.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ').trim() as T;
  if (Array.isArray(value)) return value.map(plain) as T;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, plain(each)])) as T;
}

function faultOf(file: string, error: unknown): TemplateFault {
  const message = messageOf(error)
    .split('\n')[0]!
    .replace(/, line:\d+, col:\d+.*$/, '');
  const line = LiquidError.is(error) ? Number(/line:(\d+)/.exec(messageOf(error))?.[1]) : Number.NaN;
  return { file, message, ...(Number.isInteger(line) && { line }) };
}
