/** The engine's only way to write to Redis: Lua scripts, each atomic, each guarded by epoch and count. */
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { FenceLost, RedisDistrusted } from './errors.ts';
import type { RedisTrust } from './redis-trust.ts';

const FOLDER = new URL('./lua/', import.meta.url);

export type ScriptName =
  | 'accept'
  | 'amend'
  | 'answer'
  | 'begin'
  | 'cancel'
  | 'claim'
  | 'create'
  | 'end'
  | 'finish'
  | 'forget-instants'
  | 'forget-mails'
  | 'forget-runs'
  | 'give-back-mails'
  | 'kill'
  | 'lease'
  | 'mode'
  | 'park'
  | 'release'
  | 'renew'
  | 'seize'
  | 'set-row'
  | 'settle-alert'
  | 'settle-mail'
  | 'slot'
  | 'take-mail'
  | 'tell'
  | 'tick'
  | 'wake';

/** A script's answer: its verdict, then what it adds. `OK` is the only verdict that wrote. */
export interface Answer {
  readonly verdict: string;
  readonly rest: readonly unknown[];
}

/** Calls one script with arguments by name; `blob` rides beside them. */
export type Call = (name: ScriptName, args: object, blob?: Buffer) => Promise<Answer>;

type Script = (prefix: string, args: string, blob?: Buffer) => Promise<unknown[]>;

/** Words with which a Redis refuses for a while, before it has written anything. */
const REFUSES_FOR_NOW = /^(READONLY|OOM|MISCONF|LOADING|BUSY|NOREPLICAS|MASTERDOWN|CLUSTERDOWN|TRYAGAIN)\b/;
const ASK_AGAIN_MS = 250;
/** How JSON escapes half a surrogate pair, and nothing else; whole ones stand as they are. */
const HALF_PAIR = '\\ud';

/**
 * Binds the scripts to a connection. A call waits while Redis is away or cannot write, and is sent again
 * when the answer was lost, so every script may run twice. Throws `RedisDistrusted` when Redis is not the one
 * we knew, `FenceLost` when the run is no longer the caller's.
 */
export function scriptsOn(redis: Redis, prefix: string, trust: RedisTrust): Call {
  const prelude = readFileSync(new URL('prelude.lua', FOLDER), 'utf8');
  const commands = redis as unknown as Record<string, Script>;
  const scripts = new Map<string, Script>();
  for (const file of readdirSync(FOLDER)) {
    const name = file.replace(/\.lua$/, '');
    if (name === 'prelude') continue;
    const lua = prelude + readFileSync(new URL(file, FOLDER), 'utf8');
    redis.defineCommand(`nightshift_${name}`, { numberOfKeys: 1, lua });
    const script = commands[`nightshift_${name}`]?.bind(redis);
    if (script !== undefined) scripts.set(name, script);
  }

  return async function call(name, args, blob) {
    const script = scripts.get(name);
    if (script === undefined) throw new Error(`there is no script ${name}`);
    const ask = (): Promise<unknown[]> => {
      const json = jsonForLua({ ...args, epoch: trust.epoch, mark: trust.seq });
      return blob === undefined ? script(prefix, json) : script(prefix, json, blob);
    };
    const answer = await patiently(ask);
    const [verdict, seq] = answer;
    if (verdict === 'EPOCH' || verdict === 'ROLLBACK') {
      trust.distrust();
      throw new RedisDistrusted(trust.doubt);
    }
    if (verdict === 'FENCE' || verdict === 'GONE')
      throw new FenceLost(`the run is no longer ours (${verdict})`);
    trust.saw(Number(seq ?? 0));
    return { verdict: String(verdict), rest: answer.slice(2) };
  };
}

/** A Redis that cannot write now is waited for: its refusal says nothing about the step that asks. */
async function patiently<T>(ask: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof Error) || !REFUSES_FOR_NOW.test(error.message)) throw error;
    }
    await sleep(ASK_AGAIN_MS);
  }
}

/** Half a surrogate pair, as a text cut short ends in, is JSON for us and none for Lua. */
function jsonForLua(args: object): string {
  const json = JSON.stringify(args);
  // Looked for first, because a look at each text costs more than the rest of the call.
  if (!json.includes(HALF_PAIR)) return json;
  return JSON.stringify(args, (_, value: unknown) =>
    typeof value === 'string' ? value.toWellFormed() : value,
  );
}
