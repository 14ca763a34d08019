import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readSite } from '../../src/rehearse/site.ts';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'ns-site-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function write(text: string): string {
  const file = join(dir, 'nightshift.yaml');
  writeFileSync(file, text);
  return file;
}

it('has the jobs of the example where nothing is configured', async () => {
  const { schedules, clientsOf } = await readSite(write(''), ['reboot-hypervisors']);

  expect(schedules).toMatchObject([
    { job: 'reboot-hypervisors', cron: '30 22 * * mon-thu', options: { limit: 12 }, acting: true },
  ]);
  expect(clientsOf('reboot-hypervisors')).toMatchObject({
    armed: true,
    window: { name: 'nightly', times: { open: '22:00', backBy: '05:00' } },
  });
});

it('has those of the configuration as they are there, and leaves its secrets unread', async () => {
  const file = write(`
timezone: Europe/Paris
redis: { url: env:NOT_THERE }
mail: { smtp: 'smtps://relay.example.org', from: a@example.org, password: 'file:/not/there', user: env:NOT_THERE }
windows: { long: { open: '20:00', startBy: '03:00', backBy: '06:00' } }
jobs:
  reboot-hypervisors: { schedule: '0 21 * * *', window: long, armed: { aggregates: [canary] }, options: { limit: 3 } }
`);
  const { schedules, timezone, clientsOf } = await readSite(file, ['reboot-hypervisors']);

  expect(timezone).toBe('Europe/Paris');
  expect(schedules).toMatchObject([{ cron: '0 21 * * *', zone: 'Europe/Paris', options: { limit: 3 } }]);
  expect(clientsOf('reboot-hypervisors')).toMatchObject({
    armed: { aggregates: ['canary'] },
    window: { name: 'long', zone: 'Europe/Paris' },
  });
});

it('has the options of the configuration and the schedule of the example, where there is none', async () => {
  const file = write('jobs: { reboot-hypervisors: { options: { limit: 3 } } }');

  const { schedules } = await readSite(file, ['reboot-hypervisors']);

  expect(schedules).toMatchObject([{ cron: '30 22 * * mon-thu', options: { limit: 3 } }]);
});

it.each([
  { what: 'a job that there is not', jobs: ['reboot-hypervisr'], says: /reboot-hypervisr: .*did you mean/ },
  {
    what: 'jobs of which nobody knows when they run',
    jobs: ['shadow-report', 'reboot-hypervisor'],
    says: /shadow-report and reboot-hypervisor cannot be rehearsed: nobody knows when/,
  },
])('refuses $what', async ({ jobs, says }) => {
  await expect(readSite(write(''), jobs)).rejects.toThrow(says);
});

it('refuses a configuration that is wrong about jobs, with the line', async () => {
  const file = write('jobs:\n  reboot-hypervisors: { schedule: never, options: { limt: 3 } }\n');

  await expect(readSite(file, ['reboot-hypervisors'])).rejects.toThrow(
    /line 2 .*schedule[^]*line 2 .*limt[^]*2 faults/,
  );
});
