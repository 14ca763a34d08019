import { afterEach, beforeEach, expect, it } from 'vitest';
import { openSite, type Site } from '../support/nightshift.ts';

let site: Site;
beforeEach(async () => {
  site = await openSite();
  const row = {
    state: 'open',
    since: '2026-11-24T23:12:00.000Z',
    why: 'hv7 was left disabled, and maxFailed=0',
  };
  await site.redis.hset('{nightshift}:table:breakers', 'reboot-hypervisors', JSON.stringify(row));
});
afterEach(() => site.close());

it('breaker says what is stopped and why, and reset-breaker lets it go on', async () => {
  const shown = await site.nightshift('breaker');
  const reset = await site.nightshift('reset-breaker', 'reboot-hypervisors', '--reason', 'a bad DIMM');
  const after = await site.json('breaker');

  expect(shown.out).toMatch(/reboot-hypervisors\s+open\s+Tue 24 Nov 2026 23:12 UTC\s+hv7 was left disabled/);
  expect(shown.out).toContain("When all is well: nightshift reset-breaker NAME --reason '…'");
  expect(reset.out).toBe(
    'The breaker "reboot-hypervisors" is closed: a bad DIMM. What it stopped goes on at its next time.\n',
  );
  expect(after).toMatchObject([
    { name: 'reboot-hypervisors', state: 'closed', by: 'kim', why: 'a bad DIMM' },
  ]);
});

it('reset-breaker wants a reason, and the name of one that is open', async () => {
  const unsaid = await site.nightshift('reset-breaker', 'reboot-hypervisors');
  const slip = await site.nightshift('reset-breaker', 'reboot-hypervisor', '--reason', 'x');
  await site.nightshift('reset-breaker', 'reboot-hypervisors', '--reason', 'x');
  const twice = await site.nightshift('reset-breaker', 'reboot-hypervisors', '--reason', 'x');

  expect(unsaid.err).toContain("required option '--reason <text>'");
  expect(slip.err).toContain('no breaker "reboot-hypervisor" is open; did you mean "reboot-hypervisors"?');
  expect(twice.err).toContain('no breaker is open; nothing was changed');
  expect([unsaid.exit, slip.exit, twice.exit]).toEqual([2, 2, 2]);
});
