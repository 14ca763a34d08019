/** Where is a secret kept, and how is it carried about without being seen? */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { inspect, promisify } from 'node:util';

const MASK = '[secret]';

/** A value that shows itself to nobody who did not ask for it by name. */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return MASK;
  }

  toJSON(): string {
    return MASK;
  }

  [inspect.custom](): string {
    return MASK;
  }
}

/** The secret cannot be had; the message names the place, never what is in it. */
class SecretError extends Error {
  override readonly name = 'SecretError';
  readonly retryable = false;
}

/** Where references are looked up. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Relative paths start here. */
  readonly cwd: string;
}

export const NO_LITERAL = 'a secret is not written down here; write env:NAME, file:/path or cmd:command';

const COMMAND_TIMEOUT_MS = 10_000;

/** True for `env:NAME`, `file:/path` and `cmd:command args`. */
export function isReference(text: string): boolean {
  return /^(env|file|cmd):./.test(text);
}

/**
 * The secret that `reference` points to, without the newline that ends a file or an output. Commands
 * are run without a shell: words are split at blanks, and quotes mean nothing. Throws SecretError.
 */
export async function readSecret(reference: string, { env, cwd }: Surroundings): Promise<Secret> {
  if (!isReference(reference)) throw new SecretError(NO_LITERAL);
  const place = reference.slice(reference.indexOf(':') + 1).trim();
  const read = {
    env: () => fromEnv(place, env),
    file: () => fromFile(resolve(cwd, place)),
    cmd: () => fromCommand(place, { env, cwd }),
  };
  const value = await read[reference.slice(0, reference.indexOf(':')) as keyof typeof read]();
  if (value === '') throw new SecretError(`${reference} is empty`);
  return new Secret(value);
}

function fromEnv(name: string, env: Surroundings['env']): string {
  const value = env[name];
  if (value === undefined) throw new SecretError(`the environment variable ${name} is not set`);
  return value;
}

async function fromFile(path: string): Promise<string> {
  try {
    return withoutNewline(await readFile(path, 'utf8'));
  } catch (error) {
    throw new SecretError(`${path} ${readingFault(error)}`);
  }
}

async function fromCommand(command: string, { env, cwd }: Surroundings): Promise<string> {
  const [file = '', ...args] = command.split(/\s+/);
  const options = { env, cwd, timeout: COMMAND_TIMEOUT_MS, killSignal: 'SIGKILL' } as const;
  try {
    const { stdout } = await promisify(execFile)(file, args, options);
    return withoutNewline(stdout);
  } catch (error) {
    const { code, killed } = error as { code?: unknown; killed?: boolean };
    if (killed === true) throw new SecretError(`\`${command}\` did not end within 10 s`);
    if (typeof code === 'number') throw new SecretError(`\`${command}\` ended with exit code ${code}`);
    throw new SecretError(`\`${command}\` cannot be run: ${file} ${readingFault(error)}`);
  }
}

function withoutNewline(text: string): string {
  return text.replace(/\r?\n$/, '');
}

/** Why a file cannot be read or run, to be put behind its name. */
export function readingFault(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
  if (code === 'ENOENT' || code === 'ENOTDIR') return 'does not exist';
  if (code === 'EACCES' || code === 'EPERM') return 'may not be read by this user';
  if (code === 'EISDIR') return 'is a directory';
  return `cannot be read (${code})`;
}
