import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type KernelRules, NEED_PROBE, NEXT_KERNEL, parseNeed } from '../../src/domain/reboot-need.ts';

const answers = { exit: 0, stderr: '' };

describe('parseNeed', () => {
  it.each([
    {
      what: 'another kernel boots next',
      stdout: 'running=6.1.0-18\nboot=b1\nnext=6.1.0-28\n',
      need: 'yes',
      why: '6.1.0-18 runs, 6.1.0-28 boots next',
    },
    {
      what: 'the boot loader names its kernel by path',
      stdout: 'running=5.14.0-503.el9\nboot=b1\nnext=/boot/vmlinuz-5.14.0-503.el9\n',
      need: 'no',
      why: '5.14.0-503.el9 runs and boots next',
    },
    {
      what: 'packages ask for it',
      stdout: 'running=6.1.0-28\nboot=b1\nnext=6.1.0-28\nrequired=dbus libc6 \n',
      need: 'yes',
      why: '/run/reboot-required: dbus libc6',
    },
    {
      what: 'both kernel and packages ask for it',
      stdout: 'running=6.1.0-18\nboot=b1\nnext=6.1.0-28\nrequired=\n',
      need: 'yes',
      why: '6.1.0-18 runs, 6.1.0-28 boots next; /run/reboot-required',
    },
    {
      what: 'needs-restarting asks for it',
      stdout: 'running=6.1.0-28\nboot=b1\nnext=6.1.0-28\nrestarting=1\n',
      need: 'yes',
      why: 'needs-restarting asks for a reboot',
    },
    {
      what: 'needs-restarting breaks',
      stdout: 'running=6.1.0-28\nboot=b1\nnext=6.1.0-28\nrestarting=127\n',
      need: 'unclear',
      why: 'needs-restarting failed (exit 127)',
    },
    {
      what: 'nothing says which kernel boots next',
      stdout: 'running=6.1.0-28\nboot=b1\nnext=\n',
      need: 'unclear',
      why: 'which kernel boots next cannot be told (see option nextKernel)',
    },
    {
      what: 'the command for the next kernel fails half-way',
      stdout: 'running=6.1.0-28\nboot=b1\nnext_failed=1\nnext=6.1.0-28\n',
      need: 'unclear',
      why: 'which kernel boots next cannot be told (see option nextKernel)',
    },
    { what: 'nothing is said', stdout: '', need: 'unclear', why: 'its answer makes no sense (exit 0)' },
  ])('$need when $what', ({ stdout, need, why }) => {
    expect(parseNeed({ ...answers, stdout })).toMatchObject({ need, why });
  });

  it('quotes what the host complains about', () => {
    const broken = {
      exit: 0,
      stdout: 'running=1\nboot=b\nnext=\n',
      stderr: 'sudo: a password is required\n',
    };

    expect(parseNeed(broken).why).toContain('sudo: a password is required');
  });
});

const BOOTS_NEXT = 'running=6.1.0-18\nboot=b1\nnext=6.1.0-28\n';
const DEBIAN = `images=yes
image=/boot/vmlinuz-6.1.0-28
initramfs=/boot/initrd.img-6.1.0-28
modules=/lib/modules/6.1.0-28
boot_df=/dev/sda2           499656 211468    251492      46% /boot
`;

describe('a kernel that boots next', () => {
  const judge = (stdout: string, kernels: readonly string[] = []) =>
    parseNeed({ ...answers, stdout }, { kernels, bootFreeMb: 16 });

  it.each([
    { kernels: ['6.1.0-18', '6.1.0-28'], need: 'yes' },
    { kernels: ['6.1.0-*'], need: 'yes' },
    { kernels: ['6.1.?-28'], need: 'yes' },
    { kernels: ['6x1x0-28'], need: 'unclear' },
    { kernels: ['6.1.0-2'], need: 'unclear' },
    { kernels: ['6.1.0-18'], need: 'unclear' },
  ])('is $need on the list $kernels', ({ kernels, need }) => {
    expect(judge(BOOTS_NEXT + DEBIAN, kernels).need).toBe(need);
  });

  it('is named where it is not on the list', () => {
    expect(judge(BOOTS_NEXT + DEBIAN, ['6.6.*']).why).toBe(
      "6.1.0-28 boots next, which is not on the site's list (option kernels)",
    );
  });

  it('is not asked for on a host that needs nothing', () => {
    expect(judge(BOOTS_NEXT.replace('-18', '-28'), ['6.6.*'])).toMatchObject({ need: 'no' });
  });

  it.each([
    { what: 'nothing', without: /$^/, why: '6.1.0-18 runs, 6.1.0-28 boots next' },
    { what: 'its image', without: /^image=.*$/m, why: '6.1.0-28 boots next, and the host lacks its image' },
    {
      what: 'initramfs and modules',
      without: /^initramfs=.*\nmodules=.*$/m,
      why: '6.1.0-28 boots next, and the host lacks its initramfs and its modules',
    },
    {
      what: 'the free space',
      without: /^boot_df=.*$/m,
      why: 'the free space of /boot cannot be read, so what it needs to boot is not known (option bootFiles)',
    },
    {
      what: 'any word of images',
      without: /^images=.*$/m,
      why: '6.1.0-28 boots next; its files cannot be looked for, so what it needs to boot is not known (option bootFiles)',
    },
  ])('is judged by an answer that lacks $what', ({ without, why }) => {
    expect(judge(BOOTS_NEXT + DEBIAN.replace(without, ''))).toMatchObject({ why });
  });

  it.each([
    {
      what: 'an initramfs that was cut off at its beginning',
      stdout: DEBIAN.replace('initramfs=', 'initramfs_empty='),
      why: '6.1.0-28 boots next, and the host lacks its initramfs (/boot/initrd.img-6.1.0-28 is empty)',
    },
    {
      what: 'a /boot that is full',
      stdout: DEBIAN.replace('251492', '9120'),
      why: '/boot has 8 MiB free, fewer than 16 (option bootFreeMb): what was written there last may be cut off',
    },
    {
      what: 'a /boot that this user may not list',
      stdout: 'images=no\nhidden=/boot\nboot_df=\n',
      why: '/boot may not be listed, so what it needs to boot is not known (option bootFiles)',
    },
  ])('is held for $what', ({ stdout, why }) => {
    expect(judge(BOOTS_NEXT + stdout)).toEqual({ need: 'unclear', why });
  });

  it('is believed where there is no kernel in /boot at all', () => {
    expect(judge(`${BOOTS_NEXT}images=no\nboot_df=overlay 1 1 0 100% /\n`)).toMatchObject({ need: 'yes' });
  });

  it('is as the site says where files are not looked at', () => {
    expect(parseNeed({ ...answers, stdout: BOOTS_NEXT }, {})).toMatchObject({ need: 'yes' });
  });
});

describe('an update that waits', () => {
  const said = (exit: number) =>
    parseNeed({ ...answers, stdout: `${BOOTS_NEXT.replace('-18', '-28')}update=${exit}\n` });

  it.each([
    { exit: 0, need: 'no', why: '6.1.0-28 runs and boots next' },
    { exit: 1, need: 'yes', why: 'an update waits (option updateProbe)' },
    { exit: 100, need: 'yes', why: 'an update waits (option updateProbe)' },
    { exit: 127, need: 'unclear', why: 'updateProbe failed (exit 127)' },
    { exit: 137, need: 'unclear', why: 'updateProbe failed (exit 137)' },
  ])('is $need by exit $exit of the probe', ({ exit, need, why }) => {
    expect(said(exit)).toMatchObject({ need, why });
  });
});

describe('the probe, in a real shell', () => {
  let root: string;

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'need-'));
    await mkdir(join(root, 'bin'));
    await command('uname', 'echo 6.1.0-18-amd64');
  });
  afterEach(() => rm(root, { recursive: true }));

  it('takes the newest kernel of /boot by version, rescue images aside', async () => {
    for (const kernel of ['6.1.0-9-amd64', '6.1.0-28-amd64', '0-rescue-77', '6.1.0-18-amd64']) {
      await writeFile(join(root, `vmlinuz-${kernel}`), '');
    }

    const need = await probe();

    expect(need).toMatchObject({ need: 'yes', running: '6.1.0-18-amd64', next: '6.1.0-28-amd64' });
    expect(need).toHaveProperty('bootId', expect.stringMatching(/^[0-9a-f-]{36}$/));
  });

  it('believes the boot loader rather than the newest kernel', async () => {
    await writeFile(join(root, 'vmlinuz-6.1.0-28-amd64'), '');
    await command('id', 'echo 0');
    await command('grubby', `echo ${root}/vmlinuz-6.1.0-18-amd64`);

    expect(await probe()).toMatchObject({ need: 'no', next: '6.1.0-18-amd64' });
  });

  it('is unclear about a host without kernels', async () => {
    expect(await probe()).toMatchObject({ need: 'unclear' });
  });

  it('lists the packages that ask for a reboot once each', async () => {
    await writeFile(join(root, 'reboot-required'), '*** System restart required ***\n');
    await writeFile(join(root, 'reboot-required.pkgs'), 'libc6\ndbus\nlibc6\n');

    expect(await probe('uname -r')).toMatchObject({ need: 'yes', why: '/run/reboot-required: dbus libc6' });
  });

  it.each([
    { exit: 0, need: 'no' },
    { exit: 1, need: 'yes' },
    { exit: 2, need: 'unclear' },
  ])('reads exit $exit of needs-restarting as $need', async ({ exit, need }) => {
    await command('needs-restarting', `test "$1" = -r && exit ${exit}`);

    expect(await probe('uname -r')).toMatchObject({ need });
  });

  it('asks the command of the site for the next kernel', async () => {
    expect(await probe('echo 6.6.1-site')).toMatchObject({ need: 'yes', next: '6.6.1-site' });
  });

  describe('looks for the files of the kernel that boots next', () => {
    const K = '5.14.0-503.el9.x86_64';
    const rules = { bootFreeMb: 0 };
    const lacks = (what: string) => `${K} boots next, and the host lacks ${what}`;

    it.each([
      {
        where: 'on Debian',
        files: [`boot/vmlinuz-${K}`, `boot/initrd.img-${K}`, `lib/modules/${K}/modules.dep`],
      },
      {
        where: 'on Red Hat, by dracut',
        files: [`boot/vmlinuz-${K}`, `boot/initramfs-${K}.img`, `lib/modules/${K}/modules.dep`],
      },
      {
        where: 'on SUSE',
        files: [`boot/vmlinuz-${K}`, `boot/initrd-${K}`, `usr/lib/modules/${K}/modules.dep`],
      },
      {
        where: 'below the id of the machine',
        next: `boot/6a9857a3/${K}/linux`,
        files: [`boot/6a9857a3/${K}/linux`, `boot/6a9857a3/${K}/initrd`, `usr/lib/modules/${K}/modules.dep`],
      },
      {
        where: 'in one image',
        files: [`efi/EFI/Linux/6a9857a3-${K}.efi`, `usr/lib/modules/${K}/modules.dep`],
      },
    ])('$where', async ({ files, next = `boot/vmlinuz-${K}` }) => {
      for (const file of files) await put(file);

      const need = await probe(`echo ${join(root, next)}`, rules);

      expect(need).toMatchObject({ need: 'yes', next: K });
    });

    it.each([
      { gone: `boot/vmlinuz-${K}`, why: lacks('its image') },
      { gone: `boot/initramfs-${K}.img`, why: lacks('its initramfs') },
      { gone: `lib/modules/${K}/modules.dep`, why: lacks('its modules') },
    ])('and misses $gone', async ({ gone, why }) => {
      await put('boot/vmlinuz-5.14.0-427.el9.x86_64');
      for (const file of [`boot/vmlinuz-${K}`, `boot/initramfs-${K}.img`, `lib/modules/${K}/modules.dep`])
        if (file !== gone) await put(file);

      expect(await probe(`echo ${K}`, rules)).toEqual({ need: 'unclear', why });
    });

    it('and tells an empty one from one that is not there', async () => {
      for (const file of [`boot/vmlinuz-${K}`, `lib/modules/${K}/modules.dep`]) await put(file);
      await put(`boot/initramfs-${K}.img`, '');

      expect((await probe(`echo ${K}`, rules)).why).toContain('initramfs-5.14.0-503.el9.x86_64.img is empty');
    });

    it('and finds no kernel at all on a host that boots from elsewhere', async () => {
      expect(await probe(`echo ${K}`, rules)).toMatchObject({ need: 'yes', next: K });
    });
  });

  it.each([
    { updateProbe: 'exit 0', need: 'no' },
    { updateProbe: 'exit 100', need: 'yes' },
    { updateProbe: 'no-such-program', need: 'unclear' },
  ])('reads "$updateProbe" of the update as $need', async ({ updateProbe, need }) => {
    expect(await probe('uname -r', {}, updateProbe)).toMatchObject({ need });
  });

  async function put(file: string, content = 'x'): Promise<void> {
    await mkdir(dirname(join(root, file)), { recursive: true });
    await writeFile(join(root, file), content);
  }

  async function command(name: string, body: string): Promise<void> {
    const file = join(root, 'bin', name);
    await writeFile(file, `#!/bin/sh\n${body}\n`);
    await chmod(file, 0o755);
  }

  /** The real script, its fixed places moved below `root`. */
  async function probe(
    nextKernel = NEXT_KERNEL.replaceAll('/boot/', `${root}/`),
    rules: KernelRules = {},
    updateProbe = '',
  ) {
    const script = NEED_PROBE.replaceAll('/run/', `${root}/`).replaceAll(
      /(?<=[ "])\/(?=(boot|efi|lib|usr\/lib|sys)\b)/g,
      `${root}/`,
    );
    const argv = ['-c', script, 'need', nextKernel, updateProbe];
    const { stdout, stderr } = await promisify(execFile)('sh', argv, {
      env: { PATH: `${join(root, 'bin')}:/usr/bin:/bin` },
    });
    return parseNeed({ exit: 0, stdout, stderr }, rules);
  }
});
