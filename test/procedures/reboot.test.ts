import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { Context } from '../../src/context.ts';
import { REAL_TIMERS } from '../../src/engine/clock.ts';
import { type RebootSettings, reboot, rebootRequest } from '../../src/procedures/reboot.ts';
import { hypervisor } from '../support/builders.ts';
import { FakeCloud } from '../support/fake-cloud.ts';

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

describe('a reboot whose request nobody saw end', () => {
  it('is told of with how the hypervisor stands, for whoever has to decide', async () => {
    const cloud = new FakeCloud([hypervisor('hv1')]);
    cloud.hosts.get('hv1')!.fault = 'unreachable';
    const options = { pollMs: 1, stopWithinSeconds: 0.01, backWithinMinutes: 0.001 };
    let verdict: unknown;
    const step = async (_: string, { verify }: { verify: (scope: object) => Promise<unknown> }) => {
      verdict = await verify({ signal: new AbortController().signal, timers: REAL_TIMERS });
    };
    const ctx = { cloud, options, step, host: (name: string) => cloud.host(name) };

    await reboot(ctx as unknown as Context<RebootSettings>, 'hv1', 'boot-1');

    expect(verdict).toEqual({
      happened: 'unclear',
      evidence:
        'hv1 does not answer: connection refused; hv1 was drained and disabled (by nightshift) for it, and no other hypervisor is begun meanwhile',
    });
  });
});
