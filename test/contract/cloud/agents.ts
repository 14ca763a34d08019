/** What Neutron says of the agents on a hypervisor; a cloud without Neutron's agents has none. */
import { beforeEach, expect, it } from 'vitest';
import type { NetworkAgent } from '../../../src/domain/fleet.ts';
import { BOOT_PROBE, type HostBoot, parseBoot } from '../../../src/domain/host-boot.ts';
import type { Bench } from './bench.ts';

export function agentContract(open: () => Bench): void {
  let bench: Bench;
  beforeEach(() => {
    bench = open();
  });

  it('are those that there are, all of them alive, and nothing is broken', async () => {
    const { cloud, side, hv } = bench;

    for (const name of hv) {
      const agents = await cloud.agents(name);
      expect(agents.map(({ binary, alive }) => [binary, alive])).toEqual(
        side.agents(name).map((binary) => [binary, true]),
      );
    }
    expect((await cloud.health()).down).toEqual([]);
  });

  it('are not none of a hypervisor that does not exist', async () => {
    await expect(bench.cloud.agents('hv99.nowhere')).rejects.toMatchObject({
      name: 'OpenStackError',
      retryable: false,
      message: expect.stringContaining('no hypervisor hv99.nowhere'),
    });
  });
}

/** Says nothing of a cloud that has no agents. */
export function lostAgentContract(open: () => Bench): void {
  let bench: Bench;
  let name: string;
  let binary: string;
  beforeEach(() => {
    bench = open();
    name = bench.hv[1];
    [binary = ''] = bench.side.agents(name);
  });

  const run = (...argv: string[]) => bench.hosts.host(name).run(argv, { timeoutMs: 30_000 });
  const systemctl = async (verb: 'start' | 'stop') =>
    expect(await run('sudo', '-n', 'systemctl', verb, binary)).toMatchObject({ exit: 0 });
  const look = async () => {
    const found = (await bench.cloud.agents(name)).find((agent) => agent.binary === binary);
    return found as NetworkAgent;
  };
  const becomes = (state: Partial<NetworkAgent>) =>
    bench.until(async () => {
      const agent = await look();
      expect(agent).toMatchObject(state);
      return agent;
    });
  const downIs = (down: string[]) =>
    bench.until(async () => expect((await bench.cloud.health()).down).toEqual(down));

  it('is called alive for a while, then down, and is heard again once it runs', async () => {
    await systemctl('stop');

    const atFirst = await look();
    const down = await becomes({ alive: false });
    await downIs([`${binary} on ${bench.hostOf(name)}`]);
    await systemctl('start');
    const back = await becomes({ alive: true });

    expect(atFirst.alive).toBe(true);
    expect(back.heardAt > down.heardAt).toBe(true);
    await downIs([]);
  });

  it('is not missed on a hypervisor that somebody has disabled', async () => {
    await systemctl('stop');
    await downIs([`${binary} on ${bench.hostOf(name)}`]);

    await bench.cloud.cordon(name, 'looking into it');

    expect((await bench.cloud.health()).down).toEqual([]);
    await bench.cloud.uncordon(name);
    await systemctl('start');
    await downIs([]);
  });

  it('is heard anew in the next boot of its hypervisor', async () => {
    const boot = async () => parseBoot(await run('sh', '-c', BOOT_PROBE)) as Required<HostBoot>;
    const { bootId } = await boot();

    await run('sudo', '-n', 'systemctl', 'reboot').catch(() => undefined);

    const { bootedAt } = await bench.until(async () => {
      const now = await boot();
      expect(now.bootId).not.toBe(bootId);
      return now;
    });
    await bench.until(async () => expect((await look()).heardAt >= bootedAt).toBe(true));
    await becomes({ alive: true });
  });
}
