/** Redis's clock, by which leases run: the clocks of daemons may differ. */
import type { Redis } from 'ioredis';

/** Milliseconds since the epoch. */
export async function redisNow(redis: Redis): Promise<number> {
  const [seconds = 0, micros = 0] = (await redis.time()).map(Number);
  return seconds * 1000 + Math.floor(micros / 1000);
}
