/** Whether nights in the shadow see on the simulated cloud what operators reboot, and when, over real connections. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import shadowReport from '../../jobs/shadow-report.ts';
import type { Clients } from '../../src/context.ts';
import { sayInstant } from '../../src/domain/say.ts';
import type { RunRecord } from '../../src/engine/runs.ts';
import { machineOf } from '../../src/twin/machine.ts';
import { clientsOver } from '../support/clients.ts';
import { eventually, type House, openHouse, type TestEngine } from '../support/engine.ts';
import { REBOOT_JOBS } from '../support/reboot-jobs.ts';
import { fastClock, openTestTwin, type TestTwin } from '../support/twin.ts';

let house: House;
let world: TestTwin;
let process: TestEngine<Clients>;

beforeAll(async () => {
  house = await openHouse();
  // On one clock, so that it can be told when a host booted.
  const clock = fastClock();
  world = await openTestTwin({
    hypervisors: 8,
    servers: 40,
    clock,
  });
  const { cloud, hosts } = world;
  process = await house.engine<Clients>(
    { ...REBOOT_JOBS, 'shadow-report': shadowReport },
    {
      clients: clientsOver({
        cloud,
        host: (name) => hosts.host(name),
        operators: [],
        armed: false,
      }),
      clock: { now: () => new Date(clock.now()), realMs: (ms) => ms / 100 },
      timings: { leaseMs: 6000, renewMs: 1200, reconcileMs: 1000, graceMs: 30_000 },
    },
  );
}, 60_000);

afterAll(async () => {
  await house.close();
  await world.close();
});

async function run(job: string, id: string, kind: 'cron' | 'cli'): Promise<RunRecord> {
  const { engine } = process;
  await engine.create({ job, id, options: {}, trigger: { kind }, acting: false });
  await engine.workFamily(id);
  const run = (await engine.runs.get(id)) as RunRecord;
  expect(run.state).toBe('succeeded');
  return run;
}

it('tells what they rebooted and when, and what we held and why', async () => {
  const { world: cloud } = world.twin;
  const before = JSON.stringify(
    Object.values(cloud.state.hypervisors).map(({ disabled, boots }) => [disabled, boots]),
  );
  await run('reboot-hypervisors', 'reboot-hypervisors~20261124T223000Z', 'cron');
  const after = JSON.stringify(
    Object.values(cloud.state.hypervisors).map(({ disabled, boots }) => [disabled, boots]),
  );
  const theirs = ['hv01', 'hv08'].map((host) => cloud.state.hypervisors[host]!);
  const night = cloud.now;
  await eventually('a minute after the night', async () => cloud.now > night + 60_000);
  for (const hypervisor of theirs) machineOf(cloud, hypervisor).reboot();
  await eventually('both to be back', async () =>
    theirs.every(({ power, boots }) => power === 'on' && boots === 1),
  );

  const { report } = await run('shadow-report', 'shadow-report~1', 'cli');

  expect(after).toBe(before);
  const [ours, held] = theirs.map(({ boot }) => sayInstant(new Date(boot.at), 'UTC'));
  const text = report?.lines?.join('\n');
  expect(text).toMatch(
    new RegExp(
      `only they rebooted {2}1\\n {2}hv08\\.twin\\.example {2}disabled by somebody else: "disk swap, ask Kim"; theirs ${held}\\n`,
    ),
  );
  expect(text).toMatch(
    new RegExp(
      `as we would have {2}1\\n {2}hv01\\.twin\\.example {2}6\\.1\\.0-18-amd64 runs, 6\\.1\\.0-28-amd64 boots next.*; ours .*; theirs ${ours}; `,
    ),
  );
}, 60_000);
