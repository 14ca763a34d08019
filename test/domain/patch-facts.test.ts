/** What a notice says, and that no name in it does any harm. */
import { describe, expect, it } from 'vitest';
import type { Notice, Round } from '../../src/domain/notice-round.ts';
import { factsOfNotices } from '../../src/domain/patch-facts.ts';
import { PatchNoticeSchema } from '../../src/domain/patch-letter.ts';
import { openTemplates, readTemplates } from '../../src/mail-templates.ts';
import { ALICE, CONTACT, NoticeSite } from '../support/notices.ts';
import { dayAfter, FIRST_POLL, finding, host, policy, poll, servers } from '../support/polls.ts';

const templates = openTemplates(await readTemplates(), 'Europe/London');

const OPENSSL = finding('CVE-2026-1234', {
  tags: ['EGI-Critical'],
  package: 'openssl',
  installed: '3.0.11',
  fixed: '3.0.15',
});

interface Asked {
  readonly site: NoticeSite;
  readonly one: Parameters<NoticeSite['see']>[0];
  readonly more?: Partial<Round>;
}

function factsAt({ site, one, more = {} }: Asked) {
  const { owners, contacts } = site.see(one, more);
  const round = { ...roundOf(site), now: new Date(one.takenAt), ...more };
  const facts = factsOfNotices(round, { askedAt: one.takenAt, projects: { alpha: 'Alpha' } });
  return [...owners, ...contacts].flatMap((each): Notice[] => ('send' in each ? [each.send] : [])).map(facts);
}

function siteOf(more: Record<string, unknown> = {}, names = ['web']) {
  const rules = [
    { match: {}, grace: '7d' },
    { match: { notReportingFor: '7d' }, grace: '7d' },
  ];
  return new NoticeSite({ servers: servers(...names), policy: policy({ rules, ...more }) });
}

describe('a notice', () => {
  const reported = { os: 'Debian 12', lastReport: '2026-11-20T06:00:00Z' };

  it('says what is wrong with its evidence, what to do, by when, what happens otherwise and how to ask for more', () => {
    const one = poll(FIRST_POLL, [host('web', [OPENSSL], reported)]);
    const [facts] = factsAt({ site: siteOf(), one, more: { contacts: { alpha: CONTACT } } });

    const { subject, text, html } = templates.write('patch-notice', facts!);

    expect(subject).toBe('1 of your servers needs security updates by Fri 27 Nov 2026');
    for (const words of [
      'Hello alice,',
      '1 server of project Alpha needs your attention by Fri 27 Nov 2026 17:00 GMT.',
      'the report of Fri 20 Nov 2026 06:00 GMT (Debian 12) shows:',
      'openssl 3.0.11; 3.0.15 closes CVE-2026-1234 (critical)',
      'first seen Fri 20 Nov 2026, due by Fri 27 Nov 2026 17:00 GMT',
      'update it, for instance:  sudo apt update && sudo apt upgrade',
      'If you cannot, reply to this mail before that date and say why: the cloud team can grant more time.',
      'From Fri 27 Nov 2026 17:00 GMT on, the patching policy has us tell your project',
      'From Mon 30 Nov 2026 17:00 GMT on, the cloud',
      'You get this because you made these servers.',
    ])
      expect(text).toContain(words);
    expect(html).toContain('<b>Fri 27 Nov 2026 17:00 GMT</b>');
    expect(html).toContain('sudo apt update &amp;&amp; sudo apt upgrade');
  });

  it('asks for a reboot and no update where only the running kernel is old', () => {
    const one = poll(FIRST_POLL, [host('web', [], { ...reported, rebootRequired: true })]);
    const { subject, text } = templates.write('patch-notice', factsAt({ site: siteOf(), one })[0]!);

    expect(subject).toBe('1 of your servers needs a reboot by Fri 27 Nov 2026');
    expect(text).toContain('a patched kernel is installed, the old one still runs');
    expect(text).toContain('sudo reboot');
    expect(text).not.toContain('apt');
  });

  it('tells of a silent one since when, and what to look at', () => {
    const one = poll(FIRST_POLL, [host('web', [], { lastReport: '2026-11-01T06:00:00Z' })]);
    const { subject, text } = templates.write('patch-notice', factsAt({ site: siteOf(), one })[0]!);

    expect(subject).toBe('1 of your servers needs attention by Fri 27 Nov 2026');
    expect(text).toContain(
      'the report of Sun 1 Nov 2026 06:00 GMT shows:\n    - no report has come since that one',
    );
    expect(text).toContain('see that it runs');
  });

  it('tells a project’s contact of whom it is, and the owner that the contact knows', () => {
    const site = siteOf();
    const more = { contacts: { alpha: CONTACT } };
    factsAt({ site, one: poll(FIRST_POLL, [host('web', [OPENSSL])]), more });

    const later = factsAt({ site, one: poll(dayAfter(10), [host('web', [OPENSSL])]), more });
    const [owner, contact] = later.map((facts) => templates.write('patch-notice', facts));

    expect(owner!.subject).toBe('Overdue: 1 of your servers needs security updates by Fri 27 Nov 2026');
    expect(owner!.text).toContain('OVERDUE since Fri 27 Nov 2026 17:00 GMT');
    expect(owner!.text).toContain("your project's contacts of it, too");
    expect(contact!.subject).toBe(
      'Overdue: 1 server in your project needs security updates by Fri 27 Nov 2026',
    );
    expect(contact!.text).toContain(`owner ${ALICE.email}`);
    expect(contact!.text).toContain('you are the contact of project alpha');
  });

  it('thanks for what is over', () => {
    const site = siteOf();
    for (const [day, hosts] of [
      [0, [host('web', [OPENSSL])]],
      [3, []],
    ] as const)
      factsAt({ site, one: poll(dayAfter(day), hosts) });
    const [facts] = factsAt({ site, one: poll(dayAfter(4), []) });

    const { subject, text } = templates.write('patch-notice', facts!);

    expect(subject).toBe('Done: what we asked for on 1 of your servers');
    expect(text).toContain('found no more: CVE-2026-1234');
    expect(text).not.toContain('If you cannot');
  });

  it('has an end, however much there is to say, and counts the rest', () => {
    const names = Array.from({ length: 3000 }, (_, i) => `web-${i}`);
    const many = Array.from({ length: 40 }, (_, i) => finding(`CVE-2026-${i}`));
    const one = poll(
      FIRST_POLL,
      names.map((name) => host(name, many)),
    );
    const [facts] = factsAt({ site: siteOf({}, names), one });

    const { subject, text } = templates.write('patch-notice', facts!);

    expect(subject).toMatch(/^3000 of your servers /);
    expect(text).toContain('    - and 36 more\n');
    expect(text).toContain(' and 2780 more.');
    expect(text.length).toBeLessThan(100_000);
  });
});

describe('a name that a stranger chose', () => {
  it.each([
    ['ends the header', 'a\r\nBcc: all@example.org\n\nHello'],
    ['is markup', '<script>alert(1)</script><img src=x onerror=alert(1)>'],
    ['turns the text round', 'a\u202egpj.exe\u2066\u200b\ufeff'],
    ['is a formula', '=HYPERLINK("https://evil.example","ok")'],
    ['is a template', '{{ reader.name }}{% include "x" %}'],
    ['is a colour', '\u001b[31mred\u0007'],
    ['is half a character', '\ud800x'],
    ['is long', 'x'.repeat(10_000)],
  ])('does no harm where it %s', (_, name) => {
    const site = siteOf({}, ['web']);
    const evil = finding(name, { package: name, installed: name, fixed: name, url: `javascript:${name}` });
    const named = site.site.servers.map((server) => ({ ...server, name, addresses: [name] }));
    const one = poll(FIRST_POLL, [host('web', [evil], { os: name })]);
    site.judge(one);
    const decision = site.ask(FIRST_POLL, { servers: named }).owners[0]!;
    if (!('send' in decision)) throw new Error(decision.why);
    const notice = { ...decision.send, to: { ...ALICE, name } };
    const about = { askedAt: one.takenAt, projects: { alpha: name } };
    const facts = factsOfNotices(roundOf(site), about)(notice);

    const { subject, text, html } = templates.write('patch-notice', facts);

    expect(PatchNoticeSchema.safeParse(facts).error).toBeUndefined();
    for (const said of [subject, decision.why]) {
      expect(said).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}]/u);
      expect(said.length).toBeLessThan(400);
    }
    expect(text.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}]/u);
    expect(text).not.toMatch(/^(?:Bcc:|=)/m);
    expect(text.length + html.length).toBeLessThan(20_000);
    expect(html).not.toMatch(/<(?:script|img)|javascript:|href/);
    expect(html.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}]/u);
    expect(notice.id).toBe('patch-compliance.alice@alpha.example.first.20261120');
  });

  it.each([
    ['https://security.example.org/CVE-2026-1?a=b&c=d', true],
    ['http://security.example.org/', false],
    ['https://user@evil.example/', false],
    ['https://evil.example/"onclick="x', false],
    ['JavaScript:alert(1)', false],
  ])('links %s: %j', (url, linked) => {
    const [facts] = factsAt({ site: siteOf(), one: poll(FIRST_POLL, [host('web', [{ ...OPENSSL, url }])]) });

    expect(facts!.servers[0]!.findings[0]!.url).toBe(linked ? url : '');
  });
});

function roundOf({ site, log }: NoticeSite): Round {
  return {
    owned: [],
    log,
    policy: site.policy,
    zone: 'UTC',
    now: FIRST_POLL,
    contacts: {},
    unreachable: new Map(),
    maxOwnersPerDay: 100,
  };
}
