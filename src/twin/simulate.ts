/** All that happens in the simulated cloud by itself, by name. */
import { coldHandlers } from './cold-migration.ts';
import { cordonHandlers } from './cordon.ts';
import { lifeHandlers } from './lifetimes.ts';
import { liveHandlers } from './live-migration.ts';
import { hostHandlers } from './power.ts';
import { serverHandlers } from './servers.ts';
import type { Handlers } from './world.ts';

export const HANDLERS: Handlers = {
  ...liveHandlers,
  ...coldHandlers,
  ...serverHandlers,
  ...lifeHandlers,
  ...cordonHandlers,
  ...hostHandlers,
};
