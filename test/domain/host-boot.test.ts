import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { BOOT_PROBE, parseBoot } from '../../src/domain/host-boot.ts';

it.each<[string, string, object | undefined]>([
  [
    'all of it',
    'running=6.1.0-18\nboot=b1\nbooted=1763760000\n',
    { bootId: 'b1', running: '6.1.0-18', bootedAt: '2025-11-21T21:20:00.000Z' },
  ],
  ['no time', 'running=6.1.0-18\nboot=b1\nbooted=\n', { bootId: 'b1', running: '6.1.0-18' }],
  ['a time that is none', 'running=6.1.0-18\nboot=b1\nbooted=soon\n', { bootId: 'b1', running: '6.1.0-18' }],
  ['no boot', 'running=6.1.0-18\nboot=\nbooted=1763760000\n', undefined],
])('reads of a host that tells %s', (_, stdout, boot) => {
  expect(parseBoot({ exit: 0, stdout, stderr: '' })).toEqual(boot);
});

it.skipIf(!existsSync('/proc/stat'))('asks a real host for its boot and when that was', async () => {
  const { stdout, stderr } = await promisify(execFile)('sh', ['-c', BOOT_PROBE]);

  const boot = parseBoot({ exit: 0, stdout, stderr });

  expect(stderr).toBe('');
  expect(Date.parse(boot?.bootedAt ?? '')).toBeLessThan(Date.now());
});
