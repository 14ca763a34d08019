/** The part of Placement that Nightshift uses. */
import type { Asked, Reply } from './fake-openstack.ts';
import { type SampleProvider, sample } from './samples.ts';

export interface Placement {
  readonly providers: SampleProvider[];
  /** What is booked, by the provider's uuid and the consumer's. */
  readonly booked: Map<string, Record<string, { resources: Record<string, number> }>>;
  maxMicroversion: string;
  versions(): Reply;
  answer(asked: Asked): Reply;
}

const notFound: Reply = {
  status: 404,
  body: { errors: [{ status: 404, title: 'Not Found', detail: 'The resource could not be found.' }] },
};

export function fakePlacement(): Placement {
  const providers = sample('providers');
  const hv01 = providers.find(({ name }) => name === 'hv01.lab.example')?.uuid ?? '';
  const placement: Placement = {
    providers,
    booked: new Map([[hv01, sample('allocations').allocations]]),
    maxMicroversion: '1.39',
    versions: () => ({
      status: 200,
      body: { versions: [{ id: 'v1.0', min_version: '1.0', max_version: placement.maxMicroversion }] },
    }),
    answer,
  };
  return placement;

  function answer({ path, query }: Asked): Reply {
    const [, list, id = '', what] = path.split('/');
    if (list === 'allocations') return { status: 200, body: { allocations: allocationsOf(id) } };
    if (id === '') return { status: 200, body: { resource_providers: find(query) } };
    const provider = providers.find(({ uuid }) => uuid === id);
    if (provider === undefined) return notFound;
    const bodies: Record<string, () => object> = {
      inventories: () => sample('inventories'),
      traits: () => sample('traits'),
      usages: () => ({ usages: usagesOf(id) }),
      allocations: () => ({ allocations: placement.booked.get(id) ?? {} }),
    };
    return { status: 200, body: what === undefined ? provider : bodies[what]?.() };
  }

  function find(query: URLSearchParams): SampleProvider[] {
    const name = query.get('name');
    const root = providers.find(({ uuid }) => uuid === query.get('in_tree'))?.root_provider_uuid;
    if (query.has('in_tree')) return providers.filter((row) => row.root_provider_uuid === root);
    return providers.filter((row) => name === null || row.name === name);
  }

  function allocationsOf(consumer: string): object {
    const held = [...placement.booked].filter(([, consumers]) => consumer in consumers);
    return Object.fromEntries(held.map(([provider, consumers]) => [provider, consumers[consumer]]));
  }

  function usagesOf(provider: string): Record<string, number> {
    const usages: Record<string, number> = {};
    for (const { resources } of Object.values(placement.booked.get(provider) ?? {}))
      for (const [name, amount] of Object.entries(resources)) usages[name] = (usages[name] ?? 0) + amount;
    return usages;
  }
}
