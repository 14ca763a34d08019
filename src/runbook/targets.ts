/** Which hypervisors is a YAML job about, and which of them are held back? */
import { z } from 'zod';
import { type Armed, whyNotArmed } from '../domain/acting.ts';
import type { Hypervisor } from '../domain/fleet.ts';
import { byName } from '../domain/names.ts';
import { Duration } from './shapes.ts';
import { fillWord, type Values } from './template.ts';

const Words = z.union([z.string().min(1), z.array(z.string().min(1)).min(1)], {
  error: 'is a text or a list of texts',
});

const Where = z.strictObject({
  aggregate: Words.optional(),
  zone: Words.optional(),
  /** With `*` for any letters. */
  name: Words.optional(),
  /** Nova heard from its compute service lately. */
  up: z.boolean().optional(),
  /** Its compute service is enabled. */
  enabled: z.boolean().optional(),
});

export const Targets = z.strictObject({
  from: z.enum(['hypervisors']),
  where: Where.prefault({}),
  batch: z.int().min(1).default(1),
  maxFailed: z.int().min(0).default(0),
  /** How long one target may take: it is begun only where the window is open for so long. */
  takes: Duration.prefault('1m'),
});

export type Targets = z.output<typeof Targets>;

export type Target = { readonly name: string; readonly zone: string };

/** `order` and `held` together are all that the filter fits. */
export type Chosen = {
  readonly order: readonly Target[];
  readonly held: readonly { readonly name: string; readonly why: string }[];
};

/** The hypervisors that fit, by name; held back are those that the job is not armed for. */
export function chooseTargets(
  hypervisors: readonly Hypervisor[],
  {
    where,
    armed,
    values,
  }: { readonly where: Targets['where']; readonly armed: Armed; readonly values: Values },
): Chosen {
  const fitting = hypervisors
    .filter((hypervisor) => fits(hypervisor, where, values))
    .toSorted((a, b) => byName(a.name, b.name));
  const unarmed = (hypervisor: Hypervisor) => whyNotArmed(armed, hypervisor.aggregates);
  return {
    order: fitting
      .filter((hypervisor) => unarmed(hypervisor) === undefined)
      .map(({ name, zone = '' }) => ({ name, zone })),
    held: fitting.flatMap((hypervisor) => {
      const why = unarmed(hypervisor);
      return why === undefined ? [] : [{ name: hypervisor.name, why }];
    }),
  };
}

/** `in aggregate general, up`: completes the sentence "No hypervisor is …". */
export function sayWhere(where: Targets['where'], values: Values): string {
  const { aggregate, zone, name, up, enabled } = where;
  const said = [
    aggregate === undefined ? '' : `in aggregate ${wordsOf(aggregate, values).join(' or ')}`,
    zone === undefined ? '' : `in zone ${wordsOf(zone, values).join(' or ')}`,
    name === undefined ? '' : `called ${wordsOf(name, values).join(' or ')}`,
    up === undefined ? '' : up ? 'up' : 'down',
    enabled === undefined ? '' : enabled ? 'enabled' : 'disabled',
  ];
  return said.filter((part) => part !== '').join(', ') || 'in this cloud';
}

function fits(
  { name, zone, aggregates, up, disabled }: Hypervisor,
  where: Targets['where'],
  values: Values,
): boolean {
  const among = (wanted: string | readonly string[] | undefined, found: readonly string[]) =>
    wanted === undefined || wordsOf(wanted, values).some((word) => found.includes(word));
  const isCalled =
    where.name === undefined || wordsOf(where.name, values).some((pattern) => globOf(pattern).test(name));
  return (
    among(where.aggregate, aggregates) &&
    among(where.zone, zone === undefined ? [] : [zone]) &&
    isCalled &&
    (where.up === undefined || where.up === up) &&
    (where.enabled === undefined || where.enabled === (disabled === undefined))
  );
}

function wordsOf(words: string | readonly string[], values: Values): string[] {
  return [words].flat().map((word) => fillWord(word, values));
}

function globOf(pattern: string): RegExp {
  const literal = pattern.replaceAll(/[.+?^${}()|[\]\\]/g, String.raw`\$&`);
  return RegExp(`^${literal.replaceAll('*', '.*')}$`, 'u');
}
