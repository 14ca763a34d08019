/** The HTTP face on a real engine and a private Redis, as a test wants it. */
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { z } from 'zod';
import { type Config, readConfig } from '../../../src/config.ts';
import type { Engine, EngineOptions } from '../../../src/engine/engine.ts';
import type { Job } from '../../../src/engine/job.ts';
import type { Limits } from '../../../src/server/limits.ts';
import { openServer } from '../../../src/server/server.ts';
import { type House, openHouse } from '../../support/engine.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The body, where it is JSON. */
  readonly json: Record<string, unknown>;
}

/** A request; the token is one that may operate unless said otherwise, `null` sends none. */
export interface Asked {
  readonly method?: string;
  readonly body?: unknown;
  readonly token?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Front {
  readonly house: House;
  readonly engine: Engine;
  readonly config: Config;
  readonly url: string;
  ask(path: string, asked?: Asked): Promise<Answer>;
  post(path: string, body?: unknown, headers?: Asked['headers']): Promise<Answer>;
  close(): Promise<void>;
}

export const OPERATE = 'a-token-that-may-operate';
export const READ = 'a-token-that-may-read';

export const TOKENS = `tokens: [${[
  ['kim', 'operate', OPERATE],
  ['lee', 'read', READ],
]
  .map(([name, may, token]) => `{ name: ${name}, may: ${may}, sha256: "${digest(token ?? '')}" }`)
  .join(', ')}]`;

function digest(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

export interface FrontOptions {
  readonly jobs?: Record<string, Job<z.ZodType, object>>;
  /** YAML below `http`, beside where it listens; two tokens if left out. */
  readonly http?: string;
  /** YAML beside `http`. */
  readonly settings?: string;
  readonly limits?: Partial<Limits>;
  readonly engine?: Partial<EngineOptions<object>>;
  /** Redis keeps what it has, so that it may be killed. */
  readonly durable?: boolean;
}

export async function openFront({
  jobs = {},
  http = TOKENS,
  settings = 'dryRun: false',
  limits = {},
  engine: engineOptions = {},
  durable = false,
}: FrontOptions = {}): Promise<Front> {
  const house = await openHouse({ durable });
  const { engine } = await house.engine(jobs, engineOptions);
  const path = join(house.stateDir, 'nightshift.yaml');
  const listen = http.includes('listen:') ? '' : 'listen: "127.0.0.1:0", ';
  writeFileSync(path, `http: { ${listen}${http} }\n${settings}\n`);
  const config = await readConfig({ path, env: {}, cwd: house.stateDir, jobs });
  const say = (message: string, fields?: object): void =>
    void house.logged.push(`${message} ${JSON.stringify(fields ?? {})}`);
  const log = { info: say, warn: say, error: say };
  const server = await openServer({ engine, config, log, limits }).catch(async (error: unknown) => {
    await house.close();
    throw error;
  });

  const ask: Front['ask'] = async (path, { method = 'GET', body, token = OPERATE, headers = {} } = {}) => {
    const answer = await fetch(`${server.url}${path}`, {
      method,
      headers: {
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await answer.text();
    const isJson = answer.headers.get('content-type')?.includes('json') && text !== '';
    return {
      status: answer.status,
      headers: answer.headers,
      text,
      json: isJson ? asJson(text) : {},
    };
  };
  return {
    house,
    engine,
    config,
    url: server.url,
    ask,
    post: (path, body, headers = {}) => ask(path, { method: 'POST', body, headers }),
    async close() {
      await server.close();
      await house.close();
    },
  };
}

function asJson(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return {};
  }
}
