import { afterEach, beforeEach, expect, it } from 'vitest';
import { openSite, type Site } from '../support/nightshift.ts';

let site: Site;
beforeEach(async () => {
  site = await openSite();
  const row = {
    state: 'bounced',
    since: '2026-11-24T23:12:00.000Z',
    why: '550 5.1.1 no such user',
    source: 'refusal',
    mail: '<patch.alice.first@example.org>',
  };
  await site.redis.hset('{nightshift}:table:addresses', 'alice@site.example', JSON.stringify(row));
});
afterEach(() => site.close());

it('addresses says which get no mail and why, and address clear has one get mail again', async () => {
  const shown = await site.nightshift('addresses');
  const cleared = await site.nightshift(
    'address',
    'clear',
    'Alice@Site.example',
    '--reason',
    'she moved back',
  );
  const after = await site.nightshift('addresses');
  const row = JSON.parse(
    (await site.redis.hget('{nightshift}:table:addresses', 'alice@site.example')) ?? '{}',
  ) as object;
  const audit = JSON.stringify(await site.redis.xrange('{nightshift}:audit', '-', '+'));

  expect(shown.out).toMatch(
    /alice@site\.example\s+bounced\s+Tue 24 Nov 2026 23:12 UTC\s+550 5\.1\.1 no such user/,
  );
  expect(shown.out).toContain("When one is good again: nightshift address clear ADDRESS --reason '…'");
  expect(cleared.out).toBe('alice@site.example gets mail again: she moved back.\n');
  expect(after.out).toBe('No address is marked.\n');
  expect(row).toMatchObject({ state: 'clear', source: 'person', by: 'kim', why: 'she moved back' });
  expect(audit).toContain('"set addresses alice@site.example","by","kim","why","she moved back"');
});

it('address clear wants a reason, and an address that is marked', async () => {
  const unsaid = await site.nightshift('address', 'clear', 'alice@site.example');
  const slip = await site.nightshift('address', 'clear', 'alise@site.example', '--reason', 'x');
  await site.nightshift('address', 'clear', 'alice@site.example', '--reason', 'x');
  const twice = await site.nightshift('address', 'clear', 'alice@site.example', '--reason', 'x');

  expect(unsaid.err).toContain("required option '--reason <text>'");
  expect(slip.err).toContain('"alise@site.example" is not marked; did you mean alice@site.example?');
  expect(twice.err).toContain('"alice@site.example" is not marked; nothing was changed');
  expect([unsaid.exit, slip.exit, twice.exit]).toEqual([2, 2, 2]);
});
