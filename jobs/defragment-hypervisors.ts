/**
 * A night that makes room: servers are moved together so that hypervisors stand empty, and those are kept for the
 * campaign that reboots hypervisors. It works wave by wave, each looked at anew; the next night starts from the
 * cloud as it is then. It holds the lease `fleet`, so that it and the campaign never plan against each other.
 */

import { z } from 'zod';
import { defineJob } from '../src/context.ts';
import { assertConfigured } from '../src/procedures/assert-configured.ts';
import { defragment } from '../src/procedures/defragment.ts';
import { defragmentSettings } from '../src/procedures/defragment-settings.ts';

export default defineJob({
  summary: 'Move servers together, so that hypervisors stand empty for the next campaign',
  options: z.strictObject(defragmentSettings),

  async run(ctx) {
    await assertConfigured({ ...ctx, options: { ...ctx.options, silences: [] } }, 'settings');
    await defragment(ctx);
  },
});
