/** How guests with wishes, and one that writes faster than it is copied, leave a hypervisor: real clients, real connections. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Clients } from '../../src/context.ts';
import type { Server } from '../../src/domain/fleet.ts';
import type { RunRecord } from '../../src/engine/runs.ts';
import { clientsOver } from '../support/clients.ts';
import { type House, openHouse } from '../support/engine.ts';
import { REBOOT_JOBS } from '../support/reboot-jobs.ts';
import { openTestTwin, type TestTwin } from '../support/twin.ts';

const HV = 'hv01.twin.example';
const ID = 'reboot-hypervisor~20261124T224100Z';

let house: House;
let world: TestTwin;
let run: RunRecord;
let cold: Server;
let stopped: Server;
let busy: Server;
const handback = new Map<string, readonly string[]>();
const written: string[] = [];

beforeAll(async () => {
  house = await openHouse();
  world = await openTestTwin({ hypervisors: 6, servers: 40 });
  const { twin, cloud, hosts } = world;
  const aboard = (await cloud.fleet()).servers.filter(
    ({ hypervisor, status, pinned }) => hypervisor === HV && status === 'ACTIVE' && pinned === undefined,
  );
  [cold, stopped, busy] = aboard as [Server, Server, Server];
  const { servers } = twin.world.state;
  servers[cold.id]!.metadata['nightshift:drain'] = 'cold';
  servers[stopped.id]!.metadata['nightshift:drain'] = 'stop';
  twin.faults.migrations[busy.id] = 'never converges';

  const { engine } = await house.engine<Clients>(REBOOT_JOBS, {
    clients: clientsOver({
      cloud,
      host: (name) => hosts.host(name),
      operators: [],
      handback: {
        write: async (subject, lines) => {
          handback.set(subject, lines);
          written.push(...lines);
        },
        clear: async (subject) => void handback.delete(subject),
      },
    }),
    timings: { leaseMs: 6000, renewMs: 1200, reconcileMs: 1000, graceMs: 30_000 },
  });
  await engine.create({
    job: 'reboot-hypervisor',
    id: ID,
    options: {
      hypervisor: HV,
      pollMs: 10,
      migrateAtLeastSeconds: 30,
      stopWithinSeconds: 10,
      backWithinMinutes: 0.5,
      stalledAfterSeconds: 5,
      allow: { cold: true, stop: true, forceComplete: true },
    },
    trigger: { kind: 'cli', by: 'kim' },
    acting: true,
  });
  await engine.workFamily(ID);
  run = (await engine.runs.get(ID)) as RunRecord;
}, 120_000);

afterAll(async () => {
  await house.close();
  await world.close();
});

it('reboots the hypervisor and gives it back', () => {
  expect(run.notes.find(({ subject }) => subject === `hypervisor ${HV}`)?.verdict).toBe('done');
  expect(handback).toEqual(new Map());
});

it('has migrated cold, and confirmed, who wished that', async () => {
  const server = await world.cloud.server(cold.id);

  expect(server).toMatchObject({ status: 'ACTIVE' });
  expect(server?.hypervisor).not.toBe(HV);
  expect(await world.cloud.migrations(cold.id)).toMatchObject([{ kind: 'migration', status: 'confirmed' }]);
  expect(await world.cloud.allocatedOn(cold.id)).toEqual([server?.hypervisor]);
});

it('has stopped who wished that, and started it again in its place', async () => {
  expect(await world.cloud.server(stopped.id)).toMatchObject({ status: 'ACTIVE', hypervisor: HV });
  expect((await world.cloud.actions(stopped.id)).slice(0, 2)).toMatchObject([
    { action: 'start', ours: true },
    { action: 'stop', ours: true },
  ]);
  expect(written).toContain(`openstack server start ${stopped.id}`);
});

it('has tried two targets for who writes too fast, and then forced it', async () => {
  const migrations = await world.cloud.migrations(busy.id);

  expect(migrations.map(({ status }) => status)).toEqual(['completed', 'cancelled']);
  expect(migrations[0]?.to).not.toBe(migrations[1]?.to);
  expect(await world.cloud.server(busy.id)).toMatchObject({
    status: 'ACTIVE',
    hypervisor: migrations[0]?.to,
  });
});
