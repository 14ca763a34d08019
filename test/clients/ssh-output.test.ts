import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { Output } from '../../src/clients/ssh-output.ts';

function read(chunks: readonly string[]): { text: string; lines: string[] } {
  const lines: string[] = [];
  const output = new Output((line) => lines.push(line));
  for (const chunk of chunks) output.push(chunk);
  return { text: output.end(), lines };
}

it('gives the same text and lines however the output was cut', () => {
  const chunk = fc.string({ unit: fc.constantFrom('a', 'ü', '🌙', '\n') });

  fc.assert(
    fc.property(fc.array(chunk), (chunks) => {
      const whole = chunks.join('');

      const { text, lines } = read(chunks);

      expect(text).toBe(whole);
      expect(lines).toEqual(
        whole
          .replace(/\n$/, '')
          .split('\n')
          .slice(whole === '' ? 1 : 0),
      );
    }),
  );
});

it('keeps both ends of what is too long, and says how much is gone', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1_000_000 }),
      fc.integer({ min: 1000, max: 300_000 }),
      (surplus, size) => {
        const whole = 'x'.repeat(512 * 1024) + 'y'.repeat(surplus) + 'z'.repeat(512 * 1024);
        const chunks = Array.from({ length: Math.ceil(whole.length / size) }, (_, n) =>
          whole.slice(n * size, (n + 1) * size),
        );

        const { text } = read(chunks);

        expect(text).toBe(
          `${'x'.repeat(512 * 1024)}\n… ${surplus} characters cut …\n${'z'.repeat(512 * 1024)}`,
        );
      },
    ),
    { numRuns: 20 },
  );
});

it('hands a line that never ends on in pieces', () => {
  const { lines } = read(Array.from({ length: 30 }, () => '.'.repeat(10_000)));

  expect(lines.length).toBeGreaterThan(1);
  expect(lines.join('')).toBe('.'.repeat(300_000));
});
