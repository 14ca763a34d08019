/** Who is written to of what, when, and why nobody else is. */
import { describe, expect, it } from 'vitest';
import type { Decision } from '../../src/domain/notice-round.ts';
import { ALICE, BOB, CONTACT, NoticeSite, said } from '../support/notices.ts';
import { dayAfter, FIRST_POLL, finding, host, policy, poll, servers } from '../support/polls.ts';

const HOUR_MS = 3_600_000;
const CVE = 'CVE-2026-1';
const RULES = [
  { match: { tags: ['Critical'] }, grace: '7d', remind: 'daily', critical: true },
  { match: { tags: ['High'] }, grace: '14d' },
];

function siteOf(more: Record<string, unknown> = {}, names = ['web', 'db']) {
  const owners = { db: BOB };
  return new NoticeSite({ servers: servers(...names), policy: policy({ rules: RULES, ...more }) }, owners);
}

const web = (...findings: Parameters<typeof host>[1] & object) => host('web', findings);
const critical = (id: string) => finding(id, { tags: ['Critical'] });

function only(decisions: readonly Decision[]): Decision {
  expect(decisions).toHaveLength(1);
  return decisions[0]!;
}

function sentBy(decision: Decision) {
  if (!('send' in decision)) throw new Error(`held: ${decision.why}`);
  return decision.send;
}

describe('one owner', () => {
  it('is told first, of all that is found, under an id of the owner, the kind and the day', () => {
    const site = siteOf();

    const decision = only(site.see(poll(FIRST_POLL, [web(CVE, 'CVE-2026-2')])).owners.slice(0, 1));

    expect(said([decision])).toEqual([`first alice@alpha.example: web ${CVE}=first CVE-2026-2=first`]);
    expect(sentBy(decision)).toMatchObject({
      id: 'patch-compliance.alice@alpha.example.first.20261120',
      thread: [],
      period: '20261120',
    });
    expect(decision.why).toBe(`${CVE} on web was not told before, and 1 more finding`);
  });

  it.each([
    ['weekly', 7, 'reminder'],
    ['weekly', 6, 'grace'],
    ['daily', 3, 'reminder'],
    ['3d', 3, 'reminder'],
    ['2wd', 3, 'grace'],
    ['2wd', 4, 'reminder'],
    ['never', 7, 'grace'],
  ])('is reminded %s: after %d days %s', (remind, days, kind) => {
    const site = siteOf({ rules: [{ match: {}, grace: '60d', remind }] }, ['web']);
    site.see(poll(FIRST_POLL, [web(CVE)]));

    const { owners } = site.see(poll(dayAfter(days), [web(CVE)]));

    expect(said(owners)[0]).toMatch(new RegExp(`^${kind} `));
  });

  it('hears two days before the due date, once it is over, and three days later, in one thread', () => {
    const site = siteOf({ rules: [{ match: {}, grace: '14d', remind: 'never' }] }, ['web']);
    const kinds = Array.from({ length: 24 }, (_, day) => {
      const decision = only(site.see(poll(dayAfter(day), [web(CVE)])).owners);
      return 'send' in decision ? [day, decision.send.kind, decision.send.thread.length] : [];
    });

    // Due Fri 4 Dec at 17:00: two days before is Wed 2 Dec (12), over is it on Mon 7 Dec (17), three days later
    // is Mon 7 Dec 17:00, so Tue 8 Dec (18).
    expect(kinds.filter((one) => one.length > 0)).toEqual([
      [0, 'first', 0],
      [12, 'reminder', 1],
      [17, 'escalated', 1],
      [18, 'escalated', 1],
    ]);
  });

  it('is told first of what is overdue already, and has until the next working day is over', () => {
    const rules = [{ match: {}, grace: '7d', clockStart: 'advisory', remind: 'never' }];
    const site = siteOf({ rules }, ['web']);
    const old = finding(CVE, { advisedAt: '2026-10-01T00:00:00Z' });

    const first = sentBy(only(site.see(poll(FIRST_POLL, [web(old)])).owners));

    expect(first.kind).toBe('first');
    expect(first.servers[0]!.open[0]).toMatchObject({ overdue: true, askedBy: '2026-11-23T17:00:00Z' });
    // Friday's mail gives until Monday evening.
    expect(said(site.see(poll(dayAfter(3), [web(old)])).owners)).toEqual(['grace alice@alpha.example']);
    expect(said(site.see(poll(dayAfter(4), [web(old)])).owners)[0]).toMatch(/^escalated /);
  });

  it('is told when a finding becomes due sooner', () => {
    const site = siteOf({}, ['web']);
    site.see(poll(FIRST_POLL, [web(CVE)]));

    const { owners } = site.see(poll(dayAfter(3), [web(critical(CVE))]));

    expect(said(owners)).toEqual([`worse alice@alpha.example: web ${CVE}=worse`]);
  });

  it('is told once that all is well, and no more of what is over', () => {
    const site = siteOf({}, ['web']);
    site.see(poll(FIRST_POLL, [web(CVE)]));
    // One complete poll without it is not enough, and claims nothing.
    expect(said(site.see(poll(dayAfter(3), [])).owners)).toEqual(['not shown alice@alpha.example']);

    expect(said(site.see(poll(dayAfter(4), [])).owners)).toEqual([
      `resolved alice@alpha.example: web (${CVE})`,
    ]);
    expect(said(site.see(poll(dayAfter(5), [])).owners)).toEqual(['nothing alice@alpha.example']);
    expect(site.log.size).toBe(0);
  });

  it('hears of what is over beside what is not', () => {
    const site = siteOf({}, ['web']);
    site.see(poll(FIRST_POLL, [web(CVE, 'CVE-2026-2')]));
    site.see(poll(dayAfter(3), [web('CVE-2026-2')]));

    expect(said(site.see(poll(dayAfter(4), [web('CVE-2026-2')])).owners)).toEqual([
      'grace alice@alpha.example',
    ]);
    expect(said(site.see(poll(dayAfter(7), [web('CVE-2026-2')])).owners)).toEqual([
      `reminder alice@alpha.example: web CVE-2026-2=reminder (${CVE})`,
    ]);
  });

  it('is told of one that comes back', () => {
    const site = siteOf({}, ['web']);
    site.see(poll(FIRST_POLL, [web(CVE)]));
    for (const day of [3, 4]) site.see(poll(dayAfter(day), []));

    expect(said(site.see(poll(dayAfter(5), [web(CVE)])).owners)).toEqual([
      `first alice@alpha.example: web ${CVE}=first`,
    ]);
  });

  it('is left in peace while it is exempt, and is escalated when that is over', () => {
    const exemptions = [{ server: 'web', reason: 'in a freeze', approvedBy: 'kim', until: '2026-12-31' }];
    const site = siteOf({ exemptions }, ['web']);

    expect(said(site.see(poll(FIRST_POLL, [web(CVE)])).owners)).toEqual(['exempt alice@alpha.example']);
    expect(said(site.see(poll(dayAfter(42), [web(CVE)])).owners)[0]).toMatch(/^first /);
    // An exemption gives time until its end: Thu 31 Dec; Fri 1 Jan was the first mail, overdue.
    expect(said(site.see(poll(dayAfter(46), [web(CVE)])).owners)[0]).toMatch(/^escalated /);
  });

  it('is told nothing that the latest report does not show', () => {
    const site = siteOf({}, ['web']);
    site.see(poll(FIRST_POLL, [web(CVE)]));

    const { owners } = site.see(poll(dayAfter(10), [], { complete: false }));

    expect(said(owners)).toEqual(['not shown alice@alpha.example']);
    expect(only(owners).why).toBe('the latest report does not show 1 open finding');
  });
});

describe('at the right time', () => {
  const at = (time: string) => poll(new Date(`${time}Z`), [web(CVE)]);
  const urgent = (time: string) => poll(new Date(`${time}Z`), [web(critical(CVE))]);

  it.each([
    ['2026-11-20T08:59:59', 'the next digest is on Fri 20 Nov 2026 09:00 GMT'],
    ['2026-11-21T10:00:00', 'the next digest is on Mon 23 Nov 2026 09:00 GMT'],
    ['2026-12-25T10:00:00', 'the next digest is on Tue 29 Dec 2026 09:00 GMT'],
  ])('a digest waits at %s: %s', (time, why) => {
    const site = siteOf({ holidays: ['2026-12-25', '2026-12-28'] }, ['web']);

    expect(only(site.see(at(time)).owners)).toMatchObject({ hold: 'digest', why });
    expect(said(site.decide(new Date(`${time}Z`)).owners)).toEqual(['digest alice@alpha.example']);
    expect(said(siteOf({}, ['web']).see(urgent(time)).owners)[0]).toMatch(/^first /);
  });

  it.each([
    // The clocks went back at 02:00 BST on Sun 25 Oct, and go forward at 01:00 GMT on Sun 28 Mar.
    ['2026-10-23T08:00:00', 'first'],
    ['2026-10-26T08:59:00', 'digest'],
    ['2026-10-26T09:00:00', 'first'],
    ['2027-03-26T08:59:00', 'digest'],
    ['2027-03-29T08:00:00', 'first'],
  ])('on the clocks of the policy, summer and winter: %s %s', (time, kind) => {
    expect(said(siteOf({}, ['web']).see(at(time)).owners)[0]).toMatch(new RegExp(`^${kind} `));
  });

  it.each([
    ['2026-11-20T18:00:00', {}, 'quiet hours until Sat 21 Nov 2026 08:00 GMT'],
    ['2026-11-20T07:59:00', {}, 'quiet hours until Fri 20 Nov 2026 08:00 GMT'],
    ['2026-11-20T17:59:00', {}, undefined],
    ['2026-11-20T18:00:00', { exceptCritical: true }, undefined],
  ])('nobody is woken at %s, given %j', (time, more, why) => {
    const site = siteOf({ quietHours: { from: '18:00', to: '08:00', ...more } }, ['web']);

    const decision = only(site.see(urgent(time)).owners);

    if (why === undefined) expect(decision).toHaveProperty('send');
    else expect(decision).toMatchObject({ hold: 'quiet hours', why });
  });

  it('has one digest a day, beside it one mail of another kind about what cannot wait', () => {
    const site = siteOf({}, ['web']);
    const later = (hours: number) => new Date(FIRST_POLL.getTime() + hours * HOUR_MS);
    site.see(poll(FIRST_POLL, [web(CVE)]));

    expect(said(site.see(poll(later(1), [web(CVE, 'CVE-2026-2')])).owners)).toEqual([
      'sent alice@alpha.example',
    ]);
    expect(said(site.see(poll(later(2), [web(CVE, critical('CVE-2026-3'))])).owners)).toEqual([
      `worse alice@alpha.example: web CVE-2026-3=first ${CVE}`,
    ]);
    expect(said(site.see(poll(later(3), [web(CVE, critical('CVE-2026-4'))])).owners)).toEqual([
      'sent alice@alpha.example',
    ]);
    expect(said(site.see(poll(dayAfter(3), [web(CVE, critical('CVE-2026-4'))])).owners)[0]).toMatch(
      /^first /,
    );
  });
});

describe('not everybody', () => {
  const both = poll(FIRST_POLL, [web(CVE), host('db', [critical(CVE)])]);

  it('is written to on the first day: the worst first', () => {
    const site = siteOf();

    const { owners } = site.see(both, { maxOwnersPerDay: 1 });

    expect(said(owners)).toEqual([`first bob@beta.example: db ${CVE}=first`, 'too many alice@alpha.example']);
    expect(said(site.decide(FIRST_POLL, { maxOwnersPerDay: 1 }).owners)).toEqual(
      ['too many alice@alpha.example', 'grace bob@beta.example'].toSorted(),
    );
    expect(said(site.see(poll(dayAfter(3), both.hosts), { maxOwnersPerDay: 2 }).owners)).toContain(
      `first alice@alpha.example: web ${CVE}=first`,
    );
  });

  it('is written to outside the projects of the pilot', () => {
    const site = siteOf();
    const { owners } = site.see(both, { pilot: new Set(['beta']) });

    expect(said(owners).toSorted()).toEqual(['pilot alice@alpha.example', 'pilot bob@beta.example']);
    expect(site.log.size).toBe(0);
  });

  it('can be reached', () => {
    const unreachable = new Map([['alice@alpha.example', '550 no such user']]);
    const [, alice] = siteOf().see(both, { unreachable }).owners;

    expect(alice).toMatchObject({
      hold: 'bounced',
      why: 'mail to alice@alpha.example does not arrive: 550 no such user',
    });
  });

  it('is written to while too many mails come back', () => {
    const { owners } = siteOf().see(both, { broken: 'one in ten mails came back' });

    expect(owners.map((one) => one.why)).toEqual([
      'one in ten mails came back',
      'one in ten mails came back',
    ]);
  });
});

describe('others', () => {
  const RUDE = { rules: [{ match: {}, grace: '2d', remind: 'never' }] };
  const contacts = { alpha: CONTACT };

  it('hear of it when its owner was told in time: contacts once, then operators with what could be done', () => {
    const escalation = [
      { at: 'first', to: ['owner'] },
      { at: '+0d', to: ['owner', 'projectContacts'] },
      { at: '+3d', to: ['operators'], propose: ['lock'] },
    ];
    const site = siteOf({ ...RUDE, escalation }, ['web']);
    const days = [0, 3, 4, 5, 6].map((day) => {
      const { owners, contacts: told, operators } = site.see(poll(dayAfter(day), [web(CVE)]), { contacts });
      return [day, ...said([...owners, ...told]), ...operators.map(({ propose, since }) => [propose, since])];
    });

    expect(days).toEqual([
      [0, `first alice@alpha.example: web ${CVE}=first`],
      [3, `escalated alice@alpha.example: web ${CVE}=escalated`, `contact lead@alpha.example: web ${CVE}`],
      [4, 'grace alice@alpha.example'],
      [5, 'grace alice@alpha.example'],
      [6, 'grace alice@alpha.example', [['lock'], '2026-11-25T17:00:00.000Z']],
    ]);
  });

  it('do not get as contacts what they have got as owners', () => {
    const site = new NoticeSite(
      { servers: servers('web'), policy: policy(RUDE) },
      { web: { ...CONTACT, email: 'Lead@alpha.example' } },
    );
    site.see(poll(FIRST_POLL, [web(CVE)]), { contacts });

    const { owners, contacts: told } = site.see(poll(dayAfter(3), [web(CVE)]), { contacts });

    expect(said([...owners, ...told])).toEqual([`escalated Lead@alpha.example: web ${CVE}=escalated`]);
  });
});

describe('what is remembered', () => {
  it('does not change when nothing is sent', () => {
    const site = siteOf({}, ['web']);
    site.see(poll(FIRST_POLL, [web(CVE)]));

    const { owners, spent } = site.see(poll(dayAfter(3), [web(CVE)]));

    expect(owners.map(({ row }) => row)).toEqual([undefined]);
    expect(spent.size).toBe(0);
  });

  it('goes with the server, and stays where not all servers were looked at', () => {
    const site = siteOf({}, ['web']);
    site.see(poll(FIRST_POLL, [web(CVE)]));

    expect(site.ask(dayAfter(3), { servers: [], partial: true }).spent.size).toBe(0);
    expect(site.ask(dayAfter(3), { servers: [] }).spent).toEqual(new Map([[ALICE.email, null]]));
  });

  it('takes no name for what every object has', () => {
    const site = siteOf({}, ['web']);

    for (const day of [0, 3]) {
      const { owners } = site.see(poll(dayAfter(day), [web('constructor', '__proto__')]));
      expect(said(owners)).toEqual([
        day === 0
          ? 'first alice@alpha.example: web __proto__=first constructor=first'
          : 'grace alice@alpha.example',
      ]);
    }
  });
});
