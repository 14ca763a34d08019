import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openSite, type Site } from '../support/nightshift.ts';

let site: Site;
beforeAll(async () => {
  site = await openSite();
});
afterAll(() => site.close());

it('without faults is said to have none', async () => {
  const { exit, out } = await site.nightshift('check-config');

  expect(out).toBe(`${join(site.dir, 'nightshift.yaml')}: no faults.\n`);
  expect(exit).toBe(0);
  expect(await site.json('check-config')).toEqual({ file: join(site.dir, 'nightshift.yaml'), faults: [] });
});

it('is told with every fault and its line, whichever command meets it, and nothing is started', async () => {
  site.write(
    'faulty.yaml',
    'dryRun: maybe\nstateDir: elsewhere\njobs:\n  ring-bel: {}\n  reboot-hypervisors: { armed: 3 }\n',
  );

  const [checked, run] = await Promise.all([
    site.nightshift('check-config', '-c', 'faulty.yaml'),
    site.nightshift('-c', 'faulty.yaml', 'run', 'reboot-hypervisors', '--json'),
  ]);

  expect(checked.err.split('\n')).toEqual([
    'faulty.yaml',
    '  line 1  dryRun: "maybe" is neither true nor false',
    '  line 4  jobs.ring-bel: unknown job; there is audit-cloud, defragment-hypervisors, patch-compliance, read-bounces, reboot-hypervisor, reboot-hypervisors, return-reserved, shadow-report',
    '  line 5  jobs.reboot-hypervisors.armed: is true, false, { aggregates: [name, …] } or { projects: [name, …] }',
    '3 faults; nothing was started.',
    '',
  ]);
  expect(checked.exit).toBe(78);
  expect(run.exit).toBe(78);
  expect(JSON.parse(run.out)).toMatchObject({ faults: [{ line: 1 }, { line: 4 }, { line: 5 }] });
});

it('that is no YAML is told with its line', async () => {
  site.write('broken.yaml', 'dryRun: true\nwindows: { nightly: {\n');

  const { exit, err } = await site.nightshift('check-config', '-c', 'broken.yaml');

  expect(err).toMatch(/^broken\.yaml\n {2}line [23] {2}.+\n1 fault; nothing was started\.\n$/);
  expect(exit).toBe(78);
});

it('that was named must be there', async () => {
  const { exit, err } = await site.nightshift('runs', '-c', 'missing.yaml');

  expect(err).toContain('the file does not exist');
  expect(exit).toBe(78);
});

it.each([
  ['does not exist', 'elsewhere', {}, /line 1 {2}jobsDir: \S+elsewhere does not exist/],
  ['holds what is no job', 'odd', { 'odd.ts': 'export default 5;' }, /jobsDir: \S+odd\.ts is no job/],
  [
    'takes the name of one of ours',
    'ours',
    { 'reboot-hypervisors.ts': 'export default { summary: "x", options: {}, run() {} };' },
    /jobsDir: \S+reboot-hypervisors\.ts has the name of a job that comes with Nightshift; give it another/,
  ],
])('is faulty when the folder of the site’s jobs %s', async (_, folder, files, fault) => {
  if (Object.keys(files).length > 0) mkdirSync(join(site.dir, folder));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(site.dir, folder, name), text);
  site.write(`${folder}.yaml`, `jobsDir: ${folder}\n`);

  const { exit, err } = await site.nightshift('check-config', '-c', `${folder}.yaml`);

  expect(err).toMatch(fault);
  expect(exit).toBe(78);
});
