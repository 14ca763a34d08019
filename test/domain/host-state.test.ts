import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { backWithinOf, longestBack } from '../../src/domain/back-within.ts';
import { judgeDevices } from '../../src/domain/host-devices.ts';
import { type HostState, judgeState, parseState, STATE_PROBE } from '../../src/domain/host-state.ts';

/** A Debian 12 on a Dell with a Mellanox card of two virtual functions, an AHCI controller and a GPU. */
const DEBIAN = `model=PowerEdge R7525
units_exit=0
unit:smartmontools.service
system=degraded
ntp=yes
leap=Leap status     : Normal
/sys/bus/pci/devices/0000:00:1f.2/uevent:DRIVER=ahci
/sys/bus/pci/devices/0000:00:1f.2/uevent:PCI_CLASS=10601
/sys/bus/pci/devices/0000:00:1f.2/uevent:PCI_ID=8086:A182
/sys/bus/pci/devices/0000:00:1f.2/uevent:PCI_SUBSYS_ID=1028:0715
/sys/bus/pci/devices/0000:00:1f.2/uevent:PCI_SLOT_NAME=0000:00:1f.2
/sys/bus/pci/devices/0000:00:1f.2/uevent:MODALIAS=pci:v00008086d0000A182sv00001028sd00000715bc01sc06i01
/sys/bus/pci/devices/0000:3b:00.0/uevent:DRIVER=mlx5_core
/sys/bus/pci/devices/0000:3b:00.0/uevent:PCI_ID=15B3:1017
/sys/bus/pci/devices/0000:3b:00.2/uevent:DRIVER=mlx5_core
/sys/bus/pci/devices/0000:3b:00.2/uevent:PCI_ID=15B3:1018
/sys/bus/pci/devices/0000:3b:00.3/uevent:PCI_ID=15B3:1018
/sys/bus/pci/devices/0000:81:00.0/uevent:PCI_ID=10DE:20B5
/sys/bus/pci/devices/0000:3b:00.0/sriov_numvfs:2
/sys/bus/pci/devices/0000:81:00.0/sriov_numvfs:0
/sys/bus/pci/devices/0000:3b:00.2/physfn
/sys/bus/pci/devices/0000:3b:00.3/physfn
/sys/class/mdev_bus/0000:81:00.0/mdev_supported_types/nvidia-474
/sys/class/mdev_bus/0000:81:00.0/mdev_supported_types/nvidia-475
/sys/bus/mdev/devices/4b20d080-1b54-4048-85b3-a6a62d165c01
/sys/bus/mdev/devices/c62b4b3e-2c5a-4d4a-a2a4-5a7b7d5a3b11
/etc/mdevctl.d/0000:81:00.0/4b20d080-1b54-4048-85b3-a6a62d165c01
devices_exit=0
device:GPU 0: NVIDIA A100 80GB PCIe (UUID: GPU-5b4c)
device:  MIG 1g.10gb     Device  0: (UUID: MIG-77aa)
state=told
`;
/** An AlmaLinux 8 without chrony's client, where nothing has failed. */
const ALMA = `model=ThinkSystem SR650
units_exit=0
system=running
ntp=no
/sys/bus/pci/devices/0000:00:02.0/uevent:DRIVER=virtio-pci
/sys/bus/pci/devices/0000:00:02.0/uevent:PCI_ID=1AF4:1041
state=told
`;
/** A container: no systemd answers, no clock of its own, no firmware. */
const CONTAINER = `model=
units_exit=1
system=offline
state=told
`;

function parse(stdout: string, exit = 0): HostState {
  const state = parseState({ exit, stdout, stderr: '' });
  if ('unknown' in state) throw new Error(state.unknown);
  return state;
}

describe('parseState', () => {
  it('reads devices, leaving virtual functions to their count and mediated devices to those that stay', () => {
    expect(parse(DEBIAN)).toEqual({
      model: 'PowerEdge R7525',
      failedUnits: ['smartmontools.service'],
      starting: false,
      synchronised: true,
      devices: {
        pci: {
          '0000:00:1f.2': '8086:a182 ahci',
          '0000:3b:00.0': '15b3:1017 mlx5_core',
          '0000:81:00.0': '10de:20b5',
        },
        virtualFunctions: { '0000:3b:00.0': 2, '0000:81:00.0': 0 },
        mdevTypes: ['0000:81:00.0 nvidia-474', '0000:81:00.0 nvidia-475'],
        mdevs: ['4b20d080-1b54-4048-85b3-a6a62d165c01'],
        listed: [
          'GPU 0: NVIDIA A100 80GB PCIe (UUID: GPU-5b4c)',
          'MIG 1g.10gb     Device  0: (UUID: MIG-77aa)',
        ],
      },
    });
  });

  it('tells a clock that is not synchronised from one of which nothing is known', () => {
    expect(parse(ALMA)).toMatchObject({ synchronised: false, failedUnits: [] });
    expect(parse(CONTAINER)).toMatchObject({ synchronised: null, failedUnits: null, model: null });
  });

  it.each([
    { leap: 'Leap status     : Not synchronised', synchronised: false },
    { leap: 'Leap status     : Normal', synchronised: true },
    { leap: 'Leap status     : Insert second', synchronised: true },
    { leap: '', synchronised: null },
  ])('believes chrony that says "$leap" where systemd says nothing', ({ leap, synchronised }) => {
    expect(parse(`leap=${leap}\nstate=told\n`)).toMatchObject({ synchronised });
  });

  it.each([
    { what: 'was cut off', stdout: 'model=x\n', why: 'its state cannot be read (exit 0): no route' },
    {
      what: 'has a command of the site that fails',
      stdout: 'devices_exit=9\nstate=told\n',
      why: 'the command of option devices failed (exit 9): no route',
    },
  ])('relies on no answer that $what', ({ stdout, why }) => {
    expect(parseState({ exit: 0, stdout, stderr: 'no route\n' })).toEqual({ unknown: why });
  });
});

describe('judgeState', () => {
  const before = parse(DEBIAN);
  const failing = (stdout: string) =>
    judgeState(before, parse(stdout)).flatMap(({ ok, name, saw }) => (ok ? [] : [`${name}: ${saw}`]));

  it('passes a host that is as it was, check by check', () => {
    expect(judgeState(before, before).map(({ name, saw }) => `${name}: ${saw}`)).toEqual([
      'PCI devices: 3 as before',
      'virtual functions: 2 as before',
      'mdev types: 2 as before',
      'mediated devices: 1 as before',
      'listed devices: 2 as before',
      'failed units: none that had not failed before (1)',
      'clock: synchronised',
    ]);
    expect(judgeState(before, before).every(({ ok }) => ok)).toBe(true);
  });

  it('asks a container for nothing that it has not', () => {
    expect(judgeState(parse(CONTAINER), parse(CONTAINER))).toEqual([]);
  });

  it.each([
    {
      what: 'lost a device',
      by: [/^.*0000:81:00\.0\/uevent.*\n/m, ''],
      fails: ['PCI devices: PCI device 0000:81:00.0 (10de:20b5) is gone'],
    },
    {
      what: 'has another driver bound',
      by: ['DRIVER=ahci', 'DRIVER=vfio-pci'],
      fails: ['PCI devices: PCI device 0000:00:1f.2 (8086:a182 ahci) is 8086:a182 vfio-pci now'],
    },
    {
      what: 'has no virtual functions any more',
      by: ['sriov_numvfs:2', 'sriov_numvfs:0'],
      fails: ['virtual functions: 0000:3b:00.0 has no virtual functions, it had 2'],
    },
    {
      what: 'offers a type less',
      by: [/^.*nvidia-475\n/m, ''],
      fails: ['mdev types: 0000:81:00.0 nvidia-475 is gone'],
    },
    {
      what: 'did not start a mediated device that is written down',
      by: ['/sys/bus/mdev/devices/4b20', '/sys/bus/mdev/devices/ffff'],
      fails: ['mediated devices: 4b20d080-1b54-4048-85b3-a6a62d165c01 is gone'],
    },
    {
      what: 'lost its MIG layout',
      by: [/^device:  MIG.*\n/m, ''],
      fails: ['listed devices: MIG 1g.10gb     Device  0: (UUID: MIG-77aa) is gone'],
    },
    {
      what: 'has a unit failed',
      by: ['unit:smart', 'unit:openvswitch-switch.service\nunit:smart'],
      fails: ['failed units: 1 unit failed: openvswitch-switch.service'],
    },
    {
      what: 'still starts units',
      by: ['system=degraded', 'system=starting'],
      fails: ['failed units: it still starts its units'],
    },
    {
      what: 'has a systemd that does not answer any more',
      by: ['units_exit=0', 'units_exit=1'],
      fails: ['failed units: its failed units cannot be listed'],
    },
    {
      what: 'has lost the time',
      by: [/ntp=yes\nleap=.*\n/, 'ntp=no\n'],
      fails: ['clock: its clock is not synchronised, it was before'],
    },
  ] as const)('fails a host that $what', ({ by: [pattern, text], fails }) => {
    expect(failing(DEBIAN.replace(pattern, text))).toEqual(fails);
  });

  it('fails a host that cannot be asked', () => {
    expect(judgeState(before, { unknown: 'timed out' })).toEqual([
      { name: 'state', ok: false, saw: 'timed out' },
    ]);
  });

  it('finds every device that is missing, whichever it is, and none that is new', () => {
    const address = fc
      .integer({ min: 0, max: 40 })
      .map((slot) => `0000:${slot.toString(16).padStart(2, '0')}:00.0`);
    const pci = fc.dictionary(address, fc.constantFrom('10de:20b5 nvidia', '15b3:1017'), { maxKeys: 12 });
    fc.assert(
      fc.property(pci, pci, (had, has) => {
        const none = { virtualFunctions: {}, mdevTypes: [], mdevs: [] };
        const isWhole = judgeDevices({ ...none, pci: had }, { ...none, pci: has }).every(({ ok }) => ok);
        expect(isWhole).toBe(Object.keys(had).every((key) => had[key] === has[key]));
      }),
    );
  });
});

describe('the probe, in a real shell', () => {
  let root: string;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'state-'));
  });
  afterEach(() => rm(root, { recursive: true }));

  it('finds what lies below /sys, and asks the commands that there are', async () => {
    const gpu = 'sys/bus/pci/devices/0000:81:00.0';
    await put('sys/class/dmi/id/product_name', 'PowerEdge R640\n');
    await put(`${gpu}/uevent`, 'DRIVER=nvidia\nPCI_ID=10DE:20B5\n');
    await put(`${gpu}/sriov_numvfs`, '4\n');
    await put('sys/bus/pci/devices/0000:81:00.1/uevent', 'PCI_ID=10DE:20B5\n');
    await put('sys/bus/pci/devices/0000:81:00.1/physfn/uevent', '');
    await put('sys/class/mdev_bus/0000:81:00.0/mdev_supported_types/nvidia-474/name', 'A100');
    await command(
      'systemctl',
      `test "$1" = list-units && echo 'a.service loaded failed failed A\n b' || echo degraded`,
    );
    await command('timedatectl', 'echo yes');
    await command('chronyc', `printf 'Stratum : 3\nLeap status     : Normal\n'`);

    expect(await probe('printf "GPU 0\n\n  MIG 1\n"')).toEqual({
      model: 'PowerEdge R640',
      failedUnits: ['a.service'],
      starting: false,
      synchronised: true,
      devices: {
        pci: { '0000:81:00.0': '10de:20b5 nvidia' },
        virtualFunctions: { '0000:81:00.0': 4 },
        mdevTypes: ['0000:81:00.0 nvidia-474'],
        mdevs: [],
        listed: ['GPU 0', 'MIG 1'],
      },
    });
  });

  it('tells a host that has nothing of all that', async () => {
    await command('systemctl', 'exit 1');
    await command('timedatectl', 'exit 1');
    await command('chronyc', 'exit 1');

    expect(await probe('')).toEqual({
      model: null,
      failedUnits: null,
      starting: false,
      synchronised: null,
      devices: { pci: {}, virtualFunctions: {}, mdevTypes: [], mdevs: [] },
    });
  });

  it('says that the command of the site failed', async () => {
    expect(await probe('echo no GPU >&2; exit 9')).toEqual({
      unknown: 'the command of option devices failed (exit 9): no GPU',
    });
  });

  async function put(file: string, content: string): Promise<void> {
    await mkdir(dirname(join(root, file)), { recursive: true });
    await writeFile(join(root, file), content);
  }

  async function command(name: string, body: string): Promise<void> {
    await put(`bin/${name}`, `#!/bin/sh\n${body}\n`);
    await chmod(join(root, 'bin', name), 0o755);
  }

  /** The real script, its fixed places moved below `root`, and back in what it says. */
  async function probe(devices: string) {
    const script = STATE_PROBE.replaceAll(/(?<= )\/(?=(sys|etc)\/)/g, `${root}/`);
    const { stdout, stderr } = await promisify(execFile)('sh', ['-c', script, 'state', devices], {
      env: { PATH: `${join(root, 'bin')}:/usr/bin:/bin` },
    });
    return parseState({ exit: 0, stdout: stdout.replaceAll(root, ''), stderr });
  }
});

describe('the deadline of a machine', () => {
  const deadlines = { backWithinMinutes: 30, backWithin: { 'PowerEdge*': 20, 'DGX*': 60 } };

  it.each([
    { model: 'PowerEdge R640', minutes: 20 },
    { model: 'DGXA100 920-23687', minutes: 60 },
    { model: 'ThinkSystem SR650', minutes: 30 },
    { model: null, minutes: 30 },
  ])('is $minutes minutes for $model', ({ model, minutes }) => {
    expect(backWithinOf(deadlines, model)).toBe(minutes);
  });

  it('is the default’s where no pattern fits, whatever the model', () => {
    const backWithin = { default: 45, 'PowerEdge*': 20 };

    expect(backWithinOf({ backWithinMinutes: 30, backWithin }, 'default')).toBe(45);
    expect(longestBack({ backWithinMinutes: 90, backWithin })).toBe(45);
    expect(longestBack(deadlines)).toBe(60);
    expect(longestBack({ backWithinMinutes: 90 })).toBe(90);
  });
});
