/** Whether an audit finds each kind of fault on the simulated cloud, through the real clients and over real connections. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import auditCloud from '../../jobs/audit-cloud.ts';
import type { Clients } from '../../src/context.ts';
import type { RunRecord } from '../../src/engine/runs.ts';
import { machineOf } from '../../src/twin/machine.ts';
import { clientsOver } from '../support/clients.ts';
import { eventually, type House, openHouse, type TestEngine } from '../support/engine.ts';
import { openTestTwin, type TestTwin } from '../support/twin.ts';

const DAY_MS = 86_400_000;
const NOBODY = '0badc0de-0000-4000-8000-000000000000';

let house: House;
let world: TestTwin;
let process: TestEngine<Clients>;
let audits = 0;

beforeAll(async () => {
  house = await openHouse();
  world = await openTestTwin({ hypervisors: 8, servers: 40 });
  const { cloud, hosts } = world;
  process = await house.engine<Clients>(
    { 'audit-cloud': auditCloud },
    {
      clients: clientsOver({
        cloud,
        host: (name) => hosts.host(name),
        armed: false,
      }),
      timings: { leaseMs: 6000, renewMs: 1200, reconcileMs: 1000, graceMs: 30_000 },
    },
  );
}, 60_000);

afterAll(async () => {
  await house.close();
  await world.close();
});

async function audit(): Promise<RunRecord> {
  audits += 1;
  const id = `audit-cloud~${audits}`;
  const trigger = { kind: 'cli', by: 'kim' } as const;
  const { engine } = process;
  await engine.create({ job: 'audit-cloud', id, options: {}, trigger, acting: false });
  await engine.workFamily(id);
  return (await engine.runs.get(id)) as RunRecord;
}

function found(run: RunRecord): string[] {
  const { findings } = run.result as { findings: { kind: string; subject: string }[] };
  return findings.map(({ kind, subject }) => `${kind}: ${subject}`);
}

it('finds what was seeded, and once it is repaired that it is gone', async () => {
  const { twin, cloud } = world;
  const { state } = twin.world;
  const before = found(await audit());
  const servers = Object.values(state.servers);
  const broken = servers.find(({ host, vmState }) => host === 'hv01' && vmState === 'active')!;
  const resized = servers.find(
    ({ host, vmState, flavor }) => host === 'hv02' && vmState === 'active' && flavor !== 'g1.gpu',
  )!;
  broken.vmState = 'error';
  twin.world.book(NOBODY, { host: 'hv03', vcpus: 2, ramMb: 2048, diskGb: 10 });
  await cloud.coldMigrate(resized.id);
  const resize = await eventually('the resize to wait for its owner', async () =>
    state.migrations.find(({ server, status }) => server === resized.id && status === 'finished'),
  );
  // By our clock, which is not the twin's.
  resize.updatedAt = Date.now() - 2 * DAY_MS;
  const kernels = state.hypervisors['hv04']!.kernels;
  state.hypervisors['hv04']!.kernels = [];
  const hv05 = machineOf(twin.world, state.hypervisors['hv05']!);
  hv05.stop('nova-compute');
  await eventually('Nova to notice', async () => !(await cloud.service('hv05.twin.example')).up);

  const seeded = await audit();

  const name = ({ name, id }: { name: string; id: string }) => `${name} ${id.slice(0, 4)}…`;
  expect(found(seeded).filter((each) => !before.includes(each))).toEqual([
    `error: ${name(broken)}`,
    `orphan: ${NOBODY} on hv03.twin.example`,
    `resize: ${name(resized)}`,
    'down: hv05.twin.example',
    'kernel: hv04.twin.example',
  ]);
  expect(before).toEqual([
    'disabled: hv08.twin.example',
    'pinned: hv07.twin.example',
    'pinned: hv08.twin.example',
  ]);

  broken.vmState = 'active';
  twin.world.unbook(NOBODY);
  await cloud.confirmResize(resized.id);
  state.hypervisors['hv04']!.kernels = kernels;
  hv05.start('nova-compute');
  await eventually('Nova to notice', async () => (await cloud.service('hv05.twin.example')).up);
  await eventually(
    'the resize to be confirmed',
    async () => (await cloud.server(resized.id))?.status === 'ACTIVE',
  );

  const repaired = await audit();

  expect(found(repaired)).toEqual(before);
  expect(repaired.report?.headline).toMatch(/: 5 gone\.$/);
}, 60_000);

it('tells of a cell that is down, and takes nothing else for gone', async () => {
  const { twin } = world;
  twin.faults.cells['cell1'] = 'refused';

  const blind = await audit();
  delete twin.faults.cells['cell1'];
  const seeing = await audit();

  expect(blind.state).toBe('succeeded');
  expect(found(blind)).toEqual(['cell down: a cell']);
  expect(blind.report?.headline).toBe('1 finding: 1 new.');
  expect(seeing.report?.headline).toMatch(/: 1 gone\.$/);
}, 60_000);

it('fails, and says why, when the cloud cannot be asked at all', async () => {
  const { twin } = world;
  twin.faults.api.push({ service: 'compute', answer: 403 });

  const run = await audit();
  twin.faults.api.pop();

  expect(run.state).toBe('failed');
  expect(run.error).toMatch(/Nova: .*403/);
}, 60_000);
