/** How mails read before anybody gets one. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { LETTERS } from '../src/domain/letters.ts';
import { EXAMPLES } from '../src/mail-examples.ts';
import { pageOf, previewMail } from '../src/mail-preview.ts';

const BINARY = join(import.meta.dirname, '../src/nightshift.js');
const SITE = { mailTemplates: undefined, timezone: 'Europe/London' };
const dir = mkdtempSync(join(tmpdir(), 'ns-mail-'));
afterAll(() => rmSync(dir, { recursive: true }));

const asFile = (facts: unknown) => ({ text: JSON.stringify(facts), place: 'facts.json' });

it.each(LETTERS)(
  'every example of %s is what a file of facts may say, and reads the same from one',
  async (letter) => {
    for (const [example, facts] of Object.entries(EXAMPLES[letter])) {
      const shown = await previewMail({ letter, example }, SITE);

      expect(await previewMail({ letter, facts: asFile(facts) }, SITE)).toEqual(shown);
      expect(shown.subject).not.toBe('');
    }
  },
);

it('refuses facts with all that is wrong with them', async () => {
  const { kind: _, ...facts } = EXAMPLES['patch-notice'].first!;
  const wrong = { ...facts, cuont: 1, askedBy: 'tomorrow', late: 'no' };

  await expect(previewMail({ letter: 'patch-notice', facts: asFile(wrong) }, SITE)).rejects.toMatchObject({
    name: 'DataFileError',
    faults: [
      { path: ['kind'] },
      { path: ['askedBy'] },
      { path: ['late'], message: '"no" is neither true nor false' },
      { path: ['cuont'], message: 'unknown key, did you mean `count`?' },
    ],
  });
  await expect(
    previewMail({ letter: 'patch-notice', facts: { text: '{', place: 'facts.json' } }, SITE),
  ).rejects.toThrow('is no JSON');
});

it('is no way in for markup by the subject', () => {
  const page = pageOf({ subject: '</title><script>&', text: '', html: '<p>x</p>' });

  expect(page).toContain('<title>&lt;/title>&lt;script>&amp;</title>');
});

it('is what `nightshift mail preview` shows by the site’s own template, without a daemon', async () => {
  writeFileSync(
    join(dir, 'patch-notice.txt.liquid'),
    'Subject: {{ count }} to patch\n\nDear {{ reader.name }}',
  );
  writeFileSync(join(dir, 'nightshift.yaml'), `mailTemplates: ${dir}\ntimezone: Europe/Berlin\n`);
  writeFileSync(join(dir, 'facts.json'), JSON.stringify({ ...EXAMPLES['patch-notice'].first, count: 7 }));

  const shown = await nightshift('patch-notice', '--facts', 'facts.json');
  const html = await nightshift('patch-notice', '--html');
  const unknown = await nightshift('patch-notise');

  expect(shown).toMatchObject({ exit: 0, out: 'Subject: 7 to patch\n\nDear Alice\n' });
  expect(html.out).toContain('<b>Fri 4 Dec 2026 18:00 CET</b>');
  expect(unknown).toMatchObject({ exit: 2, out: '' });
  expect(unknown.err).toContain('did you mean `patch-notice`?');
});

async function nightshift(...args: readonly string[]) {
  const env = { PATH: process.env.PATH, HOME: dir };
  const child = spawn(process.execPath, [BINARY, '-c', 'nightshift.yaml', 'mail', 'preview', ...args], {
    cwd: dir,
    env,
    stdio: 'pipe',
  });
  let [out, err] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
  const [exit] = (await once(child, 'close')) as [number | null];
  return { exit, out, err };
}
