/** What is wrong with the options that somebody gave to a job? The same answer for the file and for a request. */
import { z } from 'zod';
import { type Fault, faultsOf, unknownKeys, wordsOf } from '../domain/words.ts';

/** Every fault at once, options that the job does not have among them; none when the job can be run with them. */
export function optionFaults(options: z.ZodType, given: unknown): Fault[] {
  return faultsOf(strict(options).safeParse(given, { error: wordsOf }).error);
}

/** Job files declare plain objects, which would drop what they do not know. */
function strict(options: z.ZodType): z.ZodType {
  if (!(options instanceof z.ZodObject)) return options;
  return options.clone({ ...options.def, catchall: z.never(), error: unknownKeys('option') });
}
