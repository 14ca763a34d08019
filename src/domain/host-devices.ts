/** Which devices a host has to give to guests, and whether it still has them after a reboot. */
import type { Check } from './proof.ts';
import { sayCount, sayList } from './say.ts';

export type HostDevices = {
  /** By address, virtual functions aside: `8086:1572 i40e`, or without the driver where none is bound. */
  readonly pci: Readonly<Record<string, string>>;
  /** How many virtual functions a device has, by its address; devices that can have some only. */
  readonly virtualFunctions: Readonly<Record<string, number>>;
  /** `0000:3b:00.0 nvidia-474`: what a device can be split into. */
  readonly mdevTypes: readonly string[];
  /** Uuids of the mediated devices that are written down to be there after each boot. */
  readonly mdevs: readonly string[];
  /** Lines of the site's own command; absent where there is none. */
  readonly listed?: readonly string[];
};

/** Asks a host. Its first argument is the site's command, or empty. Changes nothing. */
export const DEVICES_PROBE = `
grep -sH . /sys/bus/pci/devices/*/uevent
grep -sH . /sys/bus/pci/devices/*/sriov_numvfs
for f in /sys/bus/pci/devices/*/physfn; do if [ -e "$f" ]; then echo "$f"; fi; done
for f in /sys/class/mdev_bus/*/mdev_supported_types/*; do if [ -e "$f" ]; then echo "$f"; fi; done
for f in /sys/bus/mdev/devices/*; do if [ -e "$f" ]; then echo "$f"; fi; done
for f in /etc/mdevctl.d/*/*; do if [ -e "$f" ]; then echo "$f"; fi; done
if [ -n "$1" ]; then
  listed=$(sh -c "$1"); echo "devices_exit=$?"
  printf '%s\\n' "$listed" | sed -n 's/^\\(.*[^ ].*\\)$/device:\\1/p'
fi`;

const PCI = '/sys/bus/pci/devices/([^/\\n]+)';

/** Reads the probe's answer, which may hold other lines too. `exit` is the site's command's, by `devices_exit`. */
export function parseDevices(text: string, exit: string | undefined): HostDevices {
  const read = (pattern: string): RegExpMatchArray[] => [...text.matchAll(new RegExp(`^${pattern}$`, 'gm'))];
  const virtual = new Set(read(`${PCI}/physfn`).map(([, address]) => address));
  const drivers = new Map(read(`${PCI}/uevent:DRIVER=(.*)`).map(([, address, driver]) => [address, driver]));
  const ids = read(`${PCI}/uevent:PCI_ID=(.*)`).filter(([, address]) => !virtual.has(address));
  const persistent = new Set(read('/etc/mdevctl\\.d/[^/\\n]+/([^/\\n]+)').map(([, uuid]) => uuid));
  const mdevs = read('/sys/bus/mdev/devices/([^/\\n]+)').map(([, uuid = '']) => uuid);
  const types = read('/sys/class/mdev_bus/([^/\\n]+)/mdev_supported_types/([^/\\n]+)');
  const functions = read(`${PCI}/sriov_numvfs:(\\d+)`);
  return {
    pci: Object.fromEntries(
      ids.map(([, address = '', id = '']) => [
        address,
        [id.toLowerCase(), drivers.get(address)].filter(Boolean).join(' '),
      ]),
    ),
    virtualFunctions: Object.fromEntries(
      functions.map(([, address = '', count]) => [address, Number(count)]),
    ),
    mdevTypes: types.map(([, parent, type]) => `${parent} ${type}`).toSorted(),
    mdevs: mdevs.filter((uuid) => persistent.has(uuid)).toSorted(),
    ...(exit !== undefined && { listed: read('device:(.*)').map(([, line = '']) => line.trim()) }),
  };
}

/** One check for each kind of device that there was before; what is new is no fault. */
export function judgeDevices(before: HostDevices, after: HostDevices): readonly Check[] {
  return [
    check('PCI devices', Object.keys(before.pci).length, pciFaults(before.pci, after.pci)),
    check(
      'virtual functions',
      Object.values(before.virtualFunctions).reduce((sum, count) => sum + count, 0),
      functionFaults(before.virtualFunctions, after.virtualFunctions),
    ),
    check('mdev types', before.mdevTypes.length, gone(before.mdevTypes, after.mdevTypes)),
    check('mediated devices', before.mdevs.length, gone(before.mdevs, after.mdevs)),
    check('listed devices', before.listed?.length ?? 0, gone(before.listed ?? [], after.listed ?? [])),
  ].flat();
}

const SHOWN = 4;

function check(name: string, count: number, faults: readonly string[]): Check[] {
  if (count === 0 && faults.length === 0) return [];
  const saw = faults.length === 0 ? `${count} as before` : sayList(faults, SHOWN);
  return [{ name, ok: faults.length === 0, saw }];
}

function pciFaults(before: HostDevices['pci'], after: HostDevices['pci']): string[] {
  return Object.entries(before).flatMap(([address, was]) => {
    const is = after[address];
    if (is === was) return [];
    return [`PCI device ${address} (${was}) ${is === undefined ? 'is gone' : `is ${is} now`}`];
  });
}

function functionFaults(
  before: HostDevices['virtualFunctions'],
  after: HostDevices['virtualFunctions'],
): string[] {
  return Object.entries(before).flatMap(([address, had]) => {
    const has = after[address] ?? 0;
    return has === had ? [] : [`${address} has ${sayCount(has, 'virtual function')}, it had ${had}`];
  });
}

/** A line that was there twice must be there twice. */
function gone(before: readonly string[], after: readonly string[]): string[] {
  const left = [...after];
  return before.flatMap((line) => {
    const at = left.indexOf(line);
    if (at >= 0) left.splice(at, 1);
    return at >= 0 ? [] : [`${line} is gone`];
  });
}
