/** Answers of a real Keystone, Nova and Placement (Zed), cut to what matters; fresh copies each time. */
import { readFileSync } from 'node:fs';

interface Samples {
  catalog: {
    type: string;
    endpoints: { interface: string; region_id: string; region: string; url: string }[];
  }[];
  hypervisors: { id: string; hypervisor_hostname: string; service: { id: string; host: string } }[];
  services: SampleService[];
  servers: SampleServer[];
  aggregates: { name: string; hosts: string[] }[];
  'server-groups': { id: string; name: string; policy: string; rules: object; members: string[] }[];
  migrations: SampleMigration[];
  'server-migration': Record<string, number | string | null>;
  providers: SampleProvider[];
  inventories: { inventories: Record<string, { total: number; reserved: number; allocation_ratio: number }> };
  allocations: { allocations: Record<string, { resources: Record<string, number> }> };
  traits: { traits: string[] };
  'hypervisors-500': object;
  'busy-409': object;
  'forbidden-403': object;
}

export interface SampleService {
  binary: string;
  host: string;
  id: string;
  status: string;
  disabled_reason: string | null;
  updated_at: string | null;
}

export interface SampleServer {
  id: string;
  name: string;
  status: string;
  tenant_id: string;
  created: string;
  image: unknown;
  addresses: Record<string, object[]>;
  'OS-EXT-SRV-ATTR:host': string | null;
  'OS-EXT-SRV-ATTR:hypervisor_hostname'?: string | null;
  'OS-EXT-STS:task_state': string | null;
  /** Not in the samples: Nova tells it from 2.96 on. */
  pinned_availability_zone?: string | null;
}

export interface SampleMigration {
  id: number;
  uuid: string;
  instance_uuid: string;
  status: string;
  migration_type: string;
  source_compute: string;
  source_node: string;
  dest_compute: string | null;
  dest_node: string | null;
  created_at: string;
  updated_at: string | null;
}

export interface SampleProvider {
  uuid: string;
  name: string;
  parent_provider_uuid: string | null;
  root_provider_uuid: string;
}

export function sample<Name extends keyof Samples>(name: Name): Samples[Name] {
  return JSON.parse(readFileSync(new URL(`samples/${name}.json`, import.meta.url), 'utf8'));
}

/** A CA of our own, and a certificate for 127.0.0.1 that it has signed, with its key. */
export function pem(name: 'ca' | 'server' | 'server-key'): string {
  return readFileSync(new URL(`samples/tls/${name}.pem`, import.meta.url), 'utf8');
}
