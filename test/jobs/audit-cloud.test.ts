import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import auditCloud from '../../jobs/audit-cloud.ts';
import type { Clients } from '../../src/context.ts';
import type { Json } from '../../src/engine/job.ts';
import { isOver } from '../../src/engine/runs.ts';
import { group, hypervisor, server } from '../support/builders.ts';
import { type DeathPoint, eventually, type House, openHouse, type TestEngine } from '../support/engine.ts';
import { FakeCloud } from '../support/fake-cloud.ts';
import { REBOOT_JOBS } from '../support/reboot-jobs.ts';
import { openProcess, type World, work } from '../support/run-job.ts';

const JOBS = { 'audit-cloud': auditCloud, ...REBOOT_JOBS };
const DAY_SECONDS = 86_400;

let house: House;
let place = 0;
let cloud: FakeCloud;
let world: World;
let audits = 0;

beforeAll(async () => {
  house = await openHouse();
});
afterAll(() => house.close());

/** Two hypervisors with the newest kernel, one of them with a guest. */
beforeEach(() => {
  place += 1;
  audits = 0;
  cloud = new FakeCloud(
    ['hv1', 'hv2'].map((name) => hypervisor(name)),
    [server('a', 'hv1')],
  );
  for (const host of cloud.hosts.values()) host.kernel = host.next;
  world = { cloud, handback: new Map(), armed: false };
});

const open = (deathAt?: (point: DeathPoint) => boolean) =>
  openProcess(house, JOBS, world, {
    place: `audit-${place}`,
    ...(deathAt ? { leaseMs: 300, deathAt } : {}),
  });

function create({ engine }: TestEngine<Clients>, options: Record<string, Json> = {}): Promise<string> {
  audits += 1;
  const trigger = { kind: 'cli', by: 'kim' } as const;
  return engine.create({ job: 'audit-cloud', id: `audit-cloud~${audits}`, options, trigger, acting: false });
}

async function audit(options: Record<string, Json> = {}) {
  const process = await open();
  const { outcome, run } = await work(process, await create(process, options));
  await process.engine.sendMails();
  expect(outcome).toBe('succeeded');
  const { headline, lines = [] } = run.report ?? { headline: '' };
  return { headline, lines, result: run.result };
}

/** Mails of this test's own installation. */
function mails() {
  return house.sent.filter(({ messageId }) => messageId.endsWith(`@audit-${place}>`));
}

describe('an audit', () => {
  it('finds nothing on a cloud at its best, and changes nothing', async () => {
    const { headline, lines } = await audit();

    expect(headline).toBe('Nothing found on 2 hypervisors with 1 server.');
    expect(lines).toEqual([]);
    expect(cloud.calls).toEqual([]);
  });

  it.each<[string, () => void, RegExp]>([
    [
      'an allocation of nobody',
      () => cloud.allocations.set('c0ffee', { on: 'hv1', size: { vcpus: 2, ramMb: 1, diskGb: 1 } }),
      /1 orphan allocation\n {2}c0ffee on hv1 {2}Placement books 2 VCPU for c0ffee, which is neither a server nor an open migration {2}\[new\]\n.*\n {4}repair: {2}openstack resource provider allocation delete c0ffee$/,
    ],
    [
      'an allocation that a server left behind',
      () => {
        cloud.servers.get('a')!.hypervisor = 'hv2';
      },
      /a on hv1 {2}Placement books 2 VCPU for a a…, which is on hv2 and is not being moved/,
    ],
    [
      'a server in ERROR',
      () => {
        cloud.servers.get('a')!.status = 'ERROR';
      },
      /^1 server in ERROR\n {2}a a… {2}it is on hv1/,
    ],
    [
      'a hypervisor that somebody disabled',
      () => {
        cloud.hosts.get('hv2')!.disabled = 'disk swap';
      },
      /^1 hypervisor disabled\n {2}hv2 {2}disabled by somebody else: "disk swap"/,
    ],
    [
      'a host that does not answer',
      () => {
        cloud.hosts.get('hv2')!.fault = 'unreachable';
      },
      /^1 hypervisor whose next kernel is unclear\n {2}hv2 {2}hv2 did not answer over SSH/,
    ],
    [
      'guests that have no place anywhere',
      () => {
        cloud.add(server('b', 'hv2'));
        cloud.groups.push(group('db', ['a', 'b']));
      },
      /^2 hypervisors that can never be emptied\n {2}hv1 {2}also with every other hypervisor up and enabled: server group db/,
    ],
    [
      'servers that cannot move',
      () => {
        cloud.add(server('gpu', 'hv2', { pinned: 'PCI device of class gpu' }));
      },
      /^1 hypervisor with servers that cannot move\n {2}hv2 {2}1 server can leave only by ending: gpu gpu…/,
    ],
    [
      'servers that Nova cannot see',
      () => {
        cloud.cellDown.set('hv1', 'unknown');
      },
      /^1 cell that is down\n {2}a cell {2}Nova cannot see 1 server[^]*\nnot looked for {2}servers in ERROR, /,
    ],
  ])('tells of %s', async (_, arrange, words) => {
    arrange();

    const { lines } = await audit();

    expect(lines.join('\n')).toMatch(words);
    expect(cloud.calls).toEqual([]);
  });

  it('leaves alone what is on its way, and what waits for its owner since today', async () => {
    await cloud.liveMigrate('a');
    cloud.leaveResize(server('r', 'hv1'), 'hv2');

    const { headline } = await audit();

    expect(headline).toBe('Nothing found on 2 hypervisors with 2 servers.');
  });

  it('tells of a resize once it has waited for a day', async () => {
    cloud.leaveResize(server('r', 'hv1'), 'hv2');
    for (let second = 0; second < DAY_SECONDS; second += 1) cloud.tick();

    const { lines } = await audit({ askHosts: false });

    expect(lines.slice(0, 3).join('\n')).toMatch(
      /^1 resize that nobody confirms\n {2}r r… .* \[since Tue 24 Nov 2026 22:41 UTC, new\]\n {4}repair: {2}openstack server resize confirm r$/,
    );
  });

  it('tells of a drain that failed, until the hypervisor could be drained', async () => {
    cloud.hosts.get('hv1')!.kernel = '6.1.0-18';
    cloud.faults.set('a', 'refused');
    world = { ...world, armed: true };
    const reboot = async (n: number) => {
      const process = await open();
      const options = { hypervisor: 'hv1', pollMs: 1, migrateAtLeastSeconds: 20, stopWithinSeconds: 20 };
      const trigger = { kind: 'cli', by: 'kim' } as const;
      const wanted = {
        job: 'reboot-hypervisor',
        id: `reboot-hypervisor~${n}`,
        options,
        trigger,
        acting: true,
      };
      await work(process, await process.engine.create(wanted));
    };

    await reboot(1);
    const failed = await audit();
    cloud.faults.clear();
    await reboot(2);
    const done = await audit();

    expect(failed.lines.slice(0, 3).join('\n')).toMatch(
      /^1 hypervisor that could not be drained\n {2}hv1 {2}.*a.*\[since .*, new\]\n {4}look: {4}nightshift show reboot-hypervisor~1$/,
    );
    expect(done.lines.at(-1)).toBe(
      'gone since the last audit  1: hv1 (hypervisor that could not be drained)',
    );
  });

  it('says of the rest nothing when a cell is silent, and forgets nothing of it', async () => {
    cloud.servers.get('a')!.status = 'ERROR';
    await audit();
    const fleet = cloud.fleet.bind(cloud);
    cloud.fleet = () =>
      Promise.reject(
        Object.assign(new Error('no answer from a cell'), { retryable: true, silentHosts: ['cmp1', 'cmp2'] }),
      );

    const silent = await audit();
    cloud.fleet = fleet;
    const after = await audit();

    expect(silent.headline).toBe('1 finding: 1 new.');
    expect(silent.lines[1]).toMatch(/Nova gets no answer from a cell with 2 hosts: cmp1 and cmp2/);
    expect(after.headline).toBe('1 finding on 2 hypervisors with 1 server: 1 gone.');
    expect(after.lines[1]).toMatch(/\[seen since /);
  });

  it('does not ask the hosts when it is told not to, and says so', async () => {
    cloud.hosts.get('hv2')!.fault = 'unreachable';

    const { lines } = await audit({ askHosts: false });

    expect(lines).toEqual([
      'not looked for  hypervisors whose next kernel is unclear: no host was asked (askHosts=false)',
    ]);
  });

  it('says once what all hosts have in common', async () => {
    for (const host of cloud.hosts.values()) host.fault = 'unreachable';

    const { headline, lines } = await audit();

    expect(headline).toBe('Nothing found on 2 hypervisors with 1 server.');
    expect(lines).toEqual([
      expect.stringMatching(
        /^not looked for {2}hypervisors .*: no host could tell: hv1 did not answer over SSH/,
      ),
    ]);
  });

  it('answers a program with what it found', async () => {
    cloud.servers.get('a')!.status = 'ERROR';

    const { result } = await audit();

    expect(result).toMatchObject({
      hypervisors: 2,
      servers: 1,
      findings: [{ kind: 'error', id: 'a', isNew: true, firstSeen: true }],
      gone: [],
      left: 0,
    });
  });
});

describe('audits one after the other', () => {
  it('tell since when a fault is known, and when it is gone', async () => {
    cloud.hosts.get('hv2')!.disabled = 'disk swap';
    const first = await audit();
    cloud.servers.get('a')!.status = 'ERROR';
    const second = await audit();
    cloud.hosts.get('hv2')!.disabled = undefined;
    const third = await audit();
    const fourth = await audit();

    expect(first.headline).toMatch(/: 1 new\.$/);
    expect(second.headline).toMatch(/^2 findings .*: 1 new\.$/);
    expect(second.lines.join('\n')).toMatch(/hv2 .*\[seen since [^\]]+\]/);
    expect(third.headline).toMatch(/^1 finding .*: 1 gone\.$/);
    expect(third.lines.at(-1)).toBe('gone since the last audit  1: hv2 (hypervisor disabled)');
    expect(fourth.headline).toMatch(/: as in the last audit\.$/);
  });

  it('mail operators only what they asked for, and only when something changed', async () => {
    cloud.servers.get('a')!.status = 'ERROR';
    await audit();
    const unasked = mails().length;
    cloud.hosts.get('hv2')!.disabled = 'disk swap';
    await audit({ mail: true });
    await audit({ mail: true });

    expect(unasked).toBe(0);
    expect(mails().map(({ subject }) => subject)).toEqual([
      expect.stringMatching(/^\[nightshift\] .*: audit, 1 new finding$/),
    ]);
  });
});

it('tells the same when its process dies at any boundary of the journal', async () => {
  const boundaries: string[] = [];
  const auditDying = async (at: number) => {
    place += 1;
    cloud = new FakeCloud([hypervisor('hv1'), hypervisor('hv2')], [server('a', 'hv1', { status: 'ERROR' })]);
    world = { ...world, cloud };
    let seen = 0;
    let begun = false;
    const first = await open((point) => {
      if (!begun || !['claim', 'begin', 'finish', 'tell', 'end'].includes(point.script)) return false;
      if (at < 0) boundaries.push(point.script);
      seen += 1;
      return seen - 1 === at;
    });
    audits = 0;
    const id = await create(first, { mail: true });
    begun = true;
    await Promise.race([first.died, first.engine.workFamily(id)]);
    const second = await open(() => false);
    const run = await eventually('the end of the audit', async () => {
      const { run } = await work(second, id);
      return isOver(run.state) && run;
    });
    await second.engine.sendMails();
    return {
      headline: run.report?.headline,
      lines: run.report?.lines?.map((line) => line.replaceAll(/\d{4}-.*Z/g, 'then')),
      mails: mails().length,
    };
  };

  const whole = await auditDying(-1);
  const others: object[] = [];
  for (const at of boundaries.keys()) {
    const other = await auditDying(at);
    if (JSON.stringify(other) !== JSON.stringify(whole)) others.push({ boundary: boundaries[at], other });
  }

  expect(boundaries.length).toBeGreaterThan(8);
  expect(whole.mails).toBe(1);
  expect(others).toEqual([]);
}, 60_000);
