import { describe, expect, it } from 'vitest';
import { type DrainDecision, type DrainPolicy, decideDrain } from '../../src/domain/drain-policy.ts';
import { WISHES } from '../../src/domain/drain-wish.ts';
import { server } from '../support/builders.ts';

const KEY = 'nightshift:drain';
const EVERYTHING: DrainPolicy = { projects: {}, classes: [], allow: { cold: true, stop: true } };

/** The bare reason is within the other. */
function becauseOf(decision: DrainDecision): object {
  return decision.does === 'pinned' ? { because: /\((.*)\)$/.exec(decision.why)?.[1] } : {};
}

describe('decideDrain', () => {
  it.each([
    ['ACTIVE', 'live'],
    ['PAUSED', 'live'],
    ['SHUTOFF', 'stays'],
    ['SUSPENDED', 'stays'],
    ['SHELVED', 'stays'],
    ['SHELVED_OFFLOADED', 'stays'],
    ['SOFT_DELETED', 'stays'],
    ['DELETED', 'stays'],
    ['BUILD', 'waits'],
    ['REBUILD', 'waits'],
    ['REBOOT', 'waits'],
    ['HARD_REBOOT', 'waits'],
    ['PASSWORD', 'waits'],
    ['RESIZE', 'waits'],
    ['REVERT_RESIZE', 'waits'],
    ['MIGRATING', 'waits'],
    ['VERIFY_RESIZE', 'held'],
    ['RESCUE', 'held'],
    ['ERROR', 'held'],
    ['UNKNOWN', 'held'],
    ['A_STATUS_OF_2031', 'held'],
  ])('%s %s', (status, does) => {
    expect(decideDrain(server('web-1', 'hv1', { status })).does).toBe(does);
  });

  it.each([
    { what: 'a locked server that runs', is: { locked: true }, does: 'held', why: 'is locked' },
    { what: 'a locked server that is stopped', is: { locked: true, status: 'SHUTOFF' }, does: 'stays' },
    {
      what: 'a pinned server that runs',
      is: { pinned: 'PCI device of class gpu' },
      does: 'pinned',
      why: 'cannot be moved (PCI device of class gpu)',
    },
    {
      what: 'a pinned server that is stopped',
      is: { pinned: 'PCI device', status: 'SHUTOFF' },
      does: 'stays',
    },
    {
      what: 'a stopped server that is being started',
      is: { status: 'SHUTOFF', task: 'powering-on' },
      does: 'waits',
      why: 'is busy (powering-on)',
    },
    {
      what: 'a running server that is being snapshot',
      is: { task: 'image_snapshot' },
      does: 'waits',
      why: 'is busy (image_snapshot)',
    },
    {
      what: 'an unconfirmed resize, busy or not',
      is: { status: 'VERIFY_RESIZE', task: 'resize_confirming' },
      does: 'held',
      why: 'has a resize that nobody has confirmed',
    },
  ])('$what $does', ({ is, does, why }) => {
    const decision = decideDrain(server('web-1', 'hv1', is));

    expect(decision).toEqual(why === undefined ? { does } : { does, why, ...becauseOf(decision) });
  });
});

describe('decideDrain, with wishes', () => {
  it.each<[string, object, Partial<DrainPolicy>, string, string?]>([
    ['live', { metadata: { [KEY]: 'live' } }, {}, 'live'],
    ['cold, which the site allows', { metadata: { [KEY]: 'cold' } }, {}, 'cold'],
    [
      'cold, which the site does not allow',
      { metadata: { [KEY]: 'cold' } },
      { allow: { cold: false, stop: true } },
      'held',
      'is only to be migrated cold (nightshift:drain = cold), which this site does not allow (allow.cold)',
    ],
    ['stop, which the site allows', { metadata: { [KEY]: 'stop' } }, {}, 'stop'],
    [
      'stop, which the site does not allow',
      { metadata: { [KEY]: 'stop' } },
      { allow: { cold: true, stop: false } },
      'held',
      'is only to be stopped (nightshift:drain = stop), which this site does not allow (allow.stop)',
    ],
    ['stop, of a server with a device', { metadata: { [KEY]: 'stop' }, pinned: 'PCI device' }, {}, 'stop'],
    [
      'live, of a server with a device',
      { metadata: { [KEY]: 'live' }, pinned: 'PCI device' },
      {},
      'pinned',
      'cannot be moved (PCI device)',
    ],
    [
      'to be asked',
      { metadata: { [KEY]: 'ask' } },
      {},
      'held',
      'has an owner who wants to be asked first (nightshift:drain = ask)',
    ],
    [
      'never',
      { metadata: { [KEY]: 'never' } },
      {},
      'held',
      'has an owner who does not want it touched (nightshift:drain = never)',
    ],
    [
      'a word that is no wish',
      { metadata: { [KEY]: 'Live' } },
      {},
      'held',
      'has a wish that we do not know (nightshift:drain = Live): it may say live, cold, stop, ask and never',
    ],
    ['nothing, and its project stop', {}, { projects: { alpha: 'stop' } }, 'stop'],
    [
      'live, and its project never',
      { metadata: { [KEY]: 'live' } },
      { projects: { alpha: 'never' } },
      'live',
    ],
    [
      'nothing, its class never and its project live',
      { name: 'db-1' },
      { projects: { alpha: 'live' }, classes: [{ class: 'db', name: 'db-*', drain: 'never' }] },
      'held',
      'has an owner who does not want it touched (class db: never)',
    ],
    [
      'to be stopped, while it is paused',
      { metadata: { [KEY]: 'stop' }, status: 'PAUSED' },
      {},
      'held',
      'is to be stopped (nightshift:drain = stop), which Nova refuses while it is paused',
    ],
    ['never, while it is stopped already', { metadata: { [KEY]: 'never' }, status: 'SHUTOFF' }, {}, 'stays'],
    ['to be stopped, and is locked', { metadata: { [KEY]: 'stop' }, locked: true }, {}, 'held', 'is locked'],
  ])('%s', (_, is, policy, does, why) => {
    const decision = decideDrain(server('web-1', 'hv1', is), { ...EVERYTHING, ...policy });

    expect(decision).toEqual(why === undefined ? { does } : { does, why, ...becauseOf(decision) });
  });
});

/** Every status, task, lock, device, wish, class and permission there is: said again, in other words. */
describe('decideDrain, where owners are asked', () => {
  const asking: DrainPolicy = {
    projects: {},
    classes: [],
    allow: { cold: false, stop: false },
    owners: { ask: true },
  };
  const gpu = (wish?: string) =>
    server('gpu', 'hv1', {
      pinned: 'PCI device of class gpu',
      metadata: wish === undefined ? {} : { [KEY]: wish },
    });

  it.each([
    [undefined, 'pinned'],
    ['stop', 'pinned'],
    ['ask', 'pinned'],
    ['never', 'held'],
    ['cold', 'held'],
  ])('waits for what is pinned with the wish %s: %s', (wish, does) => {
    expect(decideDrain(gpu(wish), asking).does).toBe(does);
  });

  it.each([
    ['owner', 'stop', 'stop'],
    // Taken back meanwhile.
    ['owner', undefined, 'pinned'],
    ['owner', 'never', 'held'],
    ['operator', undefined, 'stop'],
    ['operator', 'ask', 'stop'],
    ['operator', 'never', 'held'],
  ] as const)('heeds what the %s has agreed to while the wish is %s: %s', (by, wish, does) => {
    expect(decideDrain(gpu(wish), { ...asking, agreed: { gpu: by } }).does).toBe(does);
  });

  it('stops nothing that is locked or paused, whoever has agreed', () => {
    const agreed: DrainPolicy = { ...asking, agreed: { gpu: 'operator' } };
    expect(decideDrain({ ...gpu(), locked: true }, agreed).does).toBe('held');
    expect(decideDrain({ ...gpu(), status: 'PAUSED' }, agreed).does).toBe('held');
  });
});

it.each([
  { movable: ['PCI device of class gpu-vf'], does: 'live' },
  { movable: ['virtual GPU', 'PCI device of class gpu-*'], does: 'live' },
  { movable: ['PCI device of class gpu'], does: 'pinned' },
])('a device that a site calls movable ($movable) leaves its server $does', ({ movable, does }) => {
  const policy = { projects: {}, classes: [], allow: { cold: false, stop: false }, movable };

  expect(decideDrain(server('a', 'hv1', { pinned: 'PCI device of class gpu-vf' }), policy).does).toBe(does);
});

describe('the table of the drain', () => {
  const statuses = [
    'ACTIVE',
    'PAUSED',
    'SHUTOFF',
    'SUSPENDED',
    'SHELVED',
    'SHELVED_OFFLOADED',
    'SOFT_DELETED',
    'DELETED',
    'BUILD',
    'REBUILD',
    'REBOOT',
    'HARD_REBOOT',
    'PASSWORD',
    'RESIZE',
    'REVERT_RESIZE',
    'MIGRATING',
    'VERIFY_RESIZE',
    'RESCUE',
    'ERROR',
    'UNKNOWN',
    'A_STATUS_OF_2031',
    'constructor',
    '',
  ];
  const tasks = [undefined, 'deleting', 'image_snapshot', 'migrating', 'powering-on'];
  const wishes = [undefined, ...WISHES, 'whatever'];
  const rows = statuses.flatMap((status) =>
    tasks.flatMap((task) =>
      wishes.flatMap((own) =>
        [undefined, ...WISHES].flatMap((ofClass) =>
          [false, true].flatMap((locked) =>
            [undefined, 'PCI device'].flatMap((pinned) =>
              [false, true].map((allowed) => ({ status, task, own, ofClass, locked, pinned, allowed })),
            ),
          ),
        ),
      ),
    ),
  );

  function decide({ status, task, own, ofClass, locked, pinned, allowed }: (typeof rows)[number]) {
    const is = {
      status,
      locked,
      metadata: own === undefined ? {} : { [KEY]: own },
      ...(task === undefined ? {} : { task }),
      ...(pinned === undefined ? {} : { pinned }),
    };
    const classes = ofClass === undefined ? [] : [{ class: 'db', name: 'web-*', drain: ofClass }];
    const allow = { cold: allowed, stop: allowed };
    return decideDrain(server('web-1', 'hv1', is), { projects: {}, classes, allow });
  }

  it('answers for every row, and says why wherever it neither moves the server nor lets it be', () => {
    const without = rows.filter((row) => {
      const decision = decide(row);
      return ['waits', 'held', 'pinned'].includes(decision.does)
        ? !('why' in decision) || !/^\w+ \w/.test(decision.why)
        : 'why' in decision;
    });

    expect(rows).toHaveLength(23 * 5 * 7 * 6 * 2 * 2 * 2);
    expect(without).toEqual([]);
  });

  it.each<[string, string[], (row: (typeof rows)[number]) => boolean]>([
    [
      'touched, only what runs, idle and unlocked',
      ['live', 'cold', 'stop'],
      (row) => row.status === 'ACTIVE' || row.status === 'PAUSED',
    ],
    ['touched, nothing busy', ['live', 'cold', 'stop'], ({ task }) => task === undefined],
    ['touched, nothing locked', ['live', 'cold', 'stop'], ({ locked }) => !locked],
    [
      'cold or stopped, only by a wish that is allowed',
      ['cold', 'stop'],
      ({ own, ofClass, allowed }) => allowed && ['cold', 'stop'].includes(own ?? ofClass ?? ''),
    ],
    [
      'live, only where nothing else is wished',
      ['live', 'pinned'],
      ({ own, ofClass }) => (own ?? ofClass ?? 'live') === 'live',
    ],
    ['live, never off a device', ['live'], ({ pinned }) => pinned === undefined],
    [
      'left aboard, only what rests',
      ['stays'],
      ({ status, task }) =>
        /^(SHUTOFF|SUSPENDED|SHELVED|SHELVED_OFFLOADED|SOFT_DELETED|DELETED)$/.test(status) &&
        task === undefined,
    ],
    [
      'waited for, only what is busy',
      ['waits'],
      ({ status, task }) =>
        task !== undefined ||
        /^(BUILD|REBUILD|REBOOT|HARD_REBOOT|PASSWORD|RESIZE|REVERT_RESIZE|MIGRATING)$/.test(status),
    ],
  ])('%s', (_, does, holds) => {
    const wrong = rows.filter((row) => does.includes(decide(row).does) && !holds(row));

    expect(wrong).toEqual([]);
  });

  it.each(['A_STATUS_OF_2031', 'constructor', '', 'UNKNOWN'])(
    'holds "%s" whatever else is said',
    (status) => {
      const others = rows.filter((row) => row.status === status && decide(row).does !== 'held');

      expect(others).toEqual([]);
    },
  );
});

describe('decideDrain, with devices that Placement counts', () => {
  const gpu = server('gpu-1', 'hv1', { pinned: 'virtual GPU', metadata: { 'nightshift:drain': 'cold' } });
  const policy = (coldPlaces: DrainPolicy['coldPlaces']): DrainPolicy => ({
    projects: {},
    classes: [],
    allow: { cold: true, stop: false },
    coldPlaces,
  });

  it.each<[string, DrainPolicy['coldPlaces'], DrainDecision]>([
    ['moves cold where one is free', { 'gpu-1': { to: 'hv2' } }, { does: 'cold' }],
    ['moves cold where nobody has looked', undefined, { does: 'cold' }],
    [
      'is waited for where none is',
      { 'gpu-1': { why: 'no device of class VGPU is free elsewhere (0 of 6)' } },
      {
        does: 'pinned',
        why: 'cannot be moved (virtual GPU; no device of class VGPU is free elsewhere (0 of 6))',
        because: 'virtual GPU; no device of class VGPU is free elsewhere (0 of 6)',
      },
    ],
  ])('%s', (_, places, decision) => {
    expect(decideDrain(gpu, policy(places))).toEqual(decision);
  });

  it('asks nothing of a site whose devices move along', () => {
    const places = { 'gpu-1': { why: 'none is free' } };

    expect(decideDrain(gpu, { ...policy(places), movable: ['virtual GPU'] })).toEqual({ does: 'cold' });
  });
});
