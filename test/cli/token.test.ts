import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { tokenIn } from '../../src/server/tokens.ts';

const SOURCE = new URL('../../src/cli/token-command.ts', import.meta.url).href;
const SCRIPT = `
  import { Command } from 'commander';
  import { registerTokenCommand } from ${JSON.stringify(SOURCE)};
  const program = new Command('nightshift').option('--json');
  registerTokenCommand(program);
  await program.parseAsync(process.argv.slice(1), { from: 'user' });`;

async function nightshift(...args: readonly string[]): Promise<string> {
  const given = ['--input-type=module', '--eval', SCRIPT, '--', ...args];
  const { stdout } = await promisify(execFile)(process.execPath, given, { cwd: import.meta.dirname });
  return stdout;
}

describe('nightshift token', () => {
  it('makes a token that the line beside it lets in', async () => {
    const out = await nightshift('token', 'kim', '--may', 'operate');

    const token = /ns_[\w-]{43}/.exec(out)?.[0] ?? '';
    const tokens = parse(out.split('\n').find((line) => line.includes('sha256')) ?? '') as Parameters<
      typeof tokenIn
    >[1];
    expect(tokenIn(`Bearer ${token}`, tokens)).toMatchObject({ name: 'kim', may: 'operate' });
    expect(tokenIn('Bearer ns_another', tokens)).toBeUndefined();
  });

  it('may only read unless said otherwise, and answers programs in JSON', async () => {
    const answer = JSON.parse(await nightshift('--json', 'token', 'prometheus')) as Record<string, string>;

    expect(answer).toMatchObject({ name: 'prometheus', may: 'read' });
    expect(tokenIn(`Bearer ${answer.token}`, [answer as never])?.name).toBe('prometheus');
  });

  it.each([['a b'], ['"'], ['7'], ['ü']])('refuses %j as a name', async (name) => {
    await expect(nightshift('token', name)).rejects.toThrow('a name begins with a letter');
  });
});
