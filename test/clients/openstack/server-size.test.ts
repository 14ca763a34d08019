/** What a flavor says of a server: its size on its hypervisor, and whether it can move. */
import { describe, expect, it } from 'vitest';
import { Flavor, pinnedBy, sizeOf } from '../../../src/clients/openstack/server-size.ts';

const small = { vcpus: 1, ram: 2048, disk: 10, ephemeral: 0, swap: 0 };

describe('the size of a server', () => {
  it.each([
    ['its root disk', small, false, 10],
    ['no root disk when it boots from a volume', small, true, 0],
    ['its ephemeral disk, too', { ...small, ephemeral: 20 }, true, 20],
    ['its swap, in whole GiB', { ...small, swap: 1500 }, false, 12],
    ['no swap where Nova writes it as nothing', { ...small, swap: '' }, false, 10],
    ['what the flavor overrides', { ...small, extra_specs: { 'resources:DISK_GB': '0' } }, false, 0],
  ])('has %s', (_, flavor, bootsFromVolume, diskGb) => {
    expect(sizeOf(Flavor.parse(flavor), bootsFromVolume)).toEqual({ vcpus: 1, ramMb: 2048, diskGb });
  });
});

describe('a server', () => {
  it.each([
    [{}, undefined],
    [{ 'hw:cpu_policy': 'dedicated', 'resources:VCPU': '2' }, undefined],
    [{ 'pci_passthrough:alias': 'gpu:1' }, 'PCI device of class gpu'],
    [{ 'pci_passthrough:alias': 'gpu:2, nic:1' }, 'PCI device of class gpu, nic'],
    [{ 'resources:VGPU': '1' }, 'virtual GPU'],
    [{ 'resources1:VGPU': '1' }, 'virtual GPU'],
    [{ 'resources_GPU:PGPU': '1' }, 'physical GPU'],
    [{ 'resources:VGPU': '0' }, undefined],
    [{ 'accel:device_profile': 'fpga-dp' }, 'accelerator of profile fpga-dp'],
  ])('with %j is pinned by: %s', (extra_specs, reason) => {
    expect(pinnedBy(Flavor.parse({ ...small, extra_specs }))).toBe(reason);
  });
});
