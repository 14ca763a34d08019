/** The small forms from which steps are made: durations, commands, and what is expected of an answer. */
import { z } from 'zod';
import { show } from '../domain/words.ts';

const UNITS_MS = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** `30s`, `5m`, `12h`, `7d`; in ms. */
export const Duration = z
  .string({ error: ({ input }) => (input === undefined ? undefined : durationFault(input)) })
  .transform((text, ctx) => {
    const [, count = '', unit = ''] = /^(\d+)\s*([smhd])$/.exec(text) ?? [];
    const ms = Number(count) * (UNITS_MS[unit as keyof typeof UNITS_MS] ?? 0);
    if (ms > 0) return ms;
    ctx.addIssue({ code: 'custom', message: durationFault(text) });
    return z.NEVER;
  });

export function durationFault(given: unknown): string {
  return `${show(given)} is no duration (30s, 5m, 12h or 7d)`;
}

const NO_LIST = 'a command is a list of words, as in [systemctl, restart, nova-compute]; no shell reads it';

/** Each word reaches the program as it is written: words are quoted for the remote shell. */
export const Command = z
  .array(
    z
      .string({ error: ({ input }) => `${show(input)} is no text; quote it: "${show(input)}"` })
      .refine((word) => !word.includes('\0'), {
        error: 'holds a NUL character, which no command can be given',
      }),
    { error: ({ input }) => (input === undefined ? undefined : NO_LIST) },
  )
  .min(1);

const Pattern = z.string().superRefine((pattern, ctx) => {
  const message = patternFault(pattern);
  if (message !== undefined) ctx.addIssue({ code: 'custom', message });
});

export function patternFault(pattern: string): string | undefined {
  try {
    RegExp(pattern, 'u');
    return undefined;
  } catch {
    return `${show(pattern)} is no regular expression`;
  }
}

/** A text means all of it, without the white space around it: `inactive` is not `active`. */
export const Text = z.union(
  [z.string(), z.strictObject({ contains: z.string().min(1) }), z.strictObject({ matches: Pattern })],
  { error: 'is a text (all of the output), { contains: text } or { matches: regular expression }' },
);

const Exit = z.int().min(0).max(255);

/** What the end of a command is compared with. */
export const Expectation = z.strictObject({
  exit: z
    .union([Exit, z.array(Exit).min(1)], { error: 'is an exit code (0–255) or a list of them' })
    .optional(),
  stdout: Text.optional(),
  stderr: Text.optional(),
});

/** A look at a target that changes nothing. */
export const Probe = Expectation.extend({ ssh: Command });

export type TextWanted = z.output<typeof Text>;
export type Expected = z.output<typeof Expectation>;
export type Look = z.output<typeof Probe>;
