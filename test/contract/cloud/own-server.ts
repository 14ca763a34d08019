/** How a server is made on a hypervisor that is named, found again, and deleted. */
import { beforeEach, expect, it } from 'vitest';
import type { Bench } from './bench.ts';

const NAME = 'nightshift-canary-reboot-hypervisors~20261124T224100Z~hv02.example';

export function ownServerContract(open: () => Bench): void {
  let bench: Bench;
  let name: string;
  beforeEach(async () => {
    bench = open();
    name = bench.hv[1];
    await bench.cloud.uncordon(name);
    // It may be on its way back from a boot.
    await bench.until(async () => expect(await bench.cloud.service(name)).toMatchObject({ up: true }));
  });

  const make = () =>
    bench.cloud.createServer({ name: NAME, hypervisor: name, flavor: 'm1.small', image: bench.side.image });
  const clear = async () => {
    for (const { id } of await bench.cloud.serversNamed(NAME)) await bench.cloud.deleteServer(id);
    await bench.until(async () => expect(await bench.cloud.serversNamed(NAME)).toEqual([]));
  };

  it('comes up where it is wished', async () => {
    const id = await make();

    await bench.until(async () =>
      expect(await bench.cloud.server(id)).toMatchObject({ name: NAME, status: 'ACTIVE', hypervisor: name }),
    );
    await clear();
  });

  it('is one, however often it is asked for', async () => {
    const id = await make();

    expect(await make()).toBe(id);
    expect((await bench.cloud.serversNamed(NAME)).map((server) => server.id)).toEqual([id]);
    await clear();
  });

  it('is found by its whole name alone', async () => {
    await make();

    expect(await bench.cloud.serversNamed(NAME.slice(0, -1))).toEqual([]);
    expect(await bench.cloud.serversNamed(NAME.replace('~', '.'))).toEqual([]);
    await clear();
  });

  it('is gone once it is deleted, however often that is asked for', async () => {
    const id = await make();
    await bench.until(async () => expect(await bench.cloud.server(id)).toMatchObject({ status: 'ACTIVE' }));

    await bench.cloud.deleteServer(id);

    await bench.until(async () => expect(await bench.cloud.server(id)).toBeUndefined());
    await bench.cloud.deleteServer(id);
    expect(await bench.cloud.allocatedOn(id)).toEqual([]);
  });

  it('ends in ERROR on a hypervisor that is out of service, and says that it found no place', async () => {
    await bench.cloud.cordon(name, 'disk swap, ask Kim');
    await bench.until(async () => {
      const { hypervisors } = await bench.cloud.fleet();
      expect(hypervisors.find((one) => one.name === name)?.traits).toContain('COMPUTE_STATUS_DISABLED');
    });

    const id = await make();

    await bench.until(async () =>
      expect(await bench.cloud.server(id)).toMatchObject({
        status: 'ERROR',
        fault: expect.stringContaining('No valid host was found'),
      }),
    );
    await clear();
  });
}
