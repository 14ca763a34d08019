/** Which options does a YAML job declare, and which values fit them? */
import { z } from 'zod';
import { patternFault } from './shapes.ts';

const Shared = { required: z.boolean().default(false), about: z.string().default('') };

const Text = z.strictObject({
  type: z.literal('string'),
  /** The whole value has to fit it. */
  pattern: z
    .string()
    .superRefine((pattern, ctx) => {
      const message = patternFault(pattern);
      if (message !== undefined) ctx.addIssue({ code: 'custom', message });
    })
    .optional(),
  default: z.string().optional(),
  ...Shared,
});
const Whole = z.strictObject({
  type: z.literal('integer'),
  min: z.int().optional(),
  max: z.int().optional(),
  default: z.int().optional(),
  ...Shared,
});
const Truth = z.strictObject({ type: z.literal('boolean'), default: z.boolean().optional(), ...Shared });
const Choice = z.strictObject({
  type: z.literal('enum'),
  values: z.array(z.string().min(1)).min(1),
  default: z.string().optional(),
  ...Shared,
});

export type Option =
  | z.output<typeof Text>
  | z.output<typeof Whole>
  | z.output<typeof Truth>
  | z.output<typeof Choice>;

/** How an option of each type is declared. */
export const OPTION_TYPES = { string: Text, integer: Whole, boolean: Truth, enum: Choice } as const;

/** True when the option always has a value, so that a template may name it. */
export function isGiven(option: Option): boolean {
  return option.required || option.default !== undefined;
}

/** An option of every YAML job. */
export const OUTSIDE_WINDOW = 'outsideWindow';

/** What speaks against a declared option that its form allows. */
export function optionFault(option: Option): string | undefined {
  if (option.required && option.default !== undefined)
    return 'is required and has a default: one of the two can never matter';
  if (option.default === undefined) return undefined;
  const issue = valueOf(option).safeParse(option.default).error?.issues[0];
  return issue === undefined
    ? undefined
    : `its own default, ${JSON.stringify(option.default)}, does not fit it`;
}

/** The schema against which the options of a run are checked. */
export function optionsSchema(options: Readonly<Record<string, Option>>): z.ZodObject {
  return z.strictObject({
    ...Object.fromEntries(
      Object.entries(options).map(([name, option]) => {
        const value = valueOf(option);
        const left =
          option.default !== undefined
            ? value.default(option.default)
            : option.required
              ? value
              : value.optional();
        return [name, left.describe(option.about)];
      }),
    ),
    [OUTSIDE_WINDOW]: z
      .boolean()
      .default(false)
      .describe('Act also where the window that the configuration names is not open'),
  });
}

function valueOf(option: Option): z.ZodType<string | number | boolean> {
  switch (option.type) {
    case 'string':
      return option.pattern === undefined ? NoFlag : z.string().regex(RegExp(`^(?:${option.pattern})$`, 'u'));
    case 'integer':
      return z
        .int()
        .min(option.min ?? Number.MIN_SAFE_INTEGER)
        .max(option.max ?? Number.MAX_SAFE_INTEGER);
    case 'boolean':
      return z.boolean();
    case 'enum':
      return z.enum(option.values);
  }
}

/** Filled into a command, it would be taken for a flag of the program. */
const NoFlag = z.string().refine((text) => !text.startsWith('-'), {
  error:
    'begins with a dash, which a command takes for a flag; if that is meant, the job gives the option a `pattern`',
});
