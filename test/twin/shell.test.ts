/** Whether the simulated shell works scripts as a real one does, and touches nothing but its machine. */
import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { BOOT_PROBE, parseBoot } from '../../src/domain/host-boot.ts';
import { GUESTS_PROBE, LIST_DOMAINS, parseHostGuests } from '../../src/domain/host-guests.ts';
import { NEED_PROBE, NEXT_KERNEL, parseNeed } from '../../src/domain/reboot-need.ts';
import { REBOOT, rebootRequest } from '../../src/procedures/reboot.ts';
import type { Machine } from '../../src/twin/machine.ts';
import { runShell } from '../../src/twin/shell.ts';

interface Done {
  readonly exit: number;
  readonly stdout: string;
  readonly stderr: string;
}

const FILES = {
  '/etc/hostname': 'hv01\n',
  '/proc/1/comm': 'systemd\n',
  '/proc/412/comm': 'qemu-system-x86\n',
  '/proc/sys/kernel/random/boot_id': 'boot-1\n',
  '/boot/vmlinuz-6.1.0-9-amd64': '',
  '/boot/vmlinuz-6.1.0-28-amd64': 'MZ',
  '/boot/initrd.img-6.1.0-28-amd64': '070701',
  '/lib/modules/6.1.0-28-amd64/modules.dep': 'x',
};

function machine(more: Partial<Machine> = {}): Machine & { reboots: number } {
  const made = {
    name: 'hv01',
    kernel: '6.1.0-9-amd64',
    bootedAt: 0,
    now: 0,
    reboots: 0,
    files: () => new Map(Object.entries(FILES)),
    domains: () => [
      { name: 'instance-00000001', id: 'a', running: true },
      { name: 'instance-00000002', id: 'b', running: false },
    ],
    failedUnits: () => [],
    service: (name: string) => (name === 'nova-compute' ? ('active' as const) : undefined),
    start: () => {},
    stop: () => {},
    reboot: () => {
      made.reboots += 1;
      return true;
    },
    sleep: async () => {},
    ...more,
  };
  return made;
}

async function work(
  script: string,
  { args = [], on = machine(), uid = 0 }: { args?: string[]; on?: Machine; uid?: number } = {},
): Promise<Done> {
  let [stdout, stderr] = ['', ''];
  const streams = {
    in: '',
    out: (text: string) => (stdout += text),
    err: (text: string) => (stderr += text),
  };
  const exit = await runShell(
    {
      machine: on,
      user: { name: 'somebody', id: uid },
      streams: {
        in: streams.in,
        out: (text) => void streams.out(text),
        err: (text) => void streams.err(text),
      },
      args: ['sh', ...args],
      signal: new AbortController().signal,
    },
    script,
  );
  return { exit, stdout, stderr };
}

describe('the simulated shell', () => {
  it.each([
    'echo one; echo two',
    'echo "a  b"   c',
    "printf '%s\\n' one 'two three' four",
    "printf '%s-%s\\n' a b c",
    'x=3; echo "$x" ${x}4 $y.',
    'x="a b  c"; for w in $x; do echo "<$w>"; done; echo "$x"',
    'false; echo $?',
    'false && echo no || echo yes',
    'true || echo no; echo then',
    '! true; echo $?',
    'exit 7; echo no',
    '(exit 5); echo $?',
    'x=1; (x=2; echo $x); echo $x',
    '{ echo a; echo b; } | tail -n 1',
    'echo out; echo err >&2',
    'echo gone >/dev/null; echo gone >&2 2>/dev/null; echo left',
    '{ echo err >&2; } 2>/dev/null; echo $?',
    'y=$(echo deep; exit 3); echo "$? $y"',
    'y=$(exit 4) || echo "failed=$?"',
    'echo "$(echo "$(echo nested)")"',
    'x=$(printf "a\\nb\\n\\n"); echo "[$x]"',
    'if [ 1 = 2 ]; then echo a; elif [ -n "" ]; then echo b; else echo c; fi',
    'if true; then echo yes; fi >/dev/null; echo $?',
    'if false; then echo a; fi; echo $?',
    '[ "a b" = "a b" ] && echo same',
    '[ -z "" ] && [ 3 -gt 2 ] && [ ! 1 -eq 2 ] && echo sums',
    'echo "$1|$2|$#"; for a in "$@"; do echo "<$a>"; done',
    'echo "$1" | tr " " "\\n" | sort -u',
    "printf '10\\n9\\n2\\n' | sort -V | tail -n 1",
    "printf 'b\\na\\nb\\n' | sort | grep -c b",
    "printf 'qemu-system-x86\\nkvm\\nkvmd\\nbash\\n' | grep -cE '^(qemu-system|qemu-kvm|kvm$)'",
    "printf 'a+b\\na(b)\\n' | grep 'a(b)'",
    "printf 'x\\n\\n y \\n' | sed -n 's/^\\(.*[^ ].*\\)$/domain:\\1/p'",
    "echo /boot/vmlinuz-6.1 | sed 's/^.*-//'",
    "printf 'a\\nb\\nc\\n' | head -n 2 | wc -l | tr -d ' '",
    'echo \'single $x "quoted"\' "double \\$x \\"quoted\\"" plain\\ one',
    "sh -c 'echo $0 $1' zero one two",
    "sh -c 'exit 9'; echo $?",
    "exec sh -c 'echo last'; echo never",
    'command -v no-such-program || echo missing',
    'no-such-program 2>/dev/null; echo $?',
    'echo a # a remark',
    'echo no/such/file/*.here',
    'test -e /no/such/file; echo $?',
    'cat /no/such/file 2>/dev/null; echo $?',
    'cat </dev/null; echo $?',
    'echo a\\\nb',
    'echo semi\\;colon "a;b" \'c|d\'',
  ])('works %j as /bin/sh does', async (script) => {
    const args = ['first arg', 'second'];

    const done = await work(script, { args });

    const real = spawnSync('/bin/sh', ['-c', script, 'sh', ...args], {
      encoding: 'utf8',
      env: { ...process.env, x: '', y: '' },
    });
    expect(done).toMatchObject({ exit: real.status, stdout: real.stdout });
    expect(done.stderr === '').toBe(real.stderr === '');
  });

  it.each([
    'echo `date`',
    'echo $((1+1))',
    'while true; do :; done',
    'sleep 1 &',
    'cat <<E',
    'echo "a',
    'if true; then echo',
    'echo )',
  ])('says of %j that it does not know it, and works nothing of it', async (script) => {
    const { exit, stdout, stderr } = await work(`echo begun; ${script}`);

    expect([exit, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^sh: syntax error: ./);
  });

  it('has the programs of its machine and no others', async () => {
    expect(await work('node --version')).toEqual({ exit: 127, stdout: '', stderr: 'sh: node: not found\n' });
    expect(await work('cat /etc/passwd')).toMatchObject({ exit: 1, stdout: '' });
    expect(await work('cat /etc/hostname')).toMatchObject({ exit: 0, stdout: 'hv01\n' });
    expect(await work('echo x > /tmp/x')).toMatchObject({
      exit: 2,
      stderr: expect.stringContaining('Read-only'),
    });
  });

  it('finds the files that a pattern stands for', async () => {
    expect(await work('echo /proc/[0-9]*/comm /boot/vmlinuz-6.1.0-?-*')).toMatchObject({
      stdout: '/proc/1/comm /proc/412/comm /boot/vmlinuz-6.1.0-9-amd64\n',
    });
  });
});

describe('what hypervisors are asked, on a simulated one', () => {
  it('tells the boot', async () => {
    expect(parseBoot(await work(BOOT_PROBE))).toEqual({ bootId: 'boot-1', running: '6.1.0-9-amd64' });
  });

  it('tells the kernel that boots next, the newest that is installed', async () => {
    const answer = await work(NEED_PROBE, { args: [NEXT_KERNEL, ''] });

    expect(parseNeed(answer, { bootFreeMb: 16 })).toMatchObject({ need: 'yes', next: '6.1.0-28-amd64' });
  });

  it.each([0, 1000])('tells the guests that run, to user %i too', async (uid) => {
    const answer = await work(GUESTS_PROBE, { args: [LIST_DOMAINS], uid });

    expect(parseHostGuests(answer)).toEqual({ known: true, domains: ['instance-00000001'], processes: 1 });
  });

  it('shows libvirt’s guests to root only', async () => {
    expect(await work('virsh list --name', { uid: 1000 })).toMatchObject({ exit: 0, stdout: '\n' });
  });

  it.each([
    ['boot-1', 0, 1],
    ['another', 75, 0],
  ])('reboots out of boot %s: exit %i', async (bootId, exit, reboots) => {
    const on = machine();
    const [, , script = '', , ...args] = rebootRequest(bootId, REBOOT);

    const done = await work(script, { args, on, uid: 1000 });

    expect([done.exit, on.reboots]).toEqual([exit, reboots]);
  });

  it('is not rebooted by somebody who is not root', async () => {
    const on = machine();

    expect(await work('/sbin/reboot', { on, uid: 1000 })).toMatchObject({
      exit: 1,
      stderr: expect.stringContaining('denied'),
    });
    expect(on.reboots).toBe(0);
  });
});
