/**
 * What a night makes of the other complaints and failure modes, on the simulated cloud in virtual time: those that
 * `failures.test.ts` beside it does not have. Where the proof is elsewhere, or there is none, and why:
 *
 * complaint
 *  3  in which order      jobs/reboot-hold-off: are held off after the drain, and free again before …
 *  7  to pause            jobs/reboot-hypervisors: aborts a migration under way on a halt, and asks for it again …
 * 15  killed anywhere     jobs/reboot-hypervisors-crash: ends as the run that nobody killed, at whichever boundary …
 *                         twin/killed-hold-off: is survived: another daemon proves the hypervisor …
 * 24  until it is reset   jobs/reboot-holds: opens when more fail than may; until a person resets it …
 * 26  of many fleets      domain/capacity: never overfills a hypervisor, never breaks a hard group …
 * 29  owners agree        jobs/reboot-owners: are stopped and started again once their owners agree …
 *
 * failure mode
 *  5  none: guests are not asked whether they answer, a migration is judged by what Nova says of it
 *  8  local disks         failures.test.ts, complaint 7; clients/openstack/cloud: counts no root disk for a server …
 * 10  none before the reboot: ports are Neutron’s, which is not asked; a refusal of Nova’s is failure mode 11. After
 *     it                  twin/proof-night: keeps out what lost its virtual functions
 * 13  held as any device, for Nova tells nobody which are live_migratable
 * 14  held as any device  clients/openstack/server-size: with … is pinned by: virtual GPU
 * 15  host lost devices   failures.test.ts, complaint 5; domain/host-state: finds every device that is missing …
 * 16  as 15 for the host; whether a guest sees its device again is not asked
 * 21  none: nothing is asked of volumes, and the simulated cloud has no Cinder
 * 31  none: hosts of control services are no hypervisors, nothing here reboots them; where they share a host, a
 *     command of the gate asks for them, as for storage below
 */
import { afterEach, describe, expect, it } from 'vitest';
import type { FaultRule } from '../../src/twin/failures.ts';
import type { Happening } from '../../src/twin/log.ts';
import { stopAgent } from '../../src/twin/power.ts';
import type { Group, Server } from '../../src/twin/state.ts';
import type { World } from '../../src/twin/world.ts';
import {
  guestsOn,
  hv,
  type Night,
  once,
  openNight,
  playNight,
  takeOut,
  type Wish,
} from '../support/play-night.ts';
import type { Rehearsal } from '../support/rehearsal.ts';

let rehearsal: Rehearsal | undefined;
afterEach(async () => {
  await rehearsal?.close();
  rehearsal = undefined;
});

async function night(wish: Wish): Promise<Night> {
  rehearsal = await openNight(wish);
  return playNight(rehearsal, wish);
}

/** Hypervisors whose servers have GPUs. */
const GPU_NIGHT = { hypervisors: 8, servers: 40, needs: ['hv07', 'hv08'] };
const withGpu = ({ state }: World): Server[] =>
  Object.values(state.servers).filter(({ flavor }) => flavor === 'g1.gpu');

function group(world: World, policy: Group['policy'], members: readonly Server[]): void {
  const id = 'a0000000-0000-4000-8000-000000000001';
  const { projectId = '', userId = '' } = members[0] ?? {};
  for (const member of members) world.join(member, { id, name: 'quorum', policy, projectId, userId });
}

describe('complaints of operators', () => {
  it('complaint 2: one that is back and takes no server is out again, and the next is not begun', async () => {
    const { says, all, world } = await night({
      needs: ['hv01', 'hv02'],
      options: ({ state }) => ({ canary: { flavor: 'm1.small', image: state.image } }),
      prepare: (w) =>
        once(w, { what: 'uncordoned', to: 'hv01' }, () => {
          const { stock } = hv(w, 'hv01');
          Object.assign(hv(w, 'hv01'), { stock: { ...stock, ramMb: stock.reservedRamMb } });
        }),
    });

    expect(says('hv01')).toMatch(/^needs you: .*canary.*No valid host/);
    expect(hv(world, 'hv01').disabled).toBe(true);
    expect(all('booted')).toEqual(['hv01']);
  });

  it('complaint 3: what must come before the reboot and cannot be done keeps it from being rebooted', async () => {
    const balancer = { name: 'balancer', on: 'hv03', before: ['sudo', 'systemctl', 'stop', 'haproxy'] };
    const { says, all, world } = await night({
      options: { holdOff: [{ ...balancer, after: ['true'] }] },
    });

    expect(says('hv01')).toMatch(
      /^given back: not rebooted: balancer is not held off: .*Unit haproxy not found/,
    );
    expect(all('reboot asked')).toEqual([]);
    expect(hv(world, 'hv01').disabled).toBe(false);
  });

  it('complaint 6: a drain moves the guests of its own hypervisor, each of them once', async () => {
    let its: string[] = [];
    const { log } = await night({
      prepare: (world) => {
        its = guestsOn(world, 'hv01').map(({ id }) => id);
      },
    });
    const asked = log.flatMap((each) => (each.what === 'migration asked' ? [each.server] : []));

    expect(asked.toSorted()).toEqual(its.toSorted());
  });

  it('complaint 13: servers with a passed-through device are named before anything, and none is stopped', async () => {
    const { run, world, log } = await night({ ...GPU_NIGHT, options: { maxWaiting: 0 } });
    const said = run.report?.lines?.join('\n');
    const running = withGpu(world).filter(({ vmState }) => vmState === 'active');

    expect(running.length).toBeGreaterThan(1);
    for (const { name } of running) expect(said).toContain(name);
    expect(log).toEqual([]);
  });

  it('complaint 14: a server that is stopped for the reboot is down in its own hypervisor’s turn, and no longer', async () => {
    const { says, log, world } = await night({
      ...GPU_NIGHT,
      options: { allow: { stop: true } },
      prepare: (w) => {
        for (const { metadata } of withGpu(w)) metadata['nightshift:drain'] = 'stop';
      },
    });
    const times = (name: string, ...kinds: Happening['what'][]): number[] =>
      log.flatMap((each) =>
        'hypervisor' in each && each.hypervisor === name && kinds.includes(each.what) ? [each.at] : [],
      );

    for (const name of GPU_NIGHT.needs) {
      const [begin = 0, end = 0] = times(name, 'cordoned', 'uncordoned');
      const [stops, starts] = [times(name, 'guest stopped'), times(name, 'guest started')];
      expect(says(name)).toMatch(/^done/);
      expect(stops.length).toBeGreaterThan(0);
      expect(starts).toHaveLength(stops.length);
      expect([...stops, ...starts].every((at) => at >= begin && at <= end)).toBe(true);
    }
    expect(withGpu(world).every(({ vmState, domain }) => domain?.running === (vmState === 'active'))).toBe(
      true,
    );
  });

  it.each(['hv01', 'hv02'])(
    'complaint 16: the hypervisor that we run on goes last, and its own server moves (%s)',
    async (own) => {
      let self = '';
      const { all, says, world } = await night({
        needs: ['hv01', 'hv02'],
        prepare: (w) => {
          self = guestsOn(w, own)[0].id;
        },
        options: () => ({ self }),
      });

      expect(all('booted').at(-1)).toBe(own);
      expect(says(own)).toMatch(/^done/);
      expect(world.server(self)?.domain?.running).toBe(true);
      expect(world.server(self)?.host).not.toBe(own);
    },
  );

  it('complaint 19: what came of the night is told to operators in one mail', async () => {
    const { run, mails } = await night({});
    const [mail, ...more] = await mails();

    expect(more).toEqual([]);
    expect(mail?.to).toEqual(['ops@example.org']);
    expect(mail?.subject).toMatch(/: 1 rebooted$/);
    expect(mail?.text).toContain(run.report?.headline);
  });

  it('complaint 19, 29: owners are told a day before their server is stopped, and it runs until then', async () => {
    const { says, run, log, world, mails } = await night({
      options: { allow: { stop: true }, owners: { noticeHours: 24 } },
      prepare: (w) => {
        guestsOn(w, 'hv01')[0].metadata['nightshift:drain'] = 'stop';
      },
    });
    const [server] = guestsOn(world, 'hv01');
    const [mail, ...more] = await mails();

    expect(says('hv01')).toMatch(/^held: too early to stop .*its owner is told first/);
    expect(run.notes.filter(({ verdict }) => verdict === 'told')).toHaveLength(1);
    expect(more).toEqual([]);
    expect(mail?.to).toEqual([server.metadata['owner']]);
    expect(mail?.text).toContain(server.name);
    expect(log).toEqual([]);
  });

  it('complaint 21: slow, waiting for an end, waiting for an owner and impossible are told apart', async () => {
    const { says } = await night({
      hypervisors: 8,
      servers: 40,
      needs: ['hv01', 'hv02', 'hv04', 'hv07'],
      rules: [{ when: { hypervisor: 'hv01' }, what: 'slow', seconds: 200 }],
      options: { maxWaiting: 0 },
      prepare: (world) => {
        guestsOn(world, 'hv02')[0].locked = true;
        group(world, 'affinity', guestsOn(world, 'hv04').slice(0, 2));
      },
    });

    expect(says('hv01')).toMatch(/^done/);
    expect(says('hv02')).toMatch(/^held: 1 server cannot leave now: .*is locked/);
    expect(says('hv04')).toMatch(/^held: server group quorum \(affinity\) ties /);
    expect(says('hv07')).toMatch(/^held: 1 server cannot move: .*PCI device/);
  });

  it('complaint 23: a budget is per window, whatever the number of campaigns', async () => {
    const { all, says, again } = await night({
      needs: ['hv01', 'hv02'],
      options: { budgets: [{ per: 'window', atMost: 1 }] },
    });
    const second = await again();
    const [first = ''] = all('booted');
    const other = first === 'hv01' ? 'hv02' : 'hv01';

    expect(says(first)).toMatch(/^done/);
    expect(second.log).toEqual([]);
    expect(second.says(other)).toMatch(/^held: the budget of 1 a window is spent: 1 tried already/);
  });

  it('complaint 24: one that came back wrong stops every campaign until a person says that it may go on', async () => {
    const { again } = await night({
      hypervisors: 6,
      servers: 12,
      needs: ['hv01', 'hv02'],
      rules: [{ when: { nth: 1 }, what: 'old kernel' }],
    });
    const second = await again();

    expect(second.log).toEqual([]);
    expect(second.run.report?.lines?.join('\n')).toMatch(/reset-breaker/);
  });

  it('complaint 26: a hard group that loses its last legal place between plan and turn holds its hypervisor', async () => {
    const { says, all } = await night({
      hypervisors: 6,
      servers: 12,
      needs: ['hv01', 'hv02'],
      prepare: (world) =>
        once(world, { what: 'uncordoned', to: 'hv02' }, () => {
          group(world, 'anti-affinity', [guestsOn(world, 'hv01')[0], guestsOn(world, 'hv03')[0]]);
          takeOut(world, 'hv02');
        }),
    });

    expect(says('hv02')).toMatch(/^done/);
    expect(says('hv01')).toMatch(/^held: server group quorum needs 2 hypervisors/);
    expect(all('cordoned')).toEqual(['hv02']);
  });

  it('complaint 27: what Placement has booked is not free, though Nova lists no server there', async () => {
    const { says, log } = await night({
      prepare: (world) => {
        for (const [index, host] of ['hv02', 'hv03'].entries()) {
          const { ramMb } = world.used(host);
          const rest = 131_072 - 4096 - ramMb;
          world.book(`b0000000-0000-4000-8000-00000000000${index}`, {
            host,
            vcpus: 0,
            ramMb: rest,
            diskGb: 0,
          });
        }
      },
    });

    expect(says('hv01')).toMatch(/^held: no room/);
    expect(log).toEqual([]);
  });

  it('complaint 27: a night is no better than the worst that came of it', async () => {
    const { run, says } = await night({
      needs: ['hv01', 'hv02'],
      rules: [{ when: { nth: 2 }, what: 'failed unit' }],
      options: { backWithinMinutes: 3 },
    });

    expect([says('hv01'), says('hv02')].filter((said) => said.startsWith('done'))).toHaveLength(1);
    expect(run.state).toBe('failed');
    expect(run.report?.headline).toMatch(/1 done, 1 needs you/);
  });

  it('complaint 28: one that does not keep well after it was given back is out again, and the next is not begun', async () => {
    const { says, all, world } = await night({
      needs: ['hv01', 'hv02'],
      options: { soakMinutes: 10 },
      prepare: (w) => once(w, { what: 'uncordoned', to: 'hv01' }, () => stopAgent(w, hv(w, 'hv01'))),
    });

    expect(says('hv01')).toMatch(
      /^needs you: .*did not keep well after its reboot: its compute service is down/,
    );
    expect(hv(world, 'hv01').disabled).toBe(true);
    expect(all('cordoned').filter((name) => name === 'hv02')).toEqual([]);
  });

  it('complaint 28: the next is not begun before the one before has kept well for so long', async () => {
    const { log } = await night({ needs: ['hv01', 'hv02'], options: { soakMinutes: 4 } });
    const back = log.find(({ what }) => what === 'uncordoned')?.at ?? Infinity;
    const next = log.findLast(({ what }) => what === 'cordoned')?.at ?? 0;

    expect(next - back).toBeGreaterThanOrEqual(4 * 60_000);
  });
});

describe('failure modes of clouds', () => {
  it.each<{ rules: FaultRule[]; verdict: RegExp }>([
    { rules: [], verdict: /^done/ },
    { rules: [{ what: 'old kernel' }], verdict: /^needs you/ },
  ])(
    'failure mode 26: who would act on a dead host is held off until it is back, whatever came of it ($verdict)',
    async ({ rules, verdict }) => {
      const agent = { name: 'HA agent', on: 'hv03', before: ['sudo', 'systemctl', 'stop', 'nova-compute'] };
      let wasOff: boolean | undefined;
      const { says, all, world } = await night({
        rules,
        options: { holdOff: [{ ...agent, after: ['sudo', 'systemctl', 'start', 'nova-compute'] }] },
        prepare: (w) =>
          once(w, { what: 'went down', to: 'hv01' }, () => {
            wasOff = hv(w, 'hv03').agent.since === null;
          }),
      });

      expect(says('hv01')).toMatch(verdict);
      expect(wasOff).toBe(true);
      expect(hv(world, 'hv03').agent.since).not.toBeNull();
      expect(all('service up')).toContain('hv03');
    },
  );

  it('failure mode 30: while storage is not well nothing is begun, and the next only once it is', async () => {
    const storage = { name: 'storage', run: ['systemctl', 'is-active', 'nova-compute'], on: 'hv03' };
    const { says, all, run } = await night({
      needs: ['hv01', 'hv02'],
      options: { gate: { services: false, commands: [storage], patienceMinutes: 5 } },
      prepare: (world) =>
        once(world, { what: 'uncordoned', to: 'hv01' }, () => stopAgent(world, hv(world, 'hv03'))),
    });

    expect(says('hv01')).toMatch(/^done/);
    expect(all('cordoned')).toEqual(['hv01']);
    expect(run.report?.lines?.join('\n')).toMatch(/nothing started: .*storage/);
  });
});
