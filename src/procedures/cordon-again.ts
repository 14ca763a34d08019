/** Takes a hypervisor that was given back out of service once more, under the reason that its run had before. */
import type { Context } from '../context.ts';
import { rebootReason } from '../domain/cordon.ts';
import { enableCommand } from '../domain/reboot-report.ts';

/** For use inside a step. Leaves it alone when it is disabled already, by whomever. */
export async function disableAgain(ctx: Context<unknown>, name: string): Promise<void> {
  const { disabled } = await ctx.cloud.service(name);
  if (disabled !== undefined) return;
  const reason = rebootReason(ctx.runId);
  await ctx.handback.write(`hypervisor ${name}`, [`# ${name} is disabled: ${reason}`, enableCommand(name)]);
  await ctx.cloud.cordon(name, reason);
}

/** For use inside a step: enables it if it is disabled under this run's reason. Whether it was. */
export async function enableAgain(ctx: Context<unknown>, name: string): Promise<boolean> {
  const { disabled } = await ctx.cloud.service(name);
  if (disabled !== rebootReason(ctx.runId)) return false;
  await ctx.cloud.uncordon(name);
  await ctx.handback.clear(`hypervisor ${name}`);
  return true;
}
