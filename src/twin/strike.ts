/** Does a failure happen now, by the rules of who holds the simulated cloud? */
import { createHash } from 'node:crypto';
import { FAILURES, type FailureOn, type FaultRule, type Occasion } from './failures.ts';
import { glob } from './patterns.ts';
import type { Server } from './state.ts';
import type { World } from './world.ts';

interface Subject {
  readonly hypervisor: string;
  readonly server?: Server;
}

/** The first rule that strikes on this occasion; each call counts as one. */
export function strike<O extends Occasion>(
  world: World,
  occasion: O,
  subject: Subject,
): (FaultRule & { readonly what: FailureOn<O> }) | undefined {
  return world.state.faults.rules.find((rule, place): rule is FaultRule & { what: FailureOn<O> } => {
    if (FAILURES[rule.what].on !== occasion || !isAbout(rule, subject)) return false;
    rule.seen = (rule.seen ?? 0) + 1;
    const { nth, probability } = rule.when ?? {};
    if (nth !== undefined && rule.seen !== nth) return false;
    return probability === undefined || chance(world, [place, rule.seen], subject) < probability;
  });
}

function isAbout({ when = {} }: FaultRule, { hypervisor, server }: Subject): boolean {
  if (when.hypervisor !== undefined && !fits(when.hypervisor, hypervisor)) return false;
  if (when.server === undefined) return true;
  return server !== undefined && (fits(when.server, server.name) || when.server === server.id);
}

function fits(pattern: string, name: string): boolean {
  return new RegExp(`^${glob(pattern)}$`).test(name);
}

/** Not of the cloud's own dice: a rule more must not change which ids come after it. */
function chance({ state }: World, numbers: readonly number[], { hypervisor, server }: Subject): number {
  const text = [state.image, ...numbers, hypervisor, server?.id ?? ''].join(' ');
  return createHash('sha256').update(text).digest().readUInt32BE() / 2 ** 32;
}
