/** Whether the check of a night finds what a night must not do. */
import { expect, it } from 'vitest';
import type { Happening, News } from '../../src/twin/log.ts';
import { openQuietTwin } from '../../src/twin/twin.ts';
import { whatWentWrong } from '../support/night-check.ts';

const { world } = openQuietTwin({ seed: 7, hypervisors: 3, servers: 8, at: 0 });
const [a, b] = Object.values(world.state.servers).map(({ id }) => id) as [string, string];
const { projectId, userId } = world.state.servers[a]!;
world.state.groups.push({ id: 'quorum', name: 'quorum', policy: 'anti-affinity', projectId, userId });

/** What the check says of a night in which this happened. */
function judge(news: readonly News[], more: Partial<Parameters<typeof whatWentWrong>[0]> = {}) {
  const log: Happening[] = news.map((each, at) => ({ ...each, at }));
  const report = { headline: '1 needed a reboot: 1 done.' };
  const notes = [{ subject: 'hypervisor hv01', verdict: 'done', why: '' }];
  const quiet = structuredClone(world.state);
  return whatWentWrong({ log, state: quiet, notes, report, handback: [], outAtOnce: 1, ...more });
}

const boot = (hypervisor: string): News[] => [
  { what: 'cordoned', hypervisor, reason: 'nightshift x: y' },
  { what: 'reboot asked', hypervisor },
  { what: 'went down', hypervisor, guests: [] },
  { what: 'booted', hypervisor, kernel: 'new' },
  { what: 'service up', hypervisor, id: '1' },
  { what: 'uncordoned', hypervisor },
];
const begin = (server: string): News => ({
  what: 'migration began',
  server,
  from: 'hv01',
  kind: 'live-migration',
});

it('says nothing of a night that was harmless', () => {
  expect(judge(boot('hv01'))).toEqual([]);
});

it.each<[string, readonly News[], string]>([
  [
    'a reboot with a guest aboard',
    boot('hv01').map((each) => (each.what === 'went down' ? { ...each, guests: [a] } : each)),
    'hv01 went down with 1 guests aboard',
  ],
  [
    'a guest that died',
    [...boot('hv01'), { what: 'guest died', server: a, hypervisor: 'hv02' }],
    `guest ${a} died on hv02`,
  ],
  [
    'two that are out at once',
    [{ what: 'reboot asked', hypervisor: 'hv02' }, ...boot('hv01')],
    'out at once, 1 allowed: hv02, hv01',
  ],
  [
    'a migration while another one is under way',
    [...boot('hv01'), begin(a), begin(a)],
    `server ${a} was migrated twice at once`,
  ],
  ['one that boots twice', [...boot('hv01'), ...boot('hv01')], 'hv01 booted twice'],
  ['one that is called done and did not boot', [], 'hypervisor hv01 is called done and did not boot'],
])('finds %s', (_, news, fault) => {
  expect(judge(news)).toContain(fault);
});

it('finds a hard group that a move has broken', () => {
  const state = structuredClone(world.state);
  for (const [id, host] of [
    [a, 'hv02'],
    [b, 'hv02'],
  ] as const)
    Object.assign(state.servers[id]!, { group: 'quorum', host });
  const moved: News = { what: 'moved', server: a, from: 'hv01', to: 'hv02' };

  expect(judge([...boot('hv01'), moved], { state })).toEqual(['two members of group quorum on hv02']);
});

it('finds a hypervisor that is left disabled without a word, or without the way back', () => {
  const state = structuredClone(world.state);
  Object.assign(state.hypervisors['hv02']!, { disabled: true, disabledReason: 'nightshift x: y' });

  expect(judge(boot('hv01'), { state })).toEqual([
    'hv02 is still disabled, and no note says why (undefined)',
    'hv02 is still disabled, and the way back is not on disk',
  ]);
});

it('finds counts that do not add up', () => {
  const report = { headline: '2 needed a reboot: 2 done.' };

  expect(judge(boot('hv01'), { report })).toEqual(['the report counts 2 done, the notes 1']);
});
