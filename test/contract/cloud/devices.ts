/** What Placement counts of devices: below a hypervisor, of which class, like what, and who holds them. */
import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Bench } from './bench.ts';

const CLASS = 'CUSTOM_NIGHTSHIFT_TOY';
const TRAIT = 'CUSTOM_NIGHTSHIFT_RED';

export function devicesContract(open: () => Bench): void {
  let bench: Bench;
  let made: string[];
  let consumers: string[];
  beforeEach(async () => {
    bench = open();
    made = [];
    consumers = [];
    await bench.placement('PUT', `/resource_classes/${CLASS}`);
    await bench.placement('PUT', `/traits/${TRAIT}`);
  });
  afterEach(async () => {
    for (const consumer of consumers) await bench.dropAllocations(consumer);
    for (const id of made) await bench.placement('DELETE', `/resource_providers/${id}`);
  });

  /** So many devices below a hypervisor. */
  async function provide(
    hypervisor: string,
    stock: { total: number; reserved: number },
    traits: string[] = [],
  ) {
    const uuid = randomUUID();
    const { body: found } = await bench.placement('GET', `/resource_providers?name=${hypervisor}`);
    const parent_provider_uuid = found.resource_providers[0].uuid;
    const asked = { name: `${hypervisor}_toys_${uuid}`, uuid, parent_provider_uuid };
    const { body: row } = await bench.placement('POST', '/resource_providers', asked);
    made.push(uuid);
    const { body: after } = await bench.placement('PUT', `/resource_providers/${uuid}/inventories`, {
      resource_provider_generation: row.generation,
      inventories: { [CLASS]: stock },
    });
    await bench.placement('PUT', `/resource_providers/${uuid}/traits`, {
      resource_provider_generation: after.resource_provider_generation,
      traits,
    });
    return uuid;
  }

  async function book(provider: string, amount: number): Promise<string> {
    const consumer = randomUUID();
    const { status } = await bench.placement('PUT', `/allocations/${consumer}`, {
      allocations: { [provider]: { resources: { [CLASS]: amount } } },
      project_id: 'f'.repeat(32),
      user_id: 'e'.repeat(32),
      consumer_generation: null,
      consumer_type: 'UNKNOWN',
    });
    expect(status).toBe(204);
    consumers.push(consumer);
    return consumer;
  }

  const toys = async () =>
    (await bench.cloud.devices()).filter(({ resourceClass }) => resourceClass === CLASS);

  it('are counted per provider under the name of its hypervisor, with who holds them and what they are like', async () => {
    const [hv01, hv02] = bench.hv;
    const one = await provide(hv01, { total: 4, reserved: 1 }, [TRAIT]);
    const other = await provide(hv02, { total: 2, reserved: 0 });
    const consumer = await book(one, 2);

    expect((await toys()).toSorted((a, b) => a.hypervisor.localeCompare(b.hypervisor))).toEqual([
      {
        hypervisor: hv01,
        provider: one,
        resourceClass: CLASS,
        capacity: 3,
        bookedBy: { [consumer]: 2 },
        traits: [TRAIT],
      },
      { hypervisor: hv02, provider: other, resourceClass: CLASS, capacity: 2, bookedBy: {}, traits: [] },
    ]);
  });

  it('are no longer held once their booking is dropped', async () => {
    const provider = await provide(bench.hv[0], { total: 1, reserved: 0 });
    const consumer = await book(provider, 1);
    expect((await toys()).map(({ bookedBy }) => bookedBy)).toEqual([{ [consumer]: 1 }]);

    await bench.dropAllocations(consumer);

    expect((await toys()).map(({ bookedBy }) => bookedBy)).toEqual([{}]);
  });

  it('occupy the hypervisor that they are below', async () => {
    const provider = await provide(bench.hv[1], { total: 1, reserved: 0 });
    const consumer = await book(provider, 1);

    const { allocations } = await bench.cloud.occupancy(bench.hv[1]);

    expect(allocations).toContainEqual({ consumer, resources: `1 ${CLASS}` });
    expect(await bench.cloud.allocatedOn(consumer)).toEqual([bench.hv[1]]);
  });

  it('are none where Placement counts vCPU, memory and disk alone', async () => {
    expect(await toys()).toEqual([]);
  });
}
