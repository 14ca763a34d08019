/** What does a cloud of the configuration look like now, by the rules of the site? */
import { z } from 'zod';
import { checkConfig } from './daemon.ts';
import { type Snapshot, snapshotOf } from './domain/fleet-snapshot.ts';
import { lookAtCloud } from './open-clients.ts';
import { defragmentSettings, snapshotRules } from './procedures/defragment-settings.ts';

/** Whose options say what servers may move, and where to. */
export const RULES_OF = 'defragment-hypervisors';

/**
 * Reads the cloud that the configuration at `path` calls `name`; left out, the one that is looked after. Opens no
 * Redis and changes nothing. Throws `ConfigError`, `RequestError` where no cloud is called so, and what the cloud says.
 */
export async function snapshotCloud(path: string | undefined, name: string | undefined): Promise<Snapshot> {
  const config = await checkConfig(path);
  const options = z.object(defragmentSettings).parse(config.jobs[RULES_OF]?.options ?? {});
  const cloud = await lookAtCloud(config, name);
  return snapshotOf(await cloud.fleet(), name ?? 'main', snapshotRules(options));
}
