/** Whether a campaign looks at the state of the cloud and of the site before each hypervisor. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openAlertmanager } from '../../src/clients/alertmanager.ts';
import { openPrometheus } from '../../src/clients/prometheus.ts';
import { sshHosts } from '../../src/clients/ssh.ts';
import type { Clients } from '../../src/context.ts';
import type { Json } from '../../src/engine/job.ts';
import { hypervisor, server } from '../support/builders.ts';
import { eventually, type House, openHouse, type TestEngine } from '../support/engine.ts';
import { FakeCloud } from '../support/fake-cloud.ts';
import { FakeSite } from '../support/fake-site.ts';
import {
  HAS_ALERTMANAGER,
  HAS_PROMETHEUS,
  startAlertmanager,
  startPrometheus,
} from '../support/monitoring.ts';
import { REBOOT_JOBS } from '../support/reboot-jobs.ts';
import { openProcess, type Worked, type World, work } from '../support/run-job.ts';
import { startSshd } from '../support/sshd.ts';

const QUICK = { pollMs: 1, migrateAtLeastSeconds: 20, stopWithinSeconds: 20 };
const AT_ONCE = { patienceMinutes: 0 };

let house: House;
let place = 0;
let cloud: FakeCloud;
let site: FakeSite;
let world: World;

beforeAll(async () => {
  house = await openHouse();
});
afterAll(() => house.close());

/** hv1 and hv2 are empty and need a reboot, hv1 first; hv3 has a server and is up to date. */
beforeEach(() => {
  place += 1;
  cloud = new FakeCloud(
    ['hv1', 'hv2', 'hv3'].map((name) => hypervisor(name)),
    [server('a', 'hv3')],
  );
  cloud.hosts.get('hv3')!.kernel = '6.1.0-28';
  site = new FakeSite();
  world = { cloud, handback: new Map(), armed: true, site: new Map([['ceph1', site]]) };
});

const open = () => openProcess(house, REBOOT_JOBS, world, { place: `gate-${place}` });

async function create(
  process: TestEngine<Clients>,
  gate: Record<string, Json>,
  {
    job = 'reboot-hypervisors',
    acting = true,
    ...options
  }: Record<string, Json> & { job?: string; acting?: boolean } = {},
): Promise<string> {
  const id = `${job}~20261124T224100Z`;
  const trigger = { kind: 'cli', by: 'kim' } as const;
  return process.engine.create({ job, id, options: { ...QUICK, ...options, gate }, trigger, acting });
}

async function night(gate: Record<string, Json> = {}, more = {}): Promise<Worked> {
  const process = await open();
  const id = await create(process, gate, more);
  return eventually('the end of the night', async () => {
    const worked = await work(process, id);
    return worked.outcome !== 'waiting' && worked;
  });
}

/** Its compute service dies, and Nova has noticed. */
const losesAgent = (name: string) => {
  cloud.hosts.get(name)!.isDead = true;
  for (let second = 0; second < 20; second += 1) cloud.tick();
};
const rebooted = () => cloud.calls.filter((call) => call.startsWith('reboot'));
const note = ({ run }: Worked, subject: string) => {
  const found = run.notes.find((each) => each.subject === subject);
  return found && `${found.verdict}: ${found.why}`;
};
const afterFirst = (act: () => void) => {
  cloud.onCall = (call) => {
    if (call === 'uncordon hv1') act();
  };
};

describe('the gate before each hypervisor', () => {
  it('is looked through before each of them, once', async () => {
    const { outcome, run } = await night();

    expect(outcome).toBe('succeeded');
    expect(run.steps.map(({ key }) => key).filter((key) => /gate|baseline/.test(key))).toEqual([
      'baseline',
      'gate before hv1',
      'gate before hv2',
    ]);
    expect(rebooted()).toEqual(['reboot hv1', 'reboot hv2']);
  });

  it('starts nothing more when a server went into ERROR since the beginning, and says which everywhere', async () => {
    afterFirst(() => {
      cloud.servers.get('a')!.status = 'ERROR';
    });
    const process = await open();
    const before = house.sent.length;

    const worked = await work(process, await create(process, AT_ONCE));
    await process.engine.sendMails();

    const why = 'ERROR servers is red: 1 more than at the beginning: a a… on hv3 (allowed: 0)';
    expect(rebooted()).toEqual(['reboot hv1']);
    expect(worked.outcome).toBe('succeeded');
    expect(worked.run.report?.headline).toBe('2 needed a reboot: 1 done, 1 not tonight.');
    expect(worked.run.report?.lines).toContain(`not tonight  1 (nothing started: ${why}): hv2`);
    expect(note(worked, 'gate before hv2')).toBe(`red: ${why}`);
    const mails = house.sent.slice(before);
    expect(mails.map(({ subject }) => subject)).toEqual([
      expect.stringMatching(/: stopped by its gate, 1 rebooted$/),
    ]);
    expect(mails[0]?.text).toContain(`nothing started: ${why}`);
  });

  it('mails operators also when the first look is red, so that nothing was started at all', async () => {
    site.flags.add('degraded');
    const process = await open();
    const before = house.sent.length;

    const gate = { ...AT_ONCE, commands: [{ name: 'ok-to-stop', run: ['flag', 'is', 'well'], on: 'ceph1' }] };
    const { run } = await work(process, await create(process, gate));
    await process.engine.sendMails();

    expect(cloud.calls).toEqual([]);
    expect(run.report?.lines).toContain(
      'not tonight  2 (nothing started: ok-to-stop is red: is well (exit 1)): hv1 and hv2',
    );
    expect(house.sent.slice(before).map(({ subject }) => subject)).toEqual([
      expect.stringMatching(/: stopped by its gate$/),
    ]);
  });

  it('holds neither servers nor services against the night that were broken before it', async () => {
    cloud.servers.get('a')!.status = 'ERROR';
    losesAgent('hv3');

    await night(AT_ONCE);

    expect(rebooted()).toEqual(['reboot hv1', 'reboot hv2']);
  });

  it('is red for a compute service that went down meanwhile', async () => {
    afterFirst(() => losesAgent('hv3'));

    const worked = await night(AT_ONCE);

    expect(note(worked, 'gate before hv2')).toBe(
      'red: down services and agents is red: 1 more than at the beginning: nova-compute on hv3 (allowed: 0)',
    );
    expect(rebooted()).toEqual(['reboot hv1']);
  });

  it('is red for a network agent that went down meanwhile, not for one that was down before', async () => {
    const host = cloud.hosts.get('hv3')!;
    host.agents = ['neutron-dhcp-agent', 'neutron-openvswitch-agent'];
    host.deadAgents.add('neutron-dhcp-agent');
    afterFirst(() => host.deadAgents.add('neutron-openvswitch-agent'));

    const worked = await night(AT_ONCE);

    expect(note(worked, 'gate before hv2')).toBe(
      'red: down services and agents is red: 1 more than at the beginning: neutron-openvswitch-agent on hv3 (allowed: 0)',
    );
    expect(rebooted()).toEqual(['reboot hv1']);
  });

  it('lets through what a site allows', async () => {
    afterFirst(() => {
      cloud.servers.get('a')!.status = 'ERROR';
    });

    await night({ ...AT_ONCE, errorServers: 1 });

    expect(rebooted()).toEqual(['reboot hv1', 'reboot hv2']);
  });

  it('waits for a red signal to become green, without a worker, and goes on', async () => {
    const commands = [{ name: 'ok-to-stop', run: ['flag', 'is', 'ok-{{ hypervisor }}'], on: 'ceph1' }];
    site.flags.add('ok-hv1');
    const process = await open();
    const id = await create(process, { patienceMinutes: 0.05, commands });

    const parked = await eventually('the gate to wait', async () => {
      const { outcome, run } = await work(process, id);
      return outcome === 'waiting' && run;
    });
    site.flags.add('ok-hv2');
    const worked = await eventually('the end of the night', async () => {
      const one = await work(process, id);
      return one.outcome === 'succeeded' && one;
    });

    expect(parked.waiting?.for).toContain('a green gate: ok-to-stop is red: is ok-hv2 (exit 1)');
    expect(note(worked, 'gate before hv2')).toMatch(/^green: after .*; before, ok-to-stop is red/);
    expect(rebooted()).toEqual(['reboot hv1', 'reboot hv2']);
  });

  it('has no more patience than it may have, and says what was red last', async () => {
    const commands = [{ name: 'osds', run: ['flag', 'is', 'well'], on: 'ceph1' }];
    site.faults.set('is well', { exit: 2, says: '3 of 12 down' });
    const process = await open();
    const id = await create(process, { patienceMinutes: 0.002, commands });
    await eventually('the first look', async () => (await work(process, id)).outcome === 'waiting');
    site.faults.set('is well', { exit: 2, says: '1 of 12 down' });

    const worked = await eventually('the end of the night', async () => {
      const one = await work(process, id);
      return one.outcome === 'succeeded' && one;
    });

    expect(note(worked, 'gate before hv1')).toBe('red: osds is red: 1 of 12 down (exit 2)');
    expect(cloud.calls).toEqual([]);
  });

  it('is looked through by a run for one hypervisor as well, which starts nothing', async () => {
    const commands = [{ name: 'ok-to-stop', run: ['flag', 'is', 'well'], on: 'ceph1' }];

    const worked = await night({ ...AT_ONCE, commands }, { job: 'reboot-hypervisor', hypervisor: 'hv1' });

    expect(worked.outcome).toBe('succeeded');
    expect(note(worked, 'hypervisor hv1')).toBe('held: nothing started: ok-to-stop is red: is well (exit 1)');
    expect(cloud.calls).toEqual([]);
  });

  it('is looked through after the wait by one that waits, which is given back', async () => {
    cloud.add(server('gpu', 'hv1', { pinned: 'PCI device' }));
    const commands = [{ name: 'ok-to-stop', run: ['flag', 'is', 'well'], on: 'ceph1' }];
    const gate = { ...AT_ONCE, commands };
    const process = await open();
    const id = await create(process, gate, {
      job: 'reboot-hypervisor',
      hypervisor: 'hv1',
      wait: true,
      waitPollSeconds: 0.01,
    });
    await eventually('the wait', async () => (await work(process, id)).outcome === 'waiting');
    cloud.servers.delete('gpu');
    cloud.allocations.delete('gpu');

    const worked = await eventually('the end', async () => {
      const one = await work(process, id);
      return one.outcome === 'succeeded' && one;
    });

    expect(note(worked, 'hypervisor hv1')).toBe(
      'given back: nothing started: ok-to-stop is red: is well (exit 1)',
    );
    expect(cloud.calls).toEqual(['cordon hv1', 'uncordon hv1']);
  });

  it('asks nothing where a site wants none of it', async () => {
    const { run } = await night({ errorServers: false, services: false, apiSeconds: false });

    expect(run.steps.map(({ key }) => key).filter((key) => /gate|baseline/.test(key))).toEqual([]);
    expect(rebooted()).toEqual(['reboot hv1', 'reboot hv2']);
  });

  it.each([
    {
      gate: {
        prometheus: [{ name: 'q', query: 'up', above: 0 }],
        alerts: { matchers: { severity: 'page' } },
      },
      why: '`gate.prometheus` needs `prometheus`, `gate.alerts` needs `alertmanager`, which is not configured; nothing was started',
    },
    {
      gate: {},
      silences: [{ matchers: { instance: '{{ hypervisor }}' } }],
      why: '`silences` needs `alertmanager`, which is not configured; nothing was started',
    },
  ])('says at once that $why', async ({ gate, why, ...more }) => {
    for (const acting of [true, false]) {
      place += 1;
      const { outcome, run } = await night(gate, { ...more, acting });

      expect([outcome, run.error]).toEqual(['failed', why]);
      expect(run.steps.map(({ key }) => key)).toEqual(['settings']);
    }
  });

  it.each([
    { gate: { prometheus: [{ name: 'q', query: 'up' }] }, fault: /neither `below` nor `above`/ },
    {
      gate: { commands: [{ name: 'c', run: ['true'], on: '{{ host }}' }] },
      fault: /\{\{ host \}\} stands for nothing/,
    },
    { gate: { commands: [{ name: 'c', run: 'true', on: 'a' }] }, fault: /is a command as a list of words/ },
    {
      gate: { commands: ['a', 'b'].map((on) => ({ name: 'c', run: ['true'], on })) },
      fault: /c is the name of another/,
    },
  ])('refuses $gate', async ({ gate, fault }) => {
    await expect(open().then((process) => create(process, gate))).rejects.toThrow(fault);
  });
});

describe.skipIf(!HAS_ALERTMANAGER || !HAS_PROMETHEUS)(
  'a gate of real monitoring (prometheus and prometheus-alertmanager are installed)',
  () => {
    let alertmanager: Awaited<ReturnType<typeof startAlertmanager>>;
    let prometheus: Awaited<ReturnType<typeof startPrometheus>>;
    beforeAll(async () => {
      [alertmanager, prometheus] = await Promise.all([startAlertmanager(), startPrometheus()]);
    });
    afterAll(() => Promise.all([alertmanager.stop(), prometheus.stop()]));
    beforeEach(() => {
      const monitoring = {
        alertmanager: openAlertmanager({ url: alertmanager.url }),
        prometheus: openPrometheus({ url: prometheus.url }),
      };
      world = { ...world, monitoring };
    });

    const fire = async (labels: Record<string, string>) => {
      await fetch(`${alertmanager.url}/api/v2/alerts`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify([{ labels }]),
      });
    };

    it('names the query, the command and the alert that are red', async () => {
      const sshd = await startSshd();
      try {
        const { user, userKey, port } = sshd;
        const hosts = sshHosts({ user, key: userKey, port, knownHosts: [sshd.knownHosts()] });
        world = { ...world, site: new Map([['127.0.0.1', hosts.host('127.0.0.1')]]) };
        await fire({ alertname: 'OsdDown', severity: 'critical', instance: 'osd7' });

        const worked = await night({
          ...AT_ONCE,
          prometheus: [
            { name: 'quorum', query: 'vector(2)', above: 2 },
            { name: 'queues', query: 'vector(3)', below: 10 },
          ],
          commands: [
            { name: 'ok-to-stop', run: ['sh', '-c', 'echo "no: {{ shortname }}"; exit 16'], on: '127.0.0.1' },
            { name: 'ovn', run: ['true'], on: '127.0.0.1' },
          ],
          alerts: { matchers: { severity: 'crit.*' } },
        });

        hosts.close();
        expect(note(worked, 'gate before hv1')).toBe(
          'red: quorum is red: 2, and must be above 2; ok-to-stop is red: no: hv1 (exit 16); open alerts is red: 1 alert: OsdDown on osd7',
        );
        expect(cloud.calls).toEqual([]);
      } finally {
        sshd.stop();
      }
    });

    it('is red while its Prometheus does not answer', async () => {
      world = { ...world, monitoring: { prometheus: openPrometheus({ url: 'http://127.0.0.1:1' }) } };

      const worked = await night({ ...AT_ONCE, prometheus: [{ name: 'q', query: '1', above: 0 }] });

      expect(note(worked, 'gate before hv1')).toMatch(
        /^red: q is red: Prometheus at 127\.0\.0\.1:1: .* ECONNREFUSED/,
      );
    });
  },
);
