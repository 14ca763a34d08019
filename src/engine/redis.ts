/** Connections to Redis: the one in `REDIS_URL`, or a private one of our own; checked before anything trusts it. */
import { Redis } from 'ioredis';
import { messageOf } from '../domain/failure.ts';
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
  /** Connects never again, and stops the private server if nobody else uses it. */
  close(): Promise<void>;
}

/** How long Redis may take for its first answer; later on it is waited for as long as it takes. */
const FIRST_ANSWER_MS = 10_000;

/** Finds or starts Redis and checks that it keeps what it is given. Throws `RefusedError` when it would not. */
export async function openRedis(place: RedisPlace): Promise<RedisAccess> {
  const socket = place.url === undefined ? await ensurePrivateRedis(place) : undefined;
  const where = socket ?? place.url ?? '';
  let closed = false;
  const connect = (): Redis => {
    const redis = new Redis(where, {
      maxRetriesPerRequest: null,
      // A private server that died is started again by whoever notices first. BullMQ's copies of a
      // connection come back by this too, so it must end with the access.
      retryStrategy: (tries: number) => {
        if (closed) return null;
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
      closed = true;
      if (socket !== undefined) await leavePrivateRedis(place);
    },
  };
}

/** Version, role, eviction and append-only file, all faults at once. */
async function refuseForgetful(redis: Redis, place: RedisPlace): Promise<void> {
  const info = await firstAnswer(redis, place);
  const version = info.redis_version ?? '0';
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const faults = [
    major > 6 || (major === 6 && minor >= 2) ? '' : `it is version ${version}; 6.2 or newer is needed`,
    info.role === 'master' ? '' : 'it is a replica; a primary is needed',
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

/** What Redis says of itself. Throws `RefusedError` when it says nothing. */
async function firstAnswer(redis: Redis, place: RedisPlace): Promise<Record<string, string | undefined>> {
  let why = 'no answer';
  redis.on('error', (error) => {
    why = messageOf(error);
  });
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    const name = withoutPassword(place.url ?? 'of our own');
    late.reject(new RefusedError(`Redis ${name} cannot be reached: ${why}`));
  }, FIRST_ANSWER_MS);
  try {
    const info = await Promise.race([redis.info(), late.promise]);
    return Object.fromEntries(info.split('\r\n').map((line) => line.split(':', 2)));
  } finally {
    clearTimeout(timer);
  }
}

function withoutPassword(url: string): string {
  return url.replace(/\/\/.*@/, '//').replace(/\?.*/, '');
}
