import { afterEach, beforeEach, expect, it } from 'vitest';
import { openSite, type Site } from '../support/nightshift.ts';

let site: Site;
beforeEach(async () => {
  site = await openSite();
});
afterEach(() => site.close());

it('claim keeps a hypervisor to who says so, claims lists it, and unclaim ends it', async () => {
  const made = await site.nightshift('claim', 'hv11', '--until', '2099-11-27T17:00', '--reason', 'disk swap');
  const listed = await site.nightshift('claims');
  const json = await site.json('claims');
  const ended = await site.nightshift('unclaim', 'hv11');
  const after = await site.nightshift('claims');

  expect(made.out).toBe(
    'hv11 is claimed by kim until Fri 27 Nov 2099 17:00 UTC: disk swap. Jobs leave it alone until then.\n',
  );
  expect(made.exit).toBe(0);
  expect(listed.out).toMatch(/hv11\s+kim\s+Fri 27 Nov 2099 17:00 UTC\s+disk swap/);
  expect(json).toMatchObject([
    { hypervisor: 'hv11', by: 'kim', reason: 'disk swap', until: '2099-11-27T17:00:00.000Z' },
  ]);
  expect(ended.out).toBe('hv11 is claimed no more (kim had claimed it: disk swap).\n');
  expect(after.out).toBe('No hypervisor is claimed.\n');
});

it('claim refuses a time that is none, or past, and writes nothing', async () => {
  const none = await site.nightshift('claim', 'hv11', '--until', 'friday', '--reason', 'x');
  const past = await site.nightshift('claim', 'hv11', '--until', '2020-01-01', '--reason', 'x');
  const unsaid = await site.nightshift('claim', 'hv11', '--until', '3d');

  expect(none.err).toContain('--until: "friday" is no time; say 2026-11-27');
  expect(past.err).toContain('--until: Wed 1 Jan 2020 23:59 UTC is past');
  expect(unsaid.err).toContain("required option '--reason <text>'");
  expect([none.exit, past.exit, unsaid.exit]).toEqual([2, 2, 2]);
  expect(await site.json('claims')).toEqual([]);
});

it('unclaim names what is claimed when it is asked for something else', async () => {
  await site.nightshift('claim', 'hv11', '--until', '3d', '--reason', 'disk swap');

  const { err, exit } = await site.nightshift('unclaim', 'hv12');

  expect(err).toContain('nobody claims hv12; claimed are hv11');
  expect(exit).toBe(2);
});
