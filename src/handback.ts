/** Where does the file lie that tells how to undo, without us, what Nightshift holds now? */
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Handback } from './context.ts';

/** Plain text files in `dir`, on disk before `write` resolves: they are for the night on which nothing else works. */
export function handbackIn(dir: string): Handback {
  const fileOf = (subject: string): string => join(dir, `${subject.replaceAll(/[^\w.-]+/g, '-')}.txt`);
  return {
    async write(subject, lines) {
      await mkdir(dir, { recursive: true });
      const file = fileOf(subject);
      const next = `${file}.${process.pid}`;
      const handle = await open(next, 'w', 0o640);
      try {
        await handle.writeFile(`${lines.join('\n')}\n`);
        await handle.sync();
      } finally {
        await handle.close();
      }
      await rename(next, file);
    },
    async clear(subject) {
      await rm(fileOf(subject), { force: true });
    },
  };
}
