/** Keeps mails in a folder instead of sending them, for dry runs and the demo. */
import { randomUUID } from 'node:crypto';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { composed, type Letterhead, MailError, type MailSink } from './mail-message.ts';

/**
 * Each mail becomes `<Message-ID>.eml`, whole or not at all; sent again, it takes its own place. The
 * folder is made when the first mail comes.
 */
export function mailFolder(
  dir: string,
  letterhead: Letterhead = { from: 'Nightshift <nightshift@localhost>' },
): MailSink {
  return {
    async send(mail) {
      const { id, bytes } = await composed(mail, letterhead);
      const file = join(dir, `${id.toWellFormed().replaceAll(/[^\w.@~+=-]/gu, encodeURIComponent)}.eml`);
      const unfinished = join(dir, `.${randomUUID()}.unfinished`);
      try {
        await mkdir(dir, { recursive: true });
        await writeFile(unfinished, bytes, { flush: true });
        await rename(unfinished, file);
      } catch (cause) {
        await rm(unfinished, { force: true }).catch(() => {});
        throw new MailError(`mail ${id} cannot be kept in ${dir}: ${String(cause)}`, {
          retryable: true,
          cause,
        });
      }
    },
    close() {},
  };
}
