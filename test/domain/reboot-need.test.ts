import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NEED_PROBE, NEXT_KERNEL, parseNeed } from '../../src/domain/reboot-need.ts';

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

  async function command(name: string, body: string): Promise<void> {
    const file = join(root, 'bin', name);
    await writeFile(file, `#!/bin/sh\n${body}\n`);
    await chmod(file, 0o755);
  }

  /** The real script, its two fixed places moved below `root`. */
  async function probe(nextKernel = NEXT_KERNEL.replaceAll('/boot/', `${root}/`)) {
    const script = NEED_PROBE.replaceAll('/run/', `${root}/`);
    const { stdout, stderr } = await promisify(execFile)('sh', ['-c', script, 'need', nextKernel], {
      env: { PATH: `${join(root, 'bin')}:/usr/bin:/bin` },
    });
    return parseNeed({ exit: 0, stdout, stderr });
  }
});
