/** How a site writes down its commands, alerts and templates in the options of a job. */
import { z } from 'zod';
import { unknownNames } from '../domain/hold-off.ts';

/** A text in which `{{ hypervisor }}` and `{{ shortname }}` stand for the hypervisor that it is about. */
export const Template = z
  .string()
  .min(1)
  .superRefine((text, ctx) => {
    for (const name of unknownNames(text))
      ctx.addIssue(`{{ ${name} }} stands for nothing here; there are {{ hypervisor }} and {{ shortname }}`);
  });

/** A command in words; no shell reads them, unless they begin with `sh`, `-c`. */
export const Argv = z
  .array(Template, { error: 'is a command as a list of words: [ceph, osd, set, noout]' })
  .min(1);

/** Label → regular expression for its whole value. */
export const Matchers = z
  .record(z.string().min(1), Template)
  .refine((matchers) => Object.keys(matchers).length > 0, { error: 'names no label' });

/** For lists of things with a name, by which people are told of them. */
export function uniqueNames(items: readonly { readonly name: string }[], ctx: z.RefinementCtx): void {
  items.forEach(({ name }, i) => {
    if (items.findIndex((each) => each.name === name) < i)
      ctx.addIssue({ code: 'custom', path: [i, 'name'], message: `${name} is the name of another` });
  });
}
