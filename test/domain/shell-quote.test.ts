import { execFileSync } from 'node:child_process';
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { shellQuote } from '../../src/domain/shell-quote.ts';

it('lets a shell read back any words as they are', () => {
  const word = fc.string({
    unit: fc.oneof(
      fc.constantFrom("'", '"', '\\', '$', '`', '\n', ' ', '!', '~', '*'),
      fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 }),
    ),
  });

  fc.assert(
    fc.property(
      fc.array(
        word.filter((text) => !text.includes('\0')),
        { minLength: 1, maxLength: 5 },
      ),
      (words) => {
        const read = execFileSync('sh', ['-c', `printf '%s\\0' ${words.map(shellQuote).join(' ')}`], {
          encoding: 'utf8',
        });

        expect(read).toBe(words.map((text) => `${text}\0`).join(''));
      },
    ),
  );
});
