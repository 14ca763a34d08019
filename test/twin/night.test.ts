/** Whether a night of reboots goes well on the simulated cloud, through the real clients and over real connections. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Clients } from '../../src/context.ts';
import type { Fleet } from '../../src/domain/fleet.ts';
import type { RunRecord } from '../../src/engine/runs.ts';
import { clientsOver } from '../support/clients.ts';
import { type House, openHouse } from '../support/engine.ts';
import { REBOOT_JOBS } from '../support/reboot-jobs.ts';
import { openTestTwin, type TestTwin } from '../support/twin.ts';

const QUICK = { pollMs: 10, migrateAtLeastSeconds: 30, stopWithinSeconds: 10, backWithinMinutes: 0.5 };
const OLD = '6.1.0-18-amd64';
const NEW = '6.1.0-28-amd64';

let house: House;
let world: TestTwin;
let before: Fleet;
let run: RunRecord;
let mostOut = 0;

beforeAll(async () => {
  house = await openHouse();
  world = await openTestTwin({ hypervisors: 8, servers: 40 });
  before = await world.cloud.fleet();
  const { twin, cloud, hosts } = world;
  const hypervisors = Object.values(twin.world.state.hypervisors);
  twin.faults.reboots['hv02.twin.example'] = 'old kernel';
  twin.world.watch(() => {
    const out = hypervisors.filter(({ disabledReason }) => disabledReason?.startsWith('nightshift'));
    mostOut = Math.max(
      mostOut,
      out.filter(({ power, agent }) => power !== 'on' || agent.since === null).length,
    );
  });
  const { engine } = await house.engine<Clients>(REBOOT_JOBS, {
    clients: clientsOver({
      cloud,
      host: (name) => hosts.host(name),
    }),
    timings: { leaseMs: 6000, renewMs: 1200, reconcileMs: 1000, graceMs: 30_000 },
  });
  const id = 'reboot-hypervisors~20261124T224100Z';
  const options = { ...QUICK, limit: 8, maxFailed: 1 };
  await engine.create({
    job: 'reboot-hypervisors',
    id,
    options,
    trigger: { kind: 'cli', by: 'kim' },
    acting: true,
  });
  await engine.workFamily(id);
  run = (await engine.runs.get(id)) as RunRecord;
}, 120_000);

afterAll(async () => {
  await house.close();
  await world.close();
});

describe('a night on the simulated cloud', () => {
  const kernels = () =>
    Object.values(world.twin.world.state.hypervisors).map(({ name, boot }) => `${name} ${boot.kernel}`);

  it('says of each hypervisor what became of it', () => {
    expect(run.report?.headline).toBe('6 needed a reboot: 3 done, 1 waits, 1 held, 1 needs you.');
    expect(run.notes.map(({ subject, verdict }) => `${subject} ${verdict}`).toSorted()).toEqual([
      'hypervisor hv01.twin.example done',
      'hypervisor hv02.twin.example needs you',
      'hypervisor hv03.twin.example done',
      'hypervisor hv06.twin.example done',
      'hypervisor hv07.twin.example waits',
      'hypervisor hv08.twin.example held',
    ]);
  });

  it('reboots into the new kernel, but for the one that came back on its old one', () => {
    expect(kernels().filter((line) => line.endsWith(NEW))).toEqual([
      `hv01.twin.example ${NEW}`,
      `hv03.twin.example ${NEW}`,
      `hv06.twin.example ${NEW}`,
    ]);
    expect(kernels()[1]).toBe(`hv02.twin.example ${OLD}`);
  });

  it('takes down one hypervisor at a time', () => {
    expect(mostOut).toBe(1);
  });

  it('stops no server', async () => {
    const after = await world.cloud.fleet();
    const states = ({ servers }: Fleet) => servers.map(({ id, status }) => `${id} ${status}`);

    expect(states(after)).toEqual(states(before));
    expect(after.servers.map(({ hypervisor }) => hypervisor)).not.toEqual(
      before.servers.map(({ hypervisor }) => hypervisor),
    );
  });

  it('leaves disabled what came back wrong and what is somebody else’s, and nothing else', async () => {
    const { hypervisors } = await world.cloud.fleet();

    expect(
      hypervisors.flatMap(({ name, disabled }) => (disabled === undefined ? [] : [[name, disabled]])),
    ).toEqual([
      [
        'hv02.twin.example',
        expect.stringMatching(/^nightshift reboot-hypervisors~20261124T224100Z~hv02\.twin\.example: /),
      ],
      [
        'hv07.twin.example',
        'nightshift reboot-hypervisors~20261124T224100Z~hv07.twin.example: reboot for a new kernel',
      ],
      ['hv08.twin.example', 'disk swap, ask Kim'],
    ]);
  });
});
