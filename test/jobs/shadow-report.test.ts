import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import shadowReport from '../../jobs/shadow-report.ts';
import type { Clients } from '../../src/context.ts';
import type { Json } from '../../src/engine/job.ts';
import { rebootRequest } from '../../src/procedures/reboot.ts';
import { hypervisor, server } from '../support/builders.ts';
import { type House, openHouse, type TestEngine } from '../support/engine.ts';
import { FakeCloud } from '../support/fake-cloud.ts';
import { REBOOT_JOBS } from '../support/reboot-jobs.ts';
import { openProcess, type World, work } from '../support/run-job.ts';

const JOBS = { ...REBOOT_JOBS, 'shadow-report': shadowReport };

let house: House;
let place = 0;
let cloud: FakeCloud;
let world: World;
let process: TestEngine<Clients>;

beforeAll(async () => {
  house = await openHouse();
});
afterAll(() => house.close());

/** All need a reboot; hv3 is somebody else's. */
beforeEach(async () => {
  place += 1;
  cloud = new FakeCloud(
    ['hv1', 'hv2', 'hv3', 'hv4'].map((name) => hypervisor(name)),
    [server('a', 'hv1')],
  );
  cloud.hosts.get('hv3')!.disabled = 'disk swap';
  world = { cloud, handback: new Map(), armed: false };
  process = await openProcess(house, JOBS, world, { place: `shadow-${place}` });
});

async function run(
  job: string,
  id: string,
  asked: { options?: Record<string, Json>; kind?: 'cron' | 'cli'; acting?: boolean } = {},
) {
  const { options = {}, kind = 'cli', acting = false } = asked;
  const made = await process.engine.create({ job, id, options, trigger: { kind }, acting });
  const { outcome, run } = await work(process, made);
  expect(outcome).toBe('succeeded');
  return run;
}

const night = (n: number, options: Record<string, Json> = {}) =>
  run('reboot-hypervisors', `reboot-hypervisors~2026112${n}T223000Z`, {
    options: { limit: 1, ...options },
    kind: 'cron',
  });
const report = async (n: number, options: Record<string, Json> = {}) => {
  const { report, result } = await run('shadow-report', `shadow-report~${n}`, { options });
  return { headline: report?.headline, lines: report?.lines ?? [], result };
};

async function operatorsReboot(name: string): Promise<void> {
  const host = cloud.hosts.get(name)!;
  const before = host.reboots;
  await expect(host.run(rebootRequest(`${name}-boot-1`, 'reboot'), { timeoutMs: 1000 })).rejects.toThrow(
    'connection closed',
  );
  expect(host.reboots).toBe(before + 1);
  while (host.kernel !== host.next) cloud.tick();
}

it('compares the nights of a campaign that is not armed with what was rebooted since', async () => {
  await night(4);
  await operatorsReboot('hv2');
  await operatorsReboot('hv3');
  await night(5);

  const { headline, lines, result } = await report(1);

  expect(headline).toMatch(/^2 nights since .*: 33 % agreed, 1 of 3; 1 not judged yet\.$/);
  expect(lines.map((line) => line.replace(/(; |, )?(ours|theirs) .*/, ''))).toEqual([
    'only they rebooted  1',
    '  hv3  disabled by somebody else: "disk swap"',
    'only we would have rebooted  1',
    expect.stringMatching(/^ {2}hv4 {2}6\.1\.0-18 runs, 6\.1\.0-28 boots next$/),
    'rebooted by them, as we would have  1',
    expect.stringMatching(/^ {2}hv2 {2}6\.1\.0-18 runs, 6\.1\.0-28 boots next$/),
    'its turn has not come yet  1',
    '  hv1  it needed a reboot',
    expect.stringMatching(/^after the night on which we would have, they took /),
  ]);
  expect(result).toMatchObject({ nights: 2, agreed: 1, judged: 3 });
  expect(cloud.calls).toEqual(['reboot hv2', 'reboot hv3']);
});

it('looks at nights from a day on', async () => {
  await night(4);

  expect((await report(1, { since: '2000-01-01' })).headline).toMatch(/^1 night since /);
  expect((await report(2, { since: '2100-01-01' })).headline).toMatch(/^No night is recorded/);
});

it('has no night of a campaign that acted, or that a person asked for', async () => {
  await run('reboot-hypervisors', 'reboot-hypervisors~asked');
  world = { ...world, armed: true };
  process = await openProcess(house, JOBS, world, { place: `shadow-${place}` });
  await run('reboot-hypervisors', 'reboot-hypervisors~acted', {
    kind: 'cron',
    acting: true,
    options: { pollMs: 1, limit: 1 },
  });

  expect((await report(1)).headline).toMatch(/^No night is recorded/);
});

it('remembers a night once when its process dies after it was recorded', async () => {
  const options = { place: `shadow-${place}`, leaseMs: 300 };
  let begun = false;
  const first = await openProcess(house, JOBS, world, {
    ...options,
    deathAt: ({ when, script, key }) =>
      begun && when === 'after' && script === 'finish' && key === 'record the night',
  });
  const id = await first.engine.create({
    job: 'reboot-hypervisors',
    id: 'reboot-hypervisors~20261124T223000Z',
    options: {},
    trigger: { kind: 'cron' },
    acting: false,
  });
  begun = true;
  await Promise.race([first.died, first.engine.workFamily(id)]);

  const second = await openProcess(house, JOBS, world, options);
  await expect.poll(async () => (await work(second, id)).run.state, { timeout: 15_000 }).toBe('succeeded');

  expect((await report(1)).result).toMatchObject({ nights: 1 });
});

it('compares up to the last night when the hosts cannot be asked now', async () => {
  await night(4);
  await night(5);
  cloud.fleet = () => Promise.reject(Object.assign(new Error('Nova is away'), { retryable: false }));

  const { headline, lines } = await report(1);

  expect(headline).toMatch(/% agreed/);
  expect(lines.at(-1)).toBe('compared up to the last night only: Nova is away');
});
