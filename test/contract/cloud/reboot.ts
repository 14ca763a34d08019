/** What happens to a hypervisor that is rebooted over SSH, and to all that is on it. */
import { beforeAll, expect, it } from 'vitest';
import type { SshError } from '../../../src/clients/ssh.ts';
import type { CommandResult } from '../../../src/domain/fleet.ts';
import { BOOT_PROBE, type HostBoot, parseBoot } from '../../../src/domain/host-boot.ts';
import { guestsProbe, LIST_DOMAINS, parseHostGuests } from '../../../src/domain/host-guests.ts';
import { NEXT_KERNEL, needProbe, parseNeed } from '../../../src/domain/reboot-need.ts';
import { REBOOT, rebootRequest } from '../../../src/procedures/reboot.ts';
import type { Bench } from './bench.ts';

const LIMIT = { timeoutMs: 30_000 };

export function rebootContract(open: () => Bench): void {
  let bench: Bench;
  let name: string;
  let ids: Record<'runs' | 'asleep', string>;
  beforeAll(async () => {
    bench = open();
    name = bench.hv[1];
    const [runs, asleep] = await Promise.all([
      bench.create('runs', { on: name }),
      bench.create('asleep', { on: name }),
    ]);
    await bench.stop(asleep);
    ids = { runs, asleep };
  });

  const run = (...argv: string[]): Promise<CommandResult> => bench.hosts.host(name).run(argv, LIMIT);
  const boot = async () => parseBoot(await run('sh', '-c', BOOT_PROBE)) as HostBoot;
  const guests = async () => parseHostGuests(await run(...guestsProbe(LIST_DOMAINS)));

  it('says which kernel it runs, and that another one boots next', async () => {
    const { kernels } = bench.side;
    const nextKernel = `ls /boot/vmlinuz-* | tail -n 1`;
    const found = parseNeed(await run(...needProbe(nextKernel)));
    const need = parseNeed(await run(...needProbe(`echo ${kernels.next}`)));

    expect(found.need).not.toBe('no');
    expect(need).toMatchObject({ need: 'yes', running: kernels.old, next: kernels.next });
    expect(await run('sh', '-c', NEXT_KERNEL)).toMatchObject({ exit: expect.any(Number) });
  });

  it('lists the guests that run, and not those that are stopped', async () => {
    const { body } = await bench.nova('GET', `/servers/${ids.runs}`);

    expect(await guests()).toMatchObject({
      known: true,
      domains: [body.server['OS-EXT-SRV-ATTR:instance_name']],
    });
  });

  it('says how a command ended', async () => {
    expect(await run('sh', '-c', 'echo out; echo err >&2; exit 3')).toMatchObject({
      exit: 3,
      stdout: 'out\n',
      stderr: 'err\n',
    });
    expect(await run('no-such-program')).toMatchObject({ exit: 127, stdout: '' });
  });

  it('stays up when a request for another boot arrives', async () => {
    const before = await boot();

    const { exit } = await run(...rebootRequest('00000000-0000-4000-8000-000000000000', REBOOT));

    expect(exit).toBe(75);
    expect(await boot()).toEqual(before);
  });

  it('breaks the connection, refuses new ones, and comes back in a new boot with the next kernel', async () => {
    const before = await boot();
    const service = await bench.cloud.service(name);

    const lingering = run('sh', '-c', `${REBOOT}\nsleep 20\necho still here`);

    const broken: unknown = await lingering.catch((error: unknown) => error);
    expect(broken).toMatchObject({ name: 'SshError', sent: true });
    const refused = await bench.until(async () => {
      const error: unknown = await boot().catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ sent: false, retryable: true });
      return error as SshError;
    });
    expect(refused.message).toContain('ECONNREFUSED');
    const after = await bench.until(boot);
    expect(after).toMatchObject({
      bootId: expect.not.stringContaining(before.bootId),
      running: bench.side.kernels.next,
    });
    const back = await bench.until(async () => {
      const seen = await bench.cloud.service(name);
      expect(seen.up && seen.heardAt > service.heardAt).toBe(true);
      return seen;
    });
    expect(back).toMatchObject({ id: service.id, hypervisorId: service.hypervisorId });
  });

  it('stops its guests, which Nova finds out later', async () => {
    expect(await guests()).toMatchObject({ known: true, domains: [] });
    await bench.until(async () =>
      expect(await bench.serverOf(ids.runs)).toMatchObject({ status: 'SHUTOFF' }),
    );
    expect(await bench.serverOf(ids.asleep)).toMatchObject({ status: 'SHUTOFF' });
    expect(await bench.serverOf(ids.runs)).toMatchObject({ hypervisor: name });
    expect(await bench.cloud.allocatedOn(ids.runs)).toEqual([name]);
  });

  it('starts them again when it is asked to', async () => {
    await bench.until(async () => expect((await bench.act(ids.runs, { 'os-start': null })).status).toBe(202));

    await bench.until(async () => expect(await bench.serverOf(ids.runs)).toMatchObject({ status: 'ACTIVE' }));
    await bench.until(async () => expect(await guests()).toMatchObject({ domains: [expect.any(String)] }));
  });
}
