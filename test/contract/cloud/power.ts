/** How a server is stopped and started, and what Nova notes of who asked. */
import { beforeEach, expect, it } from 'vitest';
import type { Bench } from './bench.ts';

export function powerContract(open: () => Bench): void {
  let bench: Bench;
  let hv: Bench['hv'];
  beforeEach(() => {
    bench = open();
    hv = bench.hv;
  });

  const asleep = async (name: string): Promise<string> => {
    const server = await bench.create(name, { on: hv[0] });
    await bench.cloud.stop(server);
    await bench.until(async () => {
      expect(await bench.serverOf(server)).toMatchObject({ status: 'SHUTOFF' });
      expect(await bench.serverOf(server)).not.toHaveProperty('task');
    });
    return server;
  };

  it('stops where it is, where it starts again', async () => {
    const server = await asleep('napping');

    await bench.cloud.start(server);

    await bench.until(async () =>
      expect(await bench.serverOf(server)).toMatchObject({ status: 'ACTIVE', hypervisor: hv[0] }),
    );
  });

  it('can be asked for what it is already', async () => {
    const server = await asleep('stopped-twice');

    await bench.cloud.stop(server);
    await bench.cloud.start(server);
    await bench.until(async () => expect(await bench.serverOf(server)).toMatchObject({ status: 'ACTIVE' }));
    await bench.cloud.start(server);

    expect(await bench.serverOf(server)).toMatchObject({ status: 'ACTIVE' });
  });

  it('is noted with each request, the newest first, and that we have asked', async () => {
    const server = await asleep('noted');
    await bench.cloud.start(server);
    await bench.until(async () => expect(await bench.serverOf(server)).toMatchObject({ status: 'ACTIVE' }));

    const actions = await bench.cloud.actions(server);

    expect(actions.slice(0, 2)).toMatchObject([
      { action: 'start', ours: true },
      { action: 'stop', ours: true },
    ]);
    expect(new Set(actions.map(({ id }) => id)).size).toBe(actions.length);
  });

  it('is noted nowhere for a server that there is not', async () => {
    expect(await bench.cloud.actions('3f121bb3-473f-47bb-bf44-d10b0ed07100')).toEqual([]);
  });
}
