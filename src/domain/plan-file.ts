/** What does a plan say that lies in a file, and what is wrong with one? The format `plan/1`. */
import { z } from 'zod';
import { DataFileError, parseJson } from './data-file.ts';
import type { DefragmentPlan } from './defragment-plan.ts';
import { faultsOf, wordsOf } from './words.ts';

const Text = z.string().min(1);
const Count = z.int().nonnegative();
const Amount = z.number().nonnegative();

const Move = z.object({
  server: Text,
  from: Text,
  to: Text,
  toCells: z.array(Count).exactOptional(),
  seconds: Amount.exactOptional(),
});

const File = z.object({
  format: z.literal('plan/1'),
  fleet: Text,
  seed: z.int(),
  waves: z.array(z.array(Move)),
  emptied: z.array(Text),
  emptyBefore: Count,
  emptyAfter: Count,
  bound: Count,
  moves: Count,
  ramMovedMb: Amount,
  makespanSeconds: Amount,
  makespanBound: Amount,
  held: z.array(
    z.union([z.object({ hypervisor: Text, why: z.string() }), z.object({ server: Text, why: z.string() })]),
  ),
  warnings: z.array(z.string()),
});

/**
 * The plan that `text` holds. Throws `DataFileError` with every fault and its place; `place` names the file to
 * people. Whether the plan fits a fleet is `checkPlan`'s to say.
 */
export function parsePlan(text: string, place: string): DefragmentPlan {
  const { data, error } = File.safeParse(parseJson(text, place), { error: wordsOf });
  if (data === undefined) throw new DataFileError(place, faultsOf(error));
  return data;
}
