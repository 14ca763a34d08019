/** Tells at once, before anything is begun, that options need something of the site that is not configured. */
import type { Context } from '../context.ts';
import { PermanentError } from '../domain/failure.ts';
import type { GateSettings } from './gate.ts';
import type { HoldOffSettings } from './hold-off.ts';

/**
 * Permanent error naming every option that cannot work. A step, `key`, so that a run under way is not ended by a
 * configuration that has changed; none where the options need nothing.
 */
export async function assertConfigured(
  ctx: Context<GateSettings & Pick<HoldOffSettings, 'silences'>>,
  key: string,
): Promise<void> {
  const { gate, silences } = ctx.options;
  const asks = [
    { option: 'gate.prometheus', wanted: gate.prometheus.length > 0, client: 'prometheus' },
    { option: 'gate.alerts', wanted: gate.alerts !== undefined, client: 'alertmanager' },
    { option: 'silences', wanted: silences.length > 0, client: 'alertmanager' },
  ] as const;
  const wanted = asks.filter((ask) => ask.wanted);
  if (wanted.length === 0) return;
  await ctx.step(key, { effect: 'read' }, async () => {
    const missing = wanted.filter(({ client }) => ctx[client] === undefined);
    if (missing.length === 0) return;
    const faults = missing.map(({ option, client }) => `\`${option}\` needs \`${client}\``);
    throw new PermanentError(`${faults.join(', ')}, which is not configured; nothing was started`);
  });
}
