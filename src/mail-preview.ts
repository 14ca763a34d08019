/** How does a mail to an owner read, filled with an example or with facts from a file, before anybody gets one? */
import { z } from 'zod';
import type { Config } from './config.ts';
import { DataFileError, parseJson } from './domain/data-file.ts';
import { type FactsOf, LETTERS, type Letter, type LetterFacts, type LetterName } from './domain/letters.ts';
import { PatchNoticeSchema } from './domain/patch-letter.ts';
import { faultsOf, unknownWord, wordsOf } from './domain/words.ts';
import { EXAMPLES } from './mail-examples.ts';
import { openTemplates, readTemplates } from './mail-templates.ts';
import { RequestError } from './start-run.ts';

const RebootServer = z.strictObject({
  id: z.string(),
  name: z.string(),
  projectId: z.string(),
  how: z.enum(['live', 'cold', 'stop', 'ask']),
  why: z.string(),
  outlook: z.string().nullable(),
});

const RebootSchema = z.strictObject({
  owner: z.strictObject({ name: z.string().nullable(), by: z.enum(['metadata', 'user', 'project']) }),
  hypervisor: z.string(),
  why: z.string(),
  servers: z.array(RebootServer),
  hypervisors: z.array(
    z.strictObject({
      name: z.string(),
      why: z.string(),
      deadline: z.iso.datetime(),
      servers: z.array(RebootServer),
    }),
  ),
  reminder: z.boolean(),
  earliest: z.iso.datetime(),
  deadline: z.iso.datetime(),
}) satisfies z.ZodType<LetterFacts>;

const SCHEMAS: { readonly [Name in LetterName]: z.ZodType<FactsOf[Name]> } = {
  'reboot-consent': RebootSchema,
  'reboot-notice': RebootSchema,
  'patch-notice': PatchNoticeSchema,
};

export interface PreviewAsked {
  readonly letter: string;
  /** One of the letter's; left out, its first. */
  readonly example?: string | undefined;
  /** Facts as JSON, and what the file is called; instead of an example. */
  readonly facts?: { readonly text: string; readonly place: string };
}

export type Preview = Letter & { readonly facts: FactsOf[LetterName] };

/**
 * Fills the site's template, or ours where it has none. `RequestError` for a letter or an example that there is
 * not, `DataFileError` with all that is wrong with the facts.
 */
export async function previewMail(
  asked: PreviewAsked,
  { mailTemplates, timezone }: Pick<Config, 'mailTemplates' | 'timezone'>,
): Promise<Preview> {
  const name = LETTERS.find((each) => each === asked.letter);
  if (name === undefined)
    throw new RequestError(`${asked.letter}: ${unknownWord('mail', asked.letter, LETTERS)}`);
  const facts = factsFor(name, asked);
  const templates = openTemplates(await readTemplates(mailTemplates), timezone);
  return { ...templates.write(name, facts), facts };
}

/** The letter as a page of its own. */
export function pageOf({ subject, html }: Letter): string {
  const title = subject.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<!doctype html>\n<meta charset="utf-8">\n<title>${title}</title>\n${html}`;
}

function factsFor<Name extends LetterName>(name: Name, { facts, example }: PreviewAsked): FactsOf[Name] {
  if (facts === undefined) return exampleOf(name, example);
  const parsed = SCHEMAS[name].safeParse(parseJson(facts.text, facts.place), { error: wordsOf });
  if (!parsed.success) throw new DataFileError(facts.place, faultsOf(parsed.error));
  return parsed.data;
}

function exampleOf<Name extends LetterName>(name: Name, wanted: string | undefined): FactsOf[Name] {
  const examples = EXAMPLES[name];
  const key = wanted ?? Object.keys(examples)[0]!;
  if (Object.hasOwn(examples, key)) return examples[key]!;
  throw new RequestError(`${key}: ${unknownWord('example', key, Object.keys(examples))}`);
}
