/** Whether hypervisors of a real OpenStack are emptied, kept for the campaign, and rebooted by it without a move. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cloud, createGroup, createServers, disabled, standing } from './support/cloud.ts';
import {
  bootIdOf,
  domainsOn,
  HYPERVISORS,
  kernelOf,
  NEW_KERNEL,
  resetLab,
  setMigrations,
} from './support/lab.ts';
import { type Said, Site } from './support/site.ts';
import { watch } from './support/watch.ts';

const [HV01, HV02, HV03, HV04, HV05] = HYPERVISORS;
const ALL = [...HYPERVISORS];
const GO = ['run', 'defragment-hypervisors', '--go', '--option', 'keepEmpty=0'];
const RESERVED =
  /^nightshift defragment-hypervisors~\S+: reserved for reboot-hypervisors until \d\d:\d\d UTC$/;

/** By the API alone: no server that is not stopped, nothing booked but for those, no migration. */
async function emptyOnes(): Promise<string[]> {
  const seen = await Promise.all(ALL.map((name) => cloud.occupancy(name)));
  return seen.flatMap(({ hypervisor, servers, allocations, migrations }) =>
    servers.every(({ status }) => status === 'SHUTOFF') &&
    allocations.every(({ consumer }) => servers.some(({ id }) => id === consumer)) &&
    migrations.length === 0
      ? [hypervisor]
      : [],
  );
}

describe('five hypervisors, with a server on each', () => {
  let site: Site;
  let servers: Record<'web-1' | 'web-2' | 'asleep' | 'db-1' | 'db-2' | 'batch' | 'heavy' | 'gpu', string>;
  let night: Said;
  beforeAll(async () => {
    resetLab();
    const group = await createGroup('quorum');
    servers = await createServers({
      'web-1': { on: HV01 },
      asleep: { on: HV01, is: 'SHUTOFF' },
      'web-2': { on: HV02 },
      'db-1': { on: HV02, group },
      'db-2': { on: HV04, group },
      batch: { on: HV03 },
      heavy: { on: HV04 },
      gpu: { on: HV05, flavor: 'g1.gpu' },
    });
    setMigrations({ [servers.batch]: 'fail' });
    site = new Site();
  });
  afterAll(() => site.close());

  it('are left as they are by a dry run, which says what it would do', async () => {
    const before = await standing();

    const { exit, out } = await site.nightshift('run', 'defragment-hypervisors', '--option', 'keepEmpty=0');

    expect(exit).toBe(0);
    expect(out).toContain('Dry run: nothing is changed (to act: --go).');
    expect(out).toMatch(/\d+ moves? to empty \d hypervisors? \(\d is the most possible\)\./);
    expect(await standing()).toEqual(before);
    expect(await disabled()).toEqual({});
  });

  it('are emptied but for those that a server holds which cannot move, or does not', async () => {
    night = await site.nightshift(...GO);

    expect(night).toMatchObject({ exit: 0, err: '' });
    const empty = await emptyOnes();
    expect(empty.length).toBeGreaterThanOrEqual(2);
    expect(empty).toContain(HV01);
    expect(empty).not.toContain(HV03);
    expect(empty).not.toContain(HV05);
    expect(night.out).toContain(`${empty.length} hypervisors emptied`);
    for (const name of empty) expect(domainsOn(name).running).toEqual([]);
  });

  it('have lost no server, and its members of a group never share a hypervisor', async () => {
    const { asleep, ...others } = await standing();

    expect(asleep).toBe(`SHUTOFF on ${HV01}`);
    expect(Object.values(others).map((said) => said.split(' ')[0])).toEqual(Array(7).fill('ACTIVE'));
    expect(others['db-1']).not.toBe(others['db-2']);
    expect(others['batch']).toBe(`ACTIVE on ${HV03}`);
    expect((await cloud.migrations(servers.batch)).map(({ status }) => status)).toEqual(['failed']);
    expect(await cloud.migrations(servers.gpu)).toEqual([]);
    expect(night.out).toMatch(/^stays +batch \w{4}… did not leave /m);
  });

  it('stay disabled where they are empty, and say for whom and until when', async () => {
    const out = await disabled();

    expect(Object.keys(out).toSorted()).toEqual((await emptyOnes()).map((name) => name.split('.')[0]));
    for (const reason of Object.values(out)) expect(reason).toMatch(RESERVED);
    expect(site.handback()).toHaveLength(Object.keys(out).length);
  });

  it('are moved no further by another run', async () => {
    const before = await standing();

    const { exit } = await site.nightshift(...GO);

    expect(exit).toBe(0);
    expect(await standing()).toEqual(before);
  });

  it('are rebooted by the campaign, those that stand empty first and without a move', async () => {
    const empty = await emptyOnes();
    const before = await standing();
    const boots = empty.map(bootIdOf);
    const watching = await watch();

    const hosts = `hosts=${empty.join(',')}`;
    const said = await site.nightshift('run', 'reboot-hypervisors', '--go', '--option', hosts);

    const { rebooted, cutOff } = await watching.stop();
    expect(said).toMatchObject({ exit: 0, err: '' });
    expect(said.out).toContain(`${empty.length} done`);
    expect(rebooted.toSorted()).toEqual(empty);
    expect(empty.map(bootIdOf).filter((boot) => boots.includes(boot))).toEqual([]);
    expect(empty.map(kernelOf)).toEqual(empty.map(() => NEW_KERNEL));
    expect(await standing()).toEqual(before);
    expect(await disabled()).toEqual({});
    expect(site.handback()).toEqual([]);
    expect(cutOff).toEqual([]);
  });
});
