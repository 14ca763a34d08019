/** What Nova says of its own state: servers in ERROR, services that are down. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openStackCloud } from '../../../src/clients/openstack/cloud.ts';
import type { Bench } from './bench.ts';

export function healthContract(open: () => Bench): void {
  let bench: Bench;
  let name: string;
  beforeEach(() => {
    bench = open();
    name = bench.hv[2];
  });
  afterEach(async () => {
    await bench.side.start(name);
    await bench.until(async () => expect(await bench.cloud.service(name)).toMatchObject({ up: true }));
    await bench.cloud.uncordon(name);
  });

  const down = () => [`nova-compute on ${bench.hostOf(name)}`];

  it('is nothing on a cloud that is well', async () => {
    await bench.create('well', { on: name });

    expect(await bench.cloud.health()).toEqual({ errors: [], down: [] });
  });

  it('is a server in ERROR, with its hypervisor, until it is well again', async () => {
    const id = await bench.create('broken', { on: name });

    const { status } = await bench.act(id, { 'os-resetState': { state: 'error' } });
    const broken = await bench.cloud.health();
    await bench.act(id, { 'os-resetState': { state: 'active' } });

    expect(status).toBe(202);
    expect(broken.errors).toEqual([{ id, name: 'broken', hypervisor: name }]);
    expect((await bench.cloud.health()).errors).toEqual([]);
  });

  it('is a service that died, unless somebody has disabled it', async () => {
    await bench.side.crash(name);
    await bench.until(async () => expect((await bench.cloud.health()).down).toEqual(down()));

    await bench.cloud.cordon(name, 'looking into it');

    expect((await bench.cloud.health()).down).toEqual([]);
  });

  it('is not known while a cell is silent, for its servers are in no list', async () => {
    const impatient = openStackCloud(
      { ...bench.side.settings, timing: { retryForMs: 0 } },
      bench.side.inProcess?.exchange,
    );
    const giveBack = await bench.side.loseCell('silent');
    try {
      await expect(impatient.health()).rejects.toMatchObject({
        name: 'OpenStackError',
        retryable: true,
        message: expect.stringContaining('no answer from a cell'),
      });
    } finally {
      await giveBack();
    }
    await bench.until(async () => expect(await impatient.health()).toEqual({ errors: [], down: [] }));
  });
}
