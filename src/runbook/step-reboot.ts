/** The step `reboot`: the target is drained, rebooted and proved, as `reboot-hypervisor` does it. */
import { z } from 'zod';
import { rebootHypervisor } from '../procedures/reboot-hypervisor.ts';
import { rebootSettings } from '../procedures/reboot-settings.ts';
import { Failing, Failure, kindOf } from './kind.ts';

const Step = z.strictObject({
  reboot: z.strictObject({ ...rebootSettings, wait: z.boolean().default(false) }),
  ...Failing,
});

export const reboot = kindOf({
  schema: Step,
  notPuttingBack: 'it disrupts',
  alone: true,
  read: ({ reboot }) => ({
    says: 'drain it, reboot it if it needs that, prove it and give it back',
    effect: 'once',
    needsHost: true,
    async work({ ctx, host = '' }) {
      const { error, verdict, why } = await rebootHypervisor({ ...ctx, options: reboot }, host);
      if (error !== undefined) throw error;
      if (verdict === 'done' || verdict === 'skipped' || verdict === 'held') return { verdict, why };
      throw new Failure(why);
    },
  }),
});
