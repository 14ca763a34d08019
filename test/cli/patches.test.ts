/** What people ask and say of servers that are not patched, and of who owns them. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openSite, type Site } from '../support/nightshift.ts';
import { ALICES_ROWS } from '../support/patch-rows.ts';

let site: Site;
beforeEach(async () => {
  site = await openSite();
  for (const [table, rows] of Object.entries(ALICES_ROWS))
    for (const [key, row] of Object.entries(rows))
      await site.redis.hset(`{nightshift}:table:${table}`, key, JSON.stringify(row));
});
afterEach(() => site.close());

it('why owner says the findings, their dates, and the notices; why server the same of one', async () => {
  const owner = await site.nightshift('why', 'owner', 'Alice@alpha.example');
  const server = await site.nightshift('why', 'server', 'web');
  const nobodys = await site.nightshift('why', 'server', 'id-of-nobodys');
  const none = await site.nightshift('why', 'owner', 'bob@beta.example');

  expect(owner.out).toContain(
    'owner alice@alpha.example: told since Fri 20 Nov 2026 09:00 UTC, 1 finding open, the first due Fri 4 Dec 2026',
  );
  expect(owner.out).toMatch(/web\s+CVE-2026-1\s+open\s+Fri 20 Nov 2026 .*Fri 4 Dec 2026 .*Fri 27 Nov 2026/);
  expect(owner.out).toContain('Notices sent last: first 2026-11-20, reminder 2026-11-27.');
  expect(server.out).toContain('server web id-o…: not patched, 1 finding open, the first due Fri 4 Dec 2026');
  expect(server.out).toContain('Its owner alice@alpha.example: told.');
  expect(nobodys.out).toContain('Nobody is written to about it');
  expect(none.exit).toBe(2);
});

it('exempt grants time by whoever asks, exemptions lists it, unexempt ends it', async () => {
  const made = await site.nightshift('exempt', 'web', 'cve-2026-1', '--until', '2w', '--reason', 'Friday');
  const listed = await site.nightshift('exemptions');
  const why = await site.nightshift('why', 'server', 'web');
  const ended = await site.nightshift('unexempt', 'server', 'id-of-web', 'cve', 'CVE-2026-1');
  const after = await site.nightshift('exemptions');
  const audit = JSON.stringify(await site.redis.xrange('{nightshift}:audit', '-', '+'));

  expect(made.out).toMatch(/^Exempt until .* server id-of-web cve CVE-2026-1 \(Friday; kim\)/);
  expect(listed.out).toMatch(/server id-of-web cve CVE-2026-1\s.*\skim\s+Friday/);
  expect(why.out).toContain('server web id-o…: exempt');
  expect(why.out).toContain('CVE-2026-1 is exempt: Friday (kim)');
  expect(ended.out).toContain('No longer exempt: server id-of-web cve CVE-2026-1');
  expect(after.out).toBe('Nothing is exempt.\n');
  expect(audit).toContain('"set exemptions server id-of-web cve CVE-2026-1","by","kim","why","Friday"');
});

it('exempt refuses whatever is not clear, all at once, and changes nothing', async () => {
  const wrong = await site.nightshift('exempt', 'wep', '--until', 'friday', '--reason', 'x');
  const twice = await site.nightshift('exempt', 'web', 'server:b', '--until', '2w', '--reason', 'x');
  const none = await site.nightshift('unexempt', 'server', 'id-of-web');

  expect(wrong.err).toContain('wep: no server with findings is called so; did you mean web?');
  expect(wrong.err).toContain('--until: "friday" is no time');
  expect(twice.err).toContain('server:b: id-of-web is a server already');
  expect(none.err).toContain('nothing is exempt; nothing was changed');
  expect([wrong.exit, twice.exit, none.exit]).toEqual([2, 2, 2]);
  expect(await site.redis.exists('{nightshift}:table:exemptions')).toBe(0);
});

it('person export shows every row about an address, and person erase leaves none', async () => {
  const exemption = {
    exemption: {
      server: 'id-of-web',
      reason: 'asked by alice@alpha.example',
      approvedBy: 'kim',
      until: '2099-01-01',
    },
    at: '2026-11-20T09:00:00.000Z',
  };
  await site.redis.hset('{nightshift}:table:exemptions', 'server id-of-web', JSON.stringify(exemption));
  await site.redis.hset('{nightshift}:table:owner-mails', 'malice@alpha.example', '{"at":"x"}');

  const shown = await site.nightshift('person', 'export', 'Alice@alpha.example', '--json');
  const erased = await site.nightshift('person', 'erase', 'alice@alpha.example', '--reason', 'she left');
  const after = await site.nightshift('person', 'export', 'alice@alpha.example');
  const none = await site.nightshift('person', 'export', 'alice');

  expect(JSON.parse(shown.out)).toMatchObject({
    address: 'alice@alpha.example',
    tables: { ...without('patch-cases'), exemptions: { 'server id-of-web': exemption } },
  });
  expect(erased.out).toContain('alice@alpha.example is forgotten in 3 rows.');
  expect(after.out).toBe('Nothing is known of alice@alpha.example.\n');
  expect(none.err).toContain('"alice" is no mail address');
  expect(await site.redis.hget('{nightshift}:table:exemptions', 'server id-of-web')).toContain(
    'asked by (erased)',
  );
  expect(await site.redis.hlen('{nightshift}:table:owner-mails')).toBe(1);
});

function without(table: keyof typeof ALICES_ROWS) {
  return Object.fromEntries(Object.entries(ALICES_ROWS).filter(([name]) => name !== table));
}
