/** Connections to Redis: the one in `REDIS_URL`, or a private one of our own; checked before anything trusts it. */
import { Redis } from 'ioredis';
import { RefusedError } from './errors.ts';
import { ensurePrivateRedis, leavePrivateRedis } from './private-redis.ts';

export interface RedisPlace {
  /** `redis://…`, `rediss://…` or a socket path; left out, a private server in `stateDir` is used. */
  readonly url?: string | undefined;
  readonly stateDir: string;
  /** Accept a Redis that forgets when it stops: for rehearsals and tests only. */
  readonly volatile?: true;
  readonly onError: (error: Error) => void;
}

export interface RedisAccess {
  /** For people: which Redis this is, without its password. */
  readonly name: string;
  /** A new connection, which waits while Redis is away. The caller closes it. */
  connect(): Redis;
  /** Stops the private server if nobody else uses it. */
  close(): Promise<void>;
}

/** Finds or starts Redis and checks that it keeps what it is given. Throws `RefusedError` when it would not. */
export async function openRedis(place: RedisPlace): Promise<RedisAccess> {
  const socket = place.url === undefined ? await ensurePrivateRedis(place) : undefined;
  const where = socket ?? place.url ?? '';
  const connect = (): Redis => {
    const redis = new Redis(where, {
      maxRetriesPerRequest: null,
      // A private server that died is started again by whoever notices first.
      retryStrategy: (tries: number) => {
        if (socket !== undefined) void ensurePrivateRedis(place).catch(place.onError);
        return Math.min(50 * tries, 1000);
      },
    });
    redis.on('error', place.onError);
    return redis;
  };
  const first = connect();
  try {
    await refuseForgetful(first, place);
  } finally {
    first.disconnect();
  }
  return {
    name: socket === undefined ? withoutPassword(place.url ?? '') : `private, on ${socket}`,
    connect,
    close: async () => {
      if (socket !== undefined) await leavePrivateRedis(place);
    },
  };
}

/** Version, role, eviction and append-only file, all faults at once. */
async function refuseForgetful(redis: Redis, place: RedisPlace): Promise<void> {
  const info = Object.fromEntries(
    (await redis.info()).split('\r\n').map((line) => line.split(':', 2)),
  ) as Record<string, string | undefined>;
  const version = info.redis_version ?? '0';
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const faults = [
    major > 6 || (major === 6 && minor >= 2) ? '' : `it is version ${version}; 6.2 or newer is needed`,
    info.role === 'master' ? '' : `it is a ${info.role}; a primary is needed`,
    info.maxmemory_policy === 'noeviction'
      ? ''
      : `maxmemory-policy is ${info.maxmemory_policy}, so it may drop what we write; set it to noeviction`,
    info.aof_enabled === '1' || place.volatile
      ? ''
      : 'appendonly is off, so a crash loses runs; set appendonly yes',
  ].filter((fault) => fault !== '');
  if (faults.length > 0) {
    throw new RefusedError(
      `Redis ${withoutPassword(place.url ?? 'of our own')} cannot be used: ${faults.join('; ')}`,
    );
  }
}

function withoutPassword(url: string): string {
  return url.replace(/\/\/[^@/]*@/, '//');
}
