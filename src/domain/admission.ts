/** Which of those that could be rebooted go tonight, in their order, and why do the others not? */

/** Speaks for one concern; it is told of each that goes. */
export interface Gate<Candidate> {
  /** Why this one does not go; undefined when nothing speaks against it. */
  whyNot(candidate: Candidate): string | undefined;
  /** This one goes. */
  take(candidate: Candidate): void;
}

export interface Admitted<Candidate> {
  readonly order: readonly Candidate[];
  readonly held: readonly { readonly name: string; readonly why: string }[];
  /** Beyond the limit. */
  readonly later: readonly Candidate[];
}

/** Asks every gate about each, in order; the first that objects gives the reason. */
export function admit<Candidate extends { readonly name: string }>(
  queue: readonly Candidate[],
  gates: readonly Gate<NoInfer<Candidate>>[],
  limit: number,
): Admitted<Candidate> {
  const order: Candidate[] = [];
  const later: Candidate[] = [];
  const held: { name: string; why: string }[] = [];
  for (const candidate of queue) {
    const why = gates.map((gate) => gate.whyNot(candidate)).find((reason) => reason !== undefined);
    if (why !== undefined) held.push({ name: candidate.name, why });
    else if (order.length >= limit) later.push(candidate);
    else {
      order.push(candidate);
      for (const gate of gates) gate.take(candidate);
    }
  }
  return { order, held, later };
}
