/** Whether other actors are held off between empty and proved, and at no other time. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openAlertmanager } from '../../src/clients/alertmanager.ts';
import { sshHosts } from '../../src/clients/ssh.ts';
import type { Clients } from '../../src/context.ts';
import type { Json } from '../../src/engine/job.ts';
import { hypervisor, server } from '../support/builders.ts';
import { type House, openHouse, type TestEngine } from '../support/engine.ts';
import { FakeCloud } from '../support/fake-cloud.ts';
import { FakeAlertmanager, FakeSite } from '../support/fake-site.ts';
import { HAS_ALERTMANAGER, startAlertmanager } from '../support/monitoring.ts';
import { REBOOT_JOBS } from '../support/reboot-jobs.ts';
import { openProcess, type Worked, type World, work } from '../support/run-job.ts';
import { startSshd } from '../support/sshd.ts';

const ID = 'reboot-hypervisor~20261124T224100Z';
const QUICK = { pollMs: 1, migrateAtLeastSeconds: 20, stopWithinSeconds: 20 };
const KIM = { by: 'kim', why: 'looked at it' };
const NOOUT = {
  name: 'noout',
  on: 'ceph1',
  before: ['flag', 'set', 'noout-{{ hypervisor }}'],
  after: ['flag', 'unset', 'noout-{{ hypervisor }}'],
};
const MASAKARI = {
  name: 'masakari',
  on: 'ceph1',
  before: ['flag', 'set', 'calm'],
  after: ['flag', 'unset', 'calm'],
};
const SILENCES = [{ matchers: { instance: '{{ hypervisor }}(:.*)?' } }];

let house: House;
let place = 0;
let cloud: FakeCloud;
let site: FakeSite;
let manager: FakeAlertmanager;
let world: World;
/** What was held off when something was done to the cloud. */
let seen: string[];

beforeAll(async () => {
  house = await openHouse();
});
afterAll(() => house.close());

beforeEach(() => {
  place += 1;
  cloud = new FakeCloud(
    ['hv1', 'hv2', 'hv3'].map((name) => hypervisor(name)),
    [server('a', 'hv1')],
  );
  for (const name of ['hv2', 'hv3']) cloud.hosts.get(name)!.kernel = '6.1.0-28';
  site = new FakeSite();
  manager = new FakeAlertmanager();
  world = {
    cloud,
    handback: new Map(),
    armed: true,
    site: new Map([['ceph1', site]]),
    monitoring: { alertmanager: manager },
  };
  seen = [];
  cloud.onCall = (call) => seen.push([call, ...site.flags, ...manager.living.map(() => 'silence')].join(' '));
});

const open = () => openProcess(house, REBOOT_JOBS, world, { place: `held-${place}` });

async function create(process: TestEngine<Clients>, options: Record<string, Json>): Promise<string> {
  const trigger = { kind: 'cli', by: 'kim' } as const;
  const all = { hypervisor: 'hv1', ...QUICK, ...options };
  return process.engine.create({ job: 'reboot-hypervisor', id: ID, options: all, trigger, acting: true });
}

async function go(options: Record<string, Json>): Promise<Worked> {
  const process = await open();
  return work(process, await create(process, options));
}

const said = ({ run }: Worked) => {
  const note = run.notes.find(({ subject }) => subject === 'hypervisor hv1');
  return note && `${note.verdict}: ${note.why}`;
};

describe('other actors', () => {
  it('are held off after the drain, and free again before the hypervisor serves', async () => {
    const worked = await go({ silences: SILENCES, holdOff: [NOOUT, MASAKARI] });

    expect(said(worked)).toMatch(/^done: /);
    expect(seen).toEqual([
      'cordon hv1',
      expect.stringMatching(/^migrate a\b[^s]*$/),
      'reboot hv1 noout-hv1 calm silence',
      'uncordon hv1',
    ]);
    expect([...site.flags, ...manager.living]).toEqual([]);
    expect(world.handback).toEqual(new Map());
    expect(
      worked.run.steps
        .map(({ key }) => key)
        .filter((key) => /hold|silence|let go|reboot|prove|cordon/.test(key)),
    ).toEqual([
      'cordon hv1',
      'silence hv1',
      'hold off noout for hv1',
      'hold off masakari for hv1',
      'reboot hv1',
      'prove hv1',
      'let go masakari for hv1',
      'let go noout for hv1',
      'unsilence hv1',
      'uncordon hv1',
    ]);
  });

  it('are silenced for that hypervisor alone, and not for ever', async () => {
    await go({ silences: SILENCES, backWithinMinutes: 20 });

    const [silence] = manager.silences;
    expect(manager.silences).toHaveLength(1);
    expect(silence?.matchers).toEqual({ instance: 'hv1(:.*)?' });
    expect(silence?.mark).toBe(`nightshift ${ID}: hv1 reboots`);
    const minutes = (silence!.until.getTime() - Date.now()) / 60_000;
    expect(minutes).toBeGreaterThan(45);
    expect(minutes).toBeLessThanOrEqual(50);
  });

  it('are listed with the way back, in plain commands, before anything is asked of them', async () => {
    const listed: unknown[] = [];
    const watched = {
      run: (argv: readonly string[]) => {
        listed.push([
          argv[1],
          Object.fromEntries([...world.handback].filter(([subject]) => / for /.test(subject))),
        ]);
        return site.run(argv);
      },
    };
    world = { ...world, site: new Map([['ceph1', watched]]) };

    await go({
      silences: SILENCES,
      holdOff: [{ ...NOOUT, undo: 'ssh root@ceph1 flag unset noout-{{ hypervisor }}' }, MASAKARI],
    });

    const silences = {
      'silences for hv1': [
        expect.stringMatching(
          /^# alerts of hv1 are silenced and speak again by themselves .* UTC; to end that now:$/,
        ),
        `end the silences of nightshift ${ID}: hv1 reboots`,
      ],
    };
    const noout = {
      'noout for hv1': [
        '# noout: done on ceph1 for the reboot of hv1; to take it back:',
        'ssh root@ceph1 flag unset noout-hv1',
      ],
    };
    const masakari = {
      'masakari for hv1': [
        '# masakari: done on ceph1 for the reboot of hv1; to take it back:',
        "ssh ceph1 -- 'flag unset calm'",
      ],
    };
    expect(listed).toEqual([
      ['set', { ...silences, ...noout }],
      ['set', { ...silences, ...noout, ...masakari }],
      ['unset', { ...silences, ...noout, ...masakari }],
      ['unset', { ...silences, ...noout }],
    ]);
    expect(world.handback).toEqual(new Map());
  });

  it('are left alone where nothing is rebooted', async () => {
    cloud.faults.set('a', 'refused');

    const worked = await go({ silences: SILENCES, holdOff: [NOOUT] });

    expect(said(worked)).toMatch(/^given back: /);
    expect(worked.run.steps.map(({ key }) => key).filter((key) => /hold|silence|let go/.test(key))).toEqual(
      [],
    );
  });

  it('keep a hypervisor from its reboot when one cannot be held off, which is given back', async () => {
    site.faults.set('set calm', { exit: 3, says: 'no quorum' });

    const worked = await go({ silences: SILENCES, holdOff: [NOOUT, MASAKARI] });

    expect(said(worked)).toBe(
      'given back: not rebooted: masakari is not held off: `flag set calm` on ceph1 ended with exit 3: no quorum',
    );
    expect(worked.outcome).toBe('succeeded');
    expect(seen.at(-1)).toBe('uncordon hv1');
    expect([...site.flags, ...manager.living, ...world.handback.keys()]).toEqual([]);
    expect(worked.run.steps.map(({ key }) => key)).not.toContain('let go masakari for hv1');
  });

  it('keep it from its reboot when the host of a command cannot be reached', async () => {
    site.faults.set('set noout-hv1', 'unreachable');

    const worked = await go({ holdOff: [NOOUT] });

    expect(said(worked)).toBe('given back: not rebooted: noout is not held off: ceph1: connection refused');
    expect(world.handback).toEqual(new Map());
  }, 20_000);

  it('are not touched where somebody else has done so before', async () => {
    site.flags.add('calm');

    const worked = await go({ holdOff: [{ ...MASAKARI, unless: ['flag', 'is', 'calm'] }] });

    expect(said(worked)).toMatch(/^done: /);
    expect([...site.flags]).toEqual(['calm']);
    expect(worked.run.notes).toContainEqual({
      subject: 'masakari for hv1',
      verdict: 'left',
      why: 'somebody else has done it already',
    });
  });

  it('leave a hypervisor disabled for a person when one is not set free; a resume tries that again', async () => {
    site.faults.set('unset noout-hv1', { exit: 1, says: 'mon is down' });
    const process = await open();
    const id = await create(process, { silences: SILENCES, holdOff: [NOOUT, MASAKARI] });

    const failed = await work(process, id);
    const heldThen = [...site.flags, ...manager.living, ...world.handback.keys()];
    site.faults.clear();
    await process.engine.acts.resume(id, KIM);
    const resumed = await work(process, id);

    const why =
      'rebooted and proved; noout was not taken back: `flag unset noout-hv1` on ceph1 ended with exit 1: mon is down';
    expect(failed.outcome).toBe('failed');
    expect(said(failed)).toBe(`needs you: ${why}`);
    expect(heldThen).toEqual(['noout-hv1', 'hypervisor hv1', 'noout for hv1']);
    expect(said(resumed)).toMatch(/^done: /);
    expect(cloud.hosts.get('hv1')).toMatchObject({ reboots: 1, disabled: undefined });
    expect([...site.flags, ...world.handback.keys()]).toEqual([]);
  });

  it('keep no server down that was stopped for the reboot when one is not set free', async () => {
    site.faults.set('unset noout-hv1', { exit: 1, says: 'mon is down' });
    cloud.add(server('b', 'hv1', { metadata: { 'nightshift:drain': 'stop' } }));
    const process = await open();
    const id = await create(process, { holdOff: [NOOUT], allow: { stop: true } });

    const failed = await work(process, id);
    const runsThen = cloud.state.servers.b;
    site.faults.clear();
    await process.engine.acts.resume(id, KIM);
    const resumed = await work(process, id);

    expect(said(failed)).toMatch(/^needs you: rebooted and proved; noout was not taken back/);
    expect(cloud.calls.filter((call) => call.endsWith(' b'))).toEqual(['stop b', 'start b']);
    expect(runsThen).toBe('ACTIVE on hv1');
    expect(said(resumed)).toMatch(/^done: /);
  });

  it('are free again when the proof fails', async () => {
    cloud.hosts.get('hv1')!.fault = 'comes back with its old kernel';

    const worked = await go({ silences: SILENCES, holdOff: [NOOUT] });

    expect(said(worked)).toMatch(/^needs you: it failed its checks: kernel /);
    expect([...site.flags, ...manager.living]).toEqual([]);
    expect([...world.handback.keys()]).toEqual(['hypervisor hv1']);
  });

  it('are held off again when a reboot that failed is resumed', async () => {
    cloud.hosts.get('hv1')!.fault = 'refuses to reboot';
    const process = await open();
    const id = await create(process, { silences: SILENCES, holdOff: [NOOUT] });

    const failed = await work(process, id);
    const heldThen = [...site.flags, ...manager.living];
    cloud.hosts.get('hv1')!.fault = undefined;
    await process.engine.acts.resume(id, KIM);
    const resumed = await work(process, id);

    expect(said(failed)).toBe('needs you: hv1 refuses to reboot (exit 1): Access denied');
    expect(heldThen).toEqual([]);
    expect(said(resumed)).toMatch(/^done: /);
    expect(seen).toContain('reboot hv1 noout-hv1 silence');
    expect([...site.flags, ...manager.living, ...world.handback.keys()]).toEqual([]);
  });

  it('are free again when the run is cancelled', async () => {
    const process = await open();
    const id = await create(process, { silences: SILENCES, holdOff: [NOOUT, MASAKARI] });
    const cancelling = Promise.withResolvers<string>();
    const watched = {
      run: async (argv: readonly string[]) => {
        if (argv.join(' ') === 'flag set calm') {
          cancelling.resolve(process.engine.acts.cancel(id, KIM));
          await cancelling.promise;
        }
        return site.run(argv);
      },
    };
    world = Object.assign(world, { site: new Map([['ceph1', watched]]) });

    const worked = await work(process, id);

    expect(worked.outcome).toBe('cancelled');
    expect(said(worked)).toMatch(/^given back: /);
    expect(cloud.calls).not.toContain('reboot hv1');
    expect([...site.flags, ...manager.living, ...world.handback.keys()]).toEqual([]);
  });

  it('keep calm until the last of several hypervisors is back, where they share a command', async () => {
    cloud.servers.clear();
    cloud.allocations.clear();
    cloud.mayBeOut = 2;
    for (const name of ['hv1', 'hv2']) cloud.hosts.get(name)!.kernel = '6.1.0-18';
    const rebootingAtUnset: string[][] = [];
    const watched = {
      run: (argv: readonly string[]) => {
        const begun = cloud.calls.flatMap((call) => /^reboot (.*)/.exec(call)?.[1] ?? []);
        const rebooting = begun.filter((name) => cloud.hosts.get(name)?.kernel === '6.1.0-18');
        if (argv[1] === 'unset') rebootingAtUnset.push(rebooting);
        return site.run(argv);
      },
    };
    world = { ...world, site: new Map([['ceph1', watched]]) };
    const process = await open();
    const id = 'reboot-hypervisors~20261124T224100Z';
    await process.engine.create({
      job: 'reboot-hypervisors',
      id,
      options: {
        ...QUICK,
        holdOff: [{ ...MASAKARI, unless: ['flag', 'is', 'calm'] }],
        parallelEmpty: { atOnce: 2, perZone: 2, perRack: 2 },
      },
      trigger: { kind: 'cli', by: 'kim' },
      acting: true,
    });

    const { run } = await work(process, id);

    expect(run.report?.headline).toBe('2 needed a reboot: 2 done.');
    expect(seen.filter((call) => call.startsWith('reboot')).every((call) => call.endsWith('calm'))).toBe(
      true,
    );
    expect([...site.flags, ...world.handback.keys()]).toEqual([]);
    expect(rebootingAtUnset.length).toBeGreaterThan(0);
    expect(rebootingAtUnset.flat()).toEqual([]);
  });

  it.each([
    {
      options: { silences: [{ matchers: { severity: 'critical' } }] },
      fault: /would silence more than one hypervisor/,
    },
    { options: { silences: [{ matchers: {} }] }, fault: /names no label/ },
    { options: { holdOff: [MASAKARI, MASAKARI] }, fault: /masakari is the name of another/ },
    {
      options: { holdOff: [{ ...MASAKARI, before: 'flag set calm' }] },
      fault: /is a command as a list of words/,
    },
  ])('are refused as $options', async ({ options, fault }) => {
    await expect(open().then((process) => create(process, options))).rejects.toThrow(fault);
  });
});

describe.skipIf(!HAS_ALERTMANAGER)('a real Alertmanager, and commands by real SSH', () => {
  it('have a silence and a file while the hypervisor reboots, and neither afterwards', async () => {
    const [monitor, sshd] = await Promise.all([startAlertmanager(), startSshd()]);
    try {
      const { user, userKey, port, dir } = sshd;
      const hosts = sshHosts({ user, key: userKey, port, knownHosts: [sshd.knownHosts()] });
      const alertmanager = openAlertmanager({ url: monitor.url });
      const file = join(dir, 'noout');
      const states = async () => {
        const silences = (await (await fetch(`${monitor.url}/api/v2/silences`)).json()) as {
          status: { state: string };
          matchers: { value: string }[];
        }[];
        return silences.map(({ status, matchers }) => `${status.state} ${matchers[0]?.value}`);
      };
      const during: unknown[] = [];
      const local = hosts.host('127.0.0.1');
      const watched: ReturnType<Clients['host']> = {
        run: async (argv, options) => {
          during.push(await states());
          return local.run(argv, options);
        },
      };
      world = { ...world, monitoring: { alertmanager }, site: new Map([['127.0.0.1', watched]]) };
      const filesAtReboot: boolean[] = [];
      cloud.onCall = (call) => {
        if (call === 'reboot hv1') filesAtReboot.push(existsSync(file));
      };

      const worked = await go({
        silences: SILENCES,
        holdOff: [{ name: 'noout', on: '127.0.0.1', before: ['touch', file], after: ['rm', '-f', file] }],
      });
      hosts.close();

      expect(said(worked)).toMatch(/^done: /);
      expect(filesAtReboot).toEqual([true]);
      expect(during).toEqual([['active hv1(:.*)?'], ['active hv1(:.*)?']]);
      expect(existsSync(file)).toBe(false);
      expect(await states()).toEqual(['expired hv1(:.*)?']);
    } finally {
      sshd.stop();
      await monitor.stop();
    }
  });
});
