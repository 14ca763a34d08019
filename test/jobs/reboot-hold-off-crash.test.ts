/** Whether silences and commands of the site come to the same end, wherever the owner of the run dies. */
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { isOver } from '../../src/engine/runs.ts';
import { hypervisor } from '../support/builders.ts';
import { type DeathPoint, eventually, type House, openHouse } from '../support/engine.ts';
import { FakeCloud } from '../support/fake-cloud.ts';
import type { HostFault } from '../support/fake-host.ts';
import { FakeAlertmanager, FakeSite } from '../support/fake-site.ts';
import { REBOOT_JOBS } from '../support/reboot-jobs.ts';
import { openProcess, work } from '../support/run-job.ts';

const ID = 'reboot-hypervisor~20261124T224100Z';
const OPTIONS = {
  hypervisor: 'hv1',
  pollMs: 1,
  stopWithinSeconds: 0.3,
  silences: [{ matchers: { instance: '{{ hypervisor }}' } }, { matchers: { hostname: '{{ hypervisor }}' } }],
  holdOff: ['shared', 'of-{{ hypervisor }}'].map((flag, index) => ({
    name: `act ${index}`,
    on: 'ceph1',
    before: ['flag', 'set', flag],
    after: ['flag', 'unset', flag],
    unless: ['flag', 'is', flag],
  })),
};
const AT_ONCE = 8;
/** Every script of a run's life, but the renewals that the clock sends. */
const BOUNDARIES = new Set([
  'create',
  'claim',
  'begin',
  'finish',
  'lease',
  'release',
  'slot',
  'tell',
  'park',
  'end',
]);

let house: House;
beforeAll(async () => {
  house = await openHouse();
});
afterAll(() => house.close());

interface Death {
  readonly place: string;
  /** The nth boundary of the journal. */
  readonly boundary?: number;
  /** In the middle of a step: just after this command of the site was carried out. */
  readonly command?: string;
  readonly fault?: HostFault;
}

/** The reboot of one hypervisor, in a world of its own, whose first owner dies somewhere. */
async function night({ place, boundary, command, fault }: Death) {
  const cloud = new FakeCloud([hypervisor('hv1')]);
  cloud.hosts.get('hv1')!.fault = fault;
  const site = new FakeSite();
  const alertmanager = new FakeAlertmanager();
  const handback = new Map<string, readonly string[]>();
  const atReboot: string[] = [];
  cloud.onCall = (call) => {
    if (call.startsWith('reboot')) atReboot.push(...site.flags, ...alertmanager.living, ...handback.keys());
  };
  let die = () => {};
  const watched = {
    run: async (argv: readonly string[]) => {
      const result = await site.run(argv);
      if (argv.slice(1).join(' ') === command) die();
      return result;
    },
  };
  const site1 = new Map([['ceph1', watched]]);
  const world = { cloud, handback, armed: true, site: site1, monitoring: { alertmanager } };
  const home = { place, leaseMs: 1500 };
  const boundaries: string[] = [];
  let begun = false;
  const deathAt = (point: DeathPoint): boolean => {
    if (!BOUNDARIES.has(point.script)) return false;
    boundaries.push(`${point.when} ${point.script} ${point.key ?? ''}`.trim());
    return boundaries.length - 1 === boundary;
  };
  const first = await openProcess(house, REBOOT_JOBS, world, {
    ...home,
    deathAt: (point) => begun && deathAt(point),
  });
  const second = await openProcess(house, REBOOT_JOBS, world, home);
  die = () => {
    die = () => {};
    first.die();
  };
  const trigger = { kind: 'cli', by: 'kim' } as const;
  await first.engine.create({ job: 'reboot-hypervisor', id: ID, options: OPTIONS, trigger, acting: true });
  begun = true;

  await Promise.race([first.died, first.engine.workFamily(ID)]);
  const run = await eventually('the end of the run', async () => {
    const { run } = await work(second, ID);
    const step = run.steps.find(({ state }) => state === 'unknown')?.key;
    const happened = cloud.calls.includes('reboot hv1') ? 'yes' : 'no';
    if (step !== undefined)
      await second.engine.acts.decide(ID, { step, happened, by: 'kim', why: 'looked at it' });
    return isOver(run.state) && run;
  });
  return {
    boundaries,
    end: {
      state: run.state,
      verdict: run.notes.find(({ subject }) => subject === 'hypervisor hv1')?.verdict,
      notes: run.notes.length,
      calls: cloud.calls,
      atReboot,
      left: { flags: [...site.flags], silences: alertmanager.living, handback: [...handback.keys()] },
      silences: alertmanager.silences.length,
    },
  };
}

it.each<{ fault?: HostFault; verdict: string; left: string[] }>([
  { verdict: 'done', left: [] },
  { fault: 'comes back with its old kernel', verdict: 'needs you', left: ['hypervisor hv1'] },
])(
  'ends as the run that nobody killed, at whichever boundary its owner dies: $verdict',
  async ({ fault, verdict, left }) => {
    const how = fault === undefined ? {} : { fault };
    const whole = await night({ place: `whole ${verdict}`, ...how });
    const others: object[] = [];

    const queue = whole.boundaries.keys();
    const next = async (): Promise<void> => {
      for (const boundary of queue) {
        const { boundaries, end } = await night({ place: `${verdict} ${boundary}`, boundary, ...how });
        if (!isDeepStrictEqual(end, whole.end)) others.push({ boundary: boundaries[boundary], end });
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, next));

    expect(others).toEqual([]);
    const mark = `nightshift ${ID}: hv1 reboots`;
    expect(whole.end).toMatchObject({
      verdict,
      atReboot: [
        'shared',
        'of-hv1',
        mark,
        mark,
        'hypervisor hv1',
        'silences for hv1',
        'act 0 for hv1',
        'act 1 for hv1',
      ],
      left: { flags: [], silences: [], handback: left },
      silences: 2,
    });
    expect(whole.boundaries.length).toBeGreaterThan(40);
  },
  180_000,
);

it.each(['is shared', 'set shared', 'set of-hv1', 'unset of-hv1', 'unset shared'])(
  'ends as the run that nobody killed when its owner dies in the middle of "flag %s"',
  async (command) => {
    const whole = await night({ place: `beside ${command}` });

    const { end } = await night({ place: `amid ${command}`, command });

    expect(end).toEqual(whole.end);
  },
);
