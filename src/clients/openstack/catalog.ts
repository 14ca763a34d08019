/** Where a service is, by Keystone's catalog. */
import { z } from 'zod';
import { OpenStackError } from './error.ts';

const Endpoint = z.object({
  interface: z.string(),
  region_id: z.string().nullish(),
  region: z.string().nullish(),
  url: z.string(),
});

export const Catalog = z.array(z.object({ type: z.string(), endpoints: z.array(Endpoint) }));
export type Catalog = z.infer<typeof Catalog>;

export type Interface = 'public' | 'internal' | 'admin';

export interface Place {
  readonly type: string;
  readonly interface: Interface;
  /** Left out: the only region there is. */
  readonly region?: string;
}

/** The URL of the endpoint, without a slash at its end; OpenStackError naming what there is instead. */
export function findEndpoint(catalog: Catalog, { type, interface: face, region }: Place): string {
  const endpoints = catalog.filter((service) => service.type === type).flatMap(({ endpoints }) => endpoints);
  if (endpoints.length === 0)
    throw missing(`no service of type ${type}`, 'types', new Set(catalog.map((service) => service.type)));

  const regions = new Set(endpoints.map(regionOf));
  if (region === undefined && regions.size > 1)
    throw missing(`${type} in several regions; say which in region_name`, 'regions', regions);
  const here = endpoints.filter((endpoint) => region === undefined || regionOf(endpoint) === region);
  if (here.length === 0) throw missing(`no ${type} in region ${region}`, 'regions', regions);

  const found = here.find((endpoint) => endpoint.interface === face);
  if (found === undefined)
    throw missing(`no ${face} endpoint of ${type}`, 'interfaces', new Set(here.map((e) => e.interface)));
  return found.url.replace(/\/+$/, '');
}

/** Whether the region has such a service, reached by whatever interface. */
export function hasService(catalog: Catalog, { type, region }: Pick<Place, 'type' | 'region'>): boolean {
  const endpoints = catalog.filter((service) => service.type === type).flatMap(({ endpoints }) => endpoints);
  return endpoints.some((endpoint) => region === undefined || regionOf(endpoint) === region);
}

function regionOf({ region_id, region }: z.infer<typeof Endpoint>): string {
  return region_id ?? region ?? '';
}

function missing(what: string, kind: string, has: ReadonlySet<string>): OpenStackError {
  const list = [...has].toSorted().join(', ') || 'none';
  return new OpenStackError(`Keystone's catalog has ${what} (${kind} it has: ${list})`, { retryable: false });
}
