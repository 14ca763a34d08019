import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Forecast } from '../../src/domain/forecast.ts';
import { fleetFile } from '../support/fleet-file.ts';
import { openSite, type Site } from '../support/nightshift.ts';

let site: Site;
beforeAll(async () => {
  site = await openSite();
  const fleet = fleetFile({
    name: 'three',
    hypervisors: { hv1: {}, hv2: {}, hv3: { enabled: false, disabledReason: 'disk swap' } },
    servers: { a: {}, b: {} },
  });
  site.write('fleet.json', JSON.stringify(fleet));
  writeFileSync(join(site.dir, 'fleet.json.gz'), gzipSync(JSON.stringify(fleet)));
  site.write(
    'broken.json',
    JSON.stringify({
      ...fleet,
      servers: [
        { ...fleet.servers[0], hypervisor: 'hv9' },
        { id: 'b', hypervisor: 'hv1', vcpus: -1 },
      ],
    }),
  );
});
afterAll(() => site.close());

const WISH = ['--jobs', 'reboot-hypervisors', '--from', '2026-11-23', '--faults', 'none'] as const;

describe('nightshift rehearse', () => {
  it('says when all is done, what it costs, and what is not finished and why', async () => {
    const { exit, out, err } = await site.nightshift('rehearse', '--fleet', 'fleet.json', ...WISH);

    expect(err).toBe('');
    expect(out).toContain(
      'three: 3 hypervisors, 2 servers; from Mon 23 Nov 2026 00:00 UTC; faults: none; seed 1\n' +
        '  reboot-hypervisors  30 22 * * mon-thu (UTC)\n\n' +
        '3 hypervisors need a reboot: 2 done in 1 night, finished on Mon 23 Nov 2026; 1 cannot finish.\n',
    );
    expect(out).toMatch(/\nGiB moved +\d+\n/);
    expect(out).toMatch(/\nhv3 +held: disabled by somebody else: "disk swap"\n/);
    expect(exit).toBe(0);
  });

  it('says of several seeds what half and nine in ten come to', async () => {
    const wish = ['--fleet', 'fleet.json.gz', '--seeds', '2', '--nights', '1', ...WISH];
    const { exit, out } = await site.nightshift('rehearse', ...wish);

    expect(out).toContain('faults: none; seeds 1 to 2\n');
    expect(out).toMatch(/half +nine in ten\n/);
    expect(out).toMatch(/\nseed +finished +nights/);
    expect(exit).toBe(0);
  });

  it('answers a program with every rehearsal, the same for the same seed', async () => {
    const wish = ['rehearse', '--fleet', 'fleet.json', '--seed', '7', '--nights', '1', ...WISH];
    const found = await site.json<Forecast>(...wish);

    expect(found.courses).toMatchObject([{ seed: 7, nights: 1, needed: 3, done: 2 }]);
    expect(await site.json<Forecast>(...wish)).toEqual(found);
  });

  it('shows how far it is on a terminal', async () => {
    const wish = ['rehearse', '--fleet', 'fleet.json', '--nights', '1', ...WISH];

    expect(await site.onTerminal(...wish)).toContain('night 1: 2 of 3 rebooted');
  });

  it.each<{ what: string; args: string[]; says: RegExp }>([
    {
      what: 'a file with faults, all of them with their places',
      args: ['--fleet', 'broken.json'],
      says: /servers\[1\]\.vcpus: -1[^]*servers\[0\]\.hypervisor: .*hv9/,
    },
    { what: 'a file that is not there', args: ['--fleet', 'none.json'], says: /none\.json/ },
    {
      what: 'a job that there is not',
      args: ['--fleet', 'fleet.json', '--jobs', 'reboot'],
      says: /unknown job/,
    },
    {
      what: 'a day that is none',
      args: ['--fleet', 'fleet.json', '--from', '2026-11-31'],
      says: /It is a day/,
    },
    {
      what: 'a seed beside several',
      args: ['--fleet', 'fleet.json', '--seed', '1', '--seeds', '2'],
      says: /cannot be used with/,
    },
  ])('refuses $what', async ({ args, says }) => {
    const { exit, out, err } = await site.nightshift('rehearse', ...args);

    expect(err).toMatch(says);
    expect(out).toBe('');
    expect(exit).toBe(2);
  });
});
