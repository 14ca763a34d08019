/** What Nova says of a compute service that dies and comes back. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Bench } from './bench.ts';

export function serviceContract(open: () => Bench): void {
  let bench: Bench;
  let name: string;
  beforeEach(() => {
    bench = open();
    name = bench.hv[2];
  });
  afterEach(async () => {
    await bench.side.start(name);
    await becomes({ up: true });
  });

  const becomes = (state: { up: boolean }) =>
    bench.until(async () => {
      const service = await bench.cloud.service(name);
      expect(service).toMatchObject(state);
      return service;
    });

  it('is heard of again and again', async () => {
    const { heardAt } = await bench.cloud.service(name);

    await bench.until(async () => expect((await bench.cloud.service(name)).heardAt > heardAt).toBe(true));
  });

  it('is called up for a while after its death, then down, and is the same one when it is back', async () => {
    const guest = await bench.create('guest', { on: name });
    const { id } = await bench.cloud.service(name);
    await bench.side.crash(name);

    const atFirst = await bench.cloud.service(name);
    const down = await becomes({ up: false });
    const { hypervisors } = await bench.cloud.fleet();
    await bench.side.start(name);
    const back = await becomes({ up: true });

    expect(atFirst.up).toBe(true);
    expect(down.id).toBe(id);
    expect(hypervisors.find((each) => each.name === name)).toMatchObject({ up: false });
    expect(back.id).toBe(id);
    expect(back.heardAt > down.heardAt).toBe(true);
    expect(await bench.serverOf(guest)).toMatchObject({ status: 'ACTIVE', hypervisor: name });
  });

  it('spoils the list of hypervisors from 2.88 on while it is dead and called up', async () => {
    await bench.side.crash(name);

    const [newer, older, fleet] = await Promise.all([
      bench.nova('GET', '/os-hypervisors/detail', { microversion: '2.88' }),
      bench.nova('GET', '/os-hypervisors/detail', { microversion: '2.87' }),
      bench.cloud.fleet(),
    ]);

    expect(newer.status).toBe(500);
    expect(newer.body.computeFault.message).toContain("<class 'oslo_messaging.exceptions.MessagingTimeout'>");
    expect(older.status).toBe(200);
    expect(older.body.hypervisors).toHaveLength(5);
    expect(fleet.hypervisors).toHaveLength(5);
  });

  it('seems to be heard when somebody changes its record, though it is dead', async () => {
    await bench.side.crash(name);
    const down = await becomes({ up: false });

    await bench.cloud.cordon(name, 'looking into it');

    const changed = await bench.cloud.service(name);
    expect(changed.heardAt > down.heardAt).toBe(true);
    expect(changed.up).toBe(false);
    await bench.cloud.uncordon(name);
  });

  it('can be stopped and started by its host', async () => {
    const host = bench.hosts.host(name);
    const ask = async (...words: string[]) => {
      const asRoot = 'if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi';
      const { exit, stdout } = await host.run(['sh', '-c', asRoot, 'sh', 'systemctl', ...words], {
        timeoutMs: 30_000,
      });
      return [exit, stdout.trim()];
    };

    const before = await ask('is-active', 'nova-compute');
    await ask('stop', 'nova-compute');
    const stopped = await ask('is-active', 'nova-compute');
    await ask('start', 'nova-compute');

    expect(before).toEqual([0, 'active']);
    expect(stopped).toEqual([3, 'inactive']);
    expect(await ask('is-active', 'nova-compute')).toEqual([0, 'active']);
  });
}
