/** How are amounts of what Placement counts added, compared and said? */
import type { Hypervisor, Resources } from './fleet.ts';

/** `14 GiB of memory, 2 vCPU`: the positive amounts only. */
export function amounts({ ramMb, vcpus, diskGb }: Resources): string {
  const parts = [
    ramMb > 0 ? `${gib(ramMb)} of memory` : '',
    vcpus > 0 ? `${vcpus} vCPU` : '',
    diskGb > 0 ? `${diskGb} GiB of disk` : '',
  ];
  return parts.filter((part) => part !== '').join(', ');
}

/** One decimal below ten, none above: `1.5 GiB`, `104 GiB`. */
function gib(mb: number): string {
  const amount = mb / 1024;
  return `${amount < 10 ? Math.round(amount * 10) / 10 : Math.round(amount)} GiB`;
}

export const NOTHING: Resources = { vcpus: 0, ramMb: 0, diskGb: 0 };

/** Never negative: a hypervisor whose ratio was lowered under its load has nothing to give. */
export function freeOn({ capacity, used }: Hypervisor): Resources {
  const left = minus(capacity, used);
  return { vcpus: Math.max(0, left.vcpus), ramMb: Math.max(0, left.ramMb), diskGb: Math.max(0, left.diskGb) };
}

export function fits(size: Resources, free: Resources): boolean {
  return size.vcpus <= free.vcpus && size.ramMb <= free.ramMb && size.diskGb <= free.diskGb;
}

export function plus(a: Resources, b: Resources): Resources {
  return { vcpus: a.vcpus + b.vcpus, ramMb: a.ramMb + b.ramMb, diskGb: a.diskGb + b.diskGb };
}

export function minus(a: Resources, b: Resources): Resources {
  return { vcpus: a.vcpus - b.vcpus, ramMb: a.ramMb - b.ramMb, diskGb: a.diskGb - b.diskGb };
}
