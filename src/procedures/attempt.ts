/** A step's failure as a value, where a procedure goes on after it by putting things back. */

export type Attempt<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: Error };

/**
 * What `act` gave, or how a step in it failed for good. Everything else passes through: a cancelled
 * run, and faults of the code.
 */
export async function attempt<T>(act: () => Promise<T>): Promise<Attempt<T>> {
  try {
    return { ok: true, value: await act() };
  } catch (error) {
    if (error instanceof Error && error.name === 'StepFailed') return { ok: false, error };
    throw error;
  }
}

/** True for what the engine throws where a cancelled run would disrupt something. */
export function isCancelled(error: unknown): error is Error {
  return error instanceof Error && error.name === 'Cancelled';
}
