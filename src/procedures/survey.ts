/** Which hypervisors need a reboot, asked of each of them. Changes nothing. */
import type { Context } from '../context.ts';
import { PermanentError } from '../domain/failure.ts';
import type { RebootNeed } from '../domain/reboot-need.ts';
import { askNeed } from './ask-host.ts';
import type { NeedSettings } from './need-settings.ts';

export interface SurveySettings extends NeedSettings {
  /** Hypervisors to ask; none named means all. */
  readonly hosts: readonly string[];
}

const AT_ONCE = 8;

/** The needs by hypervisor name. Permanent error when a named hypervisor does not exist. */
export async function survey(ctx: Context<SurveySettings>): Promise<Readonly<Record<string, RebootNeed>>> {
  return ctx.step('needs', { effect: 'read', timeoutMs: 30 * 60_000 }, async (scope) => {
    const all = (await ctx.cloud.fleet()).hypervisors.map(({ name }) => name);
    const queue = chosen(all, ctx.options.hosts);
    const needs: Record<string, RebootNeed> = {};
    const askNext = async (): Promise<void> => {
      for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
        needs[name] = await askNeed(ctx, name, scope.signal);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, askNext));
    return needs;
  });
}

function chosen(all: readonly string[], wanted: readonly string[]): string[] {
  const unknown = wanted.filter((name) => !all.includes(name));
  if (unknown.length > 0) {
    throw new PermanentError(`no hypervisor is called ${unknown.join(', ')}; there are ${all.join(', ')}`);
  }
  return wanted.length === 0 ? [...all] : [...new Set(wanted)];
}
