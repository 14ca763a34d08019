import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { rebootRequest } from '../../src/procedures/reboot.ts';

/** Runs the request in a real shell, with a command in place of the reboot. */
async function run(bootId: string, command: string): Promise<{ exit: number; stdout: string }> {
  const [file = '', ...argv] = rebootRequest(bootId, command);
  return promisify(execFile)(file, argv).then(
    ({ stdout }) => ({ exit: 0, stdout }),
    ({ code, stdout }: { code: number; stdout: string }) => ({ exit: code, stdout }),
  );
}

describe('the request to reboot, in a real shell', () => {
  it('is carried out in the boot that it was made for', async () => {
    const bootId = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();

    expect(await run(bootId, 'echo rebooting')).toEqual({ exit: 0, stdout: 'rebooting\n' });
  });

  it('does nothing in another boot, so that it cannot reboot a host twice', async () => {
    expect(await run('2e71b8ff-31f3-43e1-aa43-4309d4c1f7aa', 'echo rebooting')).toEqual({
      exit: 75,
      stdout: '',
    });
  });

  it('ends as the command does that refuses', async () => {
    const bootId = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();

    expect(await run(bootId, 'exit 4')).toEqual({ exit: 4, stdout: '' });
  });
});
