import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { guestsProbe, LIST_DOMAINS, parseHostGuests } from '../../src/domain/host-guests.ts';

describe('parseHostGuests', () => {
  it.each([
    {
      what: 'two domains and their processes',
      stdout: 'domains_exit=0\ndomain:instance-0001\ndomain:instance-0002\nprocesses=2\n',
      guests: { known: true, domains: ['instance-0001', 'instance-0002'], processes: 2 },
    },
    {
      what: 'a host where nothing runs',
      stdout: 'domains_exit=0\nprocesses=0\n',
      guests: { known: true, domains: [], processes: 0 },
    },
    {
      what: 'a host without libvirt, by its processes',
      stdout: 'domains_exit=127\nprocesses=1\n',
      guests: { known: true, domains: [], processes: 1 },
    },
    {
      what: 'a libvirt that fails as unknown',
      stdout: 'domains_exit=1\nprocesses=0\n',
      guests: { known: false },
    },
    { what: 'hidden processes as unknown', stdout: 'domains_exit=0\n', guests: { known: false } },
    { what: 'silence as unknown', stdout: '', guests: { known: false } },
  ])('reads $what', ({ stdout, guests }) => {
    expect(parseHostGuests({ exit: 0, stdout, stderr: '' })).toMatchObject(guests);
  });

  it('says why libvirt failed', () => {
    const answer = { exit: 0, stdout: 'domains_exit=1\nprocesses=0\n', stderr: 'error: no connection\n' };

    expect(parseHostGuests(answer)).toEqual({
      known: false,
      why: 'libvirt does not list its domains (exit 1): error: no connection',
    });
  });
});

describe('the probe, in a real shell', () => {
  it.each([
    {
      what: 'domains',
      list: "printf 'instance-0001\\ninstance 2\\n\\n'",
      domains: ['instance-0001', 'instance 2'],
    },
    { what: 'no domains', list: "printf '\\n'", domains: [] },
    { what: 'a host without virsh', list: LIST_DOMAINS, domains: [] },
  ])('lists $what', async ({ list, domains }) => {
    expect(await probe(list)).toMatchObject({ known: true, domains });
  });

  it('does not take a libvirt that fails for an empty one', async () => {
    expect(await probe('echo instance-0001; echo no connection >&2; exit 1')).toEqual({
      known: false,
      why: 'libvirt does not list its domains (exit 1): no connection',
    });
  });

  it('counts processes by the name that the kernel has of them', async () => {
    const before = await probe('true');
    const guest = execFile('bash', ['-c', 'printf qemu-system-x86 > /proc/self/comm; echo ready; read -r _']);
    try {
      await new Promise((resolve) => guest.stdout?.once('data', resolve));

      const after = await probe('true');

      expect(processes(after)).toBe(processes(before) + 1);
    } finally {
      guest.stdin?.end();
    }
  });
});

async function probe(list: string) {
  const [file = '', ...argv] = guestsProbe(list);
  const { stdout, stderr } = await promisify(execFile)(file, argv, { env: { PATH: '/usr/bin:/bin' } });
  return parseHostGuests({ exit: 0, stdout, stderr });
}

function processes(guests: ReturnType<typeof parseHostGuests>): number {
  return guests.known ? guests.processes : Number.NaN;
}
