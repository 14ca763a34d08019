import { expect, it } from 'vitest';
import { changedStandings, type OwnerStanding } from '../../src/domain/owner-standing.ts';

const ALICE: OwnerStanding = {
  email: 'Alice@alpha.example',
  by: 'user',
  servers: [{ id: 'web', name: 'web', projectId: 'alpha' }],
  held: { verdict: 'told later', why: 'others are worse' },
  at: '2026-11-20T09:00:00.000Z',
  run: 'patch-compliance~1',
};
const LATER = { at: '2026-11-23T09:00:00.000Z', run: 'patch-compliance~2' };
const known = new Map([['alice@alpha.example', ALICE]]);

it('is written only where it says something else', () => {
  expect(changedStandings(known, [{ ...ALICE, ...LATER }], { partial: false }).size).toBe(0);
  const { held: _, ...free } = ALICE;
  const told = { ...free, ...LATER };
  expect(changedStandings(known, [told], { partial: false })).toEqual(
    new Map([['alice@alpha.example', told]]),
  );
});

it('goes with the last finding, unless only some were looked at', () => {
  expect(changedStandings(known, [], { partial: false })).toEqual(new Map([['alice@alpha.example', null]]));
  expect(changedStandings(known, [], { partial: true }).size).toBe(0);
});
