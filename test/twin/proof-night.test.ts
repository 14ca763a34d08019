/** Whether hypervisors that come back spoilt are kept out of service, through the real clients and over real connections. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Clients } from '../../src/context.ts';
import type { RunRecord } from '../../src/engine/runs.ts';
import { isOver } from '../../src/engine/runs.ts';
import { clientsOver } from '../support/clients.ts';
import { eventually, type House, openHouse } from '../support/engine.ts';
import { REBOOT_JOBS } from '../support/reboot-jobs.ts';
import { openTestTwin, type TestTwin } from '../support/twin.ts';

const ID = 'reboot-hypervisors~20261124T224100Z';
const [WELL, SHORN, FAILING, STRANGE] = [1, 2, 3, 4].map((n) => `hv0${n}.twin.example`) as [
  string,
  string,
  string,
  string,
];
const OPTIONS = {
  pollMs: 10,
  stopWithinSeconds: 10,
  backWithin: { 'PowerEdge*': 0.1 },
  kernels: ['6.1.0-28-*'],
  maxFailed: 4,
  checks: { boots: 'cat /proc/sys/kernel/random/boot_id' },
  hosts: [WELL, SHORN, FAILING, STRANGE],
};

let house: House;
let world: TestTwin;
let run: RunRecord;

beforeAll(async () => {
  house = await openHouse();
  world = await openTestTwin();
  const { twin, cloud, hosts } = world;
  twin.faults.reboots[SHORN] = 'no devices';
  twin.faults.reboots[FAILING] = 'failed unit';
  for (const hypervisor of Object.values(twin.world.state.hypervisors)) {
    hypervisor.disabled = false;
    hypervisor.boot = { ...hypervisor.boot, kernel: '6.1.0-18-amd64' };
    const last = hypervisor.name === STRANGE ? '6.6.1-custom' : '6.1.0-28-amd64';
    hypervisor.kernels = ['6.1.0-18-amd64', last];
  }
  const { engine } = await house.engine<Clients>(REBOOT_JOBS, {
    clients: clientsOver({
      cloud,
      host: (name) => hosts.host(name),
    }),
    timings: { leaseMs: 6000, renewMs: 1200, reconcileMs: 1000, graceMs: 30_000 },
  });
  const canary = { flavor: 'm1.small', image: twin.world.state.image, timeoutSeconds: 30 };
  const options = { ...OPTIONS, canary };
  const trigger = { kind: 'cli', by: 'kim' } as const;
  await engine.create({ job: 'reboot-hypervisors', id: ID, options, trigger, acting: true });
  run = await eventually('the end of the night', async () => {
    await engine.workFamily(ID);
    const record = await engine.runs.get(ID);
    return record !== undefined && isOver(record.state) && record;
  });
}, 120_000);

afterAll(async () => {
  await house.close();
  await world.close();
});

describe('a night of spoilt reboots on the simulated cloud', () => {
  const outcome = (name: string) => {
    const note = run.notes.find(({ subject }) => subject === `hypervisor ${name}`);
    return note && `${note.verdict}: ${note.why}`;
  };
  const disabled = async (name: string) => (await world.cloud.service(name)).disabled;

  it('gives back what is as it was, after a canary that is gone', async () => {
    expect(outcome(WELL)).toMatch(/^done: rebooted in .*, 6\.1\.0-28-amd64, 13 of 13 checks$/);
    expect(await disabled(WELL)).toBeUndefined();
    expect((await world.cloud.fleet()).servers).toEqual([]);
  });

  it('keeps out what lost its virtual functions', async () => {
    expect(outcome(SHORN)).toBe(
      'needs you: it failed its checks: 0000:3b:00.0 has no virtual functions, it had 8',
    );
    expect(await disabled(SHORN)).toMatch(/^nightshift /);
  });

  it('keeps out what has a unit failed', async () => {
    expect(outcome(FAILING)).toBe(
      'needs you: it failed its checks: 1 unit failed: openvswitch-switch.service',
    );
    expect(await disabled(FAILING)).toMatch(/^nightshift /);
  });

  it('does not touch what would boot a kernel that is not on the list', async () => {
    expect(outcome(STRANGE)).toBe(
      "held: 6.6.1-custom boots next, which is not on the site's list (option kernels)",
    );
    expect(await disabled(STRANGE)).toBeUndefined();
  });
});
