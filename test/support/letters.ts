/** Mails to owners as they are worded where the site words none. */
import type { WriteLetter } from '../../src/domain/letters.ts';
import { openTemplates, readTemplates } from '../../src/mail-templates.ts';

const ours = openTemplates(await readTemplates(), 'UTC');

export const OUR_LETTERS: WriteLetter = async (name, facts) => ours.write(name, facts);
