/** What a server's flavor says of it: what Placement books for it, and whether it can be live-migrated. */
import { z } from 'zod';
import type { Resources } from '../../domain/fleet.ts';

export const Flavor = z.object({
  vcpus: z.number(),
  /** MiB. */
  ram: z.number(),
  /** GiB. */
  disk: z.number(),
  /** GiB. */
  ephemeral: z.number().default(0),
  /** MiB; Nova says `""` for none at some microversions. */
  swap: z.coerce.number().default(0),
  extra_specs: z.record(z.string(), z.string()).default({}),
});
export type Flavor = z.infer<typeof Flavor>;

/** What Placement books. A server that boots from a volume has no root disk on its hypervisor. */
export function sizeOf(flavor: Flavor, bootsFromVolume: boolean): Resources {
  const rootGb = bootsFromVolume ? 0 : flavor.disk;
  const overridden = (resourceClass: string, otherwise: number) =>
    Number(flavor.extra_specs[`resources:${resourceClass}`] ?? otherwise);
  return {
    vcpus: overridden('VCPU', flavor.vcpus),
    ramMb: overridden('MEMORY_MB', flavor.ram),
    diskGb: overridden('DISK_GB', rootGb + flavor.ephemeral + Math.ceil(flavor.swap / 1024)),
  };
}

/** Why a server of this flavor cannot be live-migrated; undefined when nothing in it speaks against. */
export function pinnedBy({ extra_specs: specs }: Flavor): string | undefined {
  const alias = specs['pci_passthrough:alias'];
  if (alias) {
    const classes = alias.split(',').map((device) => device.split(':')[0]?.trim());
    return `PCI device of class ${classes.join(', ')}`;
  }
  const profile = specs['accel:device_profile'];
  if (profile) return `accelerator of profile ${profile}`;
  // `resources:VGPU`, or in a group of its own, `resources1:VGPU`.
  const asked = Object.entries(specs).filter(([, amount]) => Number(amount) > 0);
  const classes = asked.map(([key]) => /^resources[^:]*:(PGPU|VGPU)$/.exec(key)?.[1]);
  if (classes.includes('PGPU')) return 'physical GPU';
  if (classes.includes('VGPU')) return 'virtual GPU';
  return undefined;
}
