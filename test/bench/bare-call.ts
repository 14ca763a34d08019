/** The least that a step could be: one script, behind the engine's own prelude, that checks the fence and writes a value. */
import { readFileSync } from 'node:fs';
import type { Redis } from 'ioredis';

const RUN = 'bare~1';
const SCRIPT = `
local stop = fenced(args.run)
if stop then return { stop } end
redis.call('HSET', run_key(args.run) .. ':journal', args.key, args.record)
return { 'OK', 0 }`;

export interface BareCalls {
  call(key: string, value: string): Promise<void>;
  close(): void;
}

/** On a connection of the caller's, which `close` ends, beside an engine with this prefix. */
export async function bareCalls(redis: Redis, prefix: string): Promise<BareCalls> {
  const prelude = readFileSync(new URL('../../src/engine/lua/prelude.lua', import.meta.url), 'utf8');
  redis.defineCommand('bare', { numberOfKeys: 1, lua: prelude + SCRIPT });
  const commands = redis as unknown as { bare: (prefix: string, args: string) => Promise<[string]> };
  await redis.hset(`${prefix}:run:${RUN}`, { fence: '1', state: 'running' });
  let epoch: string | null = null;

  return {
    async call(key, value) {
      epoch ??= await redis.hget(`${prefix}:meta`, 'epoch');
      const args = { run: RUN, fence: '1', epoch, mark: 0, key, record: value };
      const [verdict] = await commands.bare(prefix, JSON.stringify(args));
      if (verdict !== 'OK') throw new Error(`the yardstick was refused: ${verdict}`);
    },
    close: () => redis.disconnect(),
  };
}
