import { describe, expect, it } from 'vitest';
import type { JudgedFinding, Judgement } from '../../src/domain/cases.ts';
import type { Poll } from '../../src/domain/patch-feed.ts';
import {
  dayAfter,
  FIRST_POLL,
  finding,
  host,
  Memory,
  policy,
  poll,
  type Site,
  servers,
} from '../support/polls.ts';

const CVE = 'CVE-2026-1';

const memory = (site: Partial<Site> = {}) =>
  new Memory({ servers: servers('web', 'db'), policy: policy(), ...site });
const found = (judgement: Judgement, id = CVE, server = 'web'): JudgedFinding | undefined =>
  judgement.servers.get(server)?.findings.find((each) => each.id === id);
const stateOf = (judgement: Judgement, server = 'web') => judgement.servers.get(server)?.state;

/** A feed that lists machines that are well, too. */
const everybody = (day: number, hosts: Poll['hosts'], more: Partial<Poll> = {}): Poll =>
  poll(dayAfter(day), hosts, { feed: 'exporters', listsClean: true, ...more });

describe('a finding', () => {
  it('is due so many days after it was first seen, at the end of that day’s working time', () => {
    const judgement = memory().see(poll(FIRST_POLL, [host('web', [CVE])]));

    expect(found(judgement)).toMatchObject({
      standing: 'open',
      kind: 'advisory',
      since: '2026-11-20T09:00:00Z',
      due: '2026-12-04T17:00:00Z',
      rule: { grace: '14d' },
      shown: { id: CVE, tags: ['High'] },
    });
    expect(stateOf(judgement)).toBe('vulnerable');
    expect(judgement.counts).toMatchObject({ servers: 2, open: 1, overdue: 0, opened: 1, resolved: 0 });
  });

  it('keeps its clock for as long as it is shown', () => {
    const site = memory();
    site.see(poll(FIRST_POLL, [host('web', [CVE])]));

    const later = site.see(poll(dayAfter(20), [host('web', [CVE])]));

    expect(found(later)).toMatchObject({ since: '2026-11-20T09:00:00Z', due: '2026-12-04T17:00:00Z' });
    expect(later.counts).toMatchObject({ overdue: 1, opened: 0 });
  });

  it.each([
    {
      what: 'where the feed tells it',
      advisedAt: '2026-11-18T15:30:00Z',
      start: '2026-11-18T15:30:00Z',
      due: '2026-11-25T17:00:00Z',
    },
    {
      what: 'to the second',
      advisedAt: '2026-11-18T15:30:00.123Z',
      start: '2026-11-18T15:30:00Z',
      due: '2026-11-25T17:00:00Z',
    },
    {
      what: 'but not before the server could be told',
      advisedAt: '2024-07-01T00:00:00Z',
      start: '2026-11-10T00:00:00Z',
      due: '2026-11-17T17:00:00Z',
    },
    {
      what: 'but not in the future',
      advisedAt: '2027-01-01T00:00:00Z',
      start: undefined,
      due: '2026-11-27T17:00:00Z',
    },
    {
      what: 'else when it was first seen',
      advisedAt: undefined,
      start: undefined,
      due: '2026-11-27T17:00:00Z',
    },
    { what: 'and no nonsense', advisedAt: 'soon', start: undefined, due: '2026-11-27T17:00:00Z' },
  ])('counts from its advisory $what', ({ advisedAt, start, due }) => {
    const [web] = servers('web').map((each) => ({ ...each, createdAt: '2026-11-03T00:00:00Z' }));
    const rules = [{ match: {}, grace: '7d', clockStart: 'advisory' }];
    const site = memory({ servers: [web!], policy: policy({ rules }) });
    const told = finding(CVE, advisedAt === undefined ? {} : { advisedAt });

    expect(found(site.see(poll(FIRST_POLL, [host('web', [told])])))?.due).toBe(due);
    expect(site.rows.get('web')?.cases[0]?.start).toBe(start);
  });

  it('is resolved after two complete polls without it, and then forgotten', () => {
    const site = memory();
    site.see(poll(FIRST_POLL, [host('web', [CVE])]));

    const once = site.see(poll(dayAfter(1), []));
    const twice = site.see(poll(dayAfter(2), []));
    const kept = site.see(poll(dayAfter(16), []));
    const gone = site.see(poll(dayAfter(17), []));

    expect(found(once)).toMatchObject({ standing: 'open' });
    expect(found(once)).not.toHaveProperty('shown');
    expect(stateOf(once)).toBe('vulnerable');
    expect(found(twice)).toMatchObject({ standing: 'resolved', resolvedAt: '2026-11-22T09:00:00Z' });
    expect(stateOf(twice)).toBe('compliant');
    expect(twice.counts).toMatchObject({ open: 0, resolved: 1 });
    expect(kept.next.size).toBe(0);
    expect(gone.next).toEqual(new Map([['web', null]]));
  });

  it('is kept for a week after it is resolved, even where nothing may come back with its clock', () => {
    const site = memory({ policy: policy({ reopenKeepsClock: '0d', resolve: { afterCompletePolls: 1 } }) });
    site.see(poll(FIRST_POLL, [host('web', [CVE])]));
    site.see(poll(dayAfter(1), []));

    expect(found(site.see(poll(dayAfter(8), [])))?.standing).toBe('resolved');
    expect(found(site.see(poll(dayAfter(8.1), [])))).toBeUndefined();
  });

  it('is not nearer to its end for polls without it that are not in a row', () => {
    const site = memory();
    for (const day of [0, 2, 4, 6]) {
      site.see(poll(dayAfter(day), [host('web', [CVE])]));
      expect(found(site.see(poll(dayAfter(day + 1), [])))?.standing).toBe('open');
    }
  });

  it('is resolved by two polls, not by one that is judged twice', () => {
    const site = memory();
    site.see(poll(FIRST_POLL, [host('web', [CVE])]));
    site.see(poll(dayAfter(1), []));

    const again = site.see(poll(dayAfter(1), []));

    expect(found(again)?.standing).toBe('open');
    expect(again.next.size).toBe(0);
  });

  it.each([
    {
      what: 'fourteen days',
      day: 16,
      since: '2026-11-20T09:00:00Z',
      due: '2026-12-04T17:00:00Z',
      again: '2026-12-06T09:00:00Z',
    },
    {
      what: 'longer',
      day: 16.01,
      since: '2026-12-06T09:14:24Z',
      due: '2026-12-20T17:00:00Z',
      again: undefined,
    },
  ])('that comes back after $what has the clock of $since', ({ day, since, due, again }) => {
    const site = memory();
    site.see(poll(FIRST_POLL, [host('web', [CVE])]));
    site.see(poll(dayAfter(1), []));
    site.see(poll(dayAfter(2), []));

    const back = site.see(poll(dayAfter(day), [host('web', [CVE])]));

    expect(found(back)).toMatchObject({ standing: 'open', since, due });
    expect(found(back)?.reopenedAt).toBe(again);
    expect(found(back)).not.toHaveProperty('resolvedAt');
    expect(back.counts.opened).toBe(1);
    expect(site.rows.get('web')?.cases).toHaveLength(1);
  });

  it('that becomes worse is due sooner, from the poll on that says so', () => {
    const site = memory();
    site.see(poll(FIRST_POLL, [host('web', [CVE])]));

    const early = site.see(poll(dayAfter(3), [host('web', [finding(CVE, { tags: ['Critical'] })])]));

    expect(found(early)).toMatchObject({ due: '2026-11-30T17:00:00Z', worseAt: '2026-11-23T09:00:00Z' });
  });

  it('that becomes worse shortly before it is due keeps its date', () => {
    const site = memory();
    site.see(poll(FIRST_POLL, [host('web', [CVE])]));

    const late = site.see(poll(dayAfter(10), [host('web', [finding(CVE, { tags: ['Critical'] })])]));

    expect(found(late)).toMatchObject({ due: '2026-12-04T17:00:00Z', rule: { grace: '7d' } });
    expect(found(late)).not.toHaveProperty('worseAt');
  });

  it('that becomes less bad has the longer time from its start', () => {
    const site = memory();
    site.see(poll(FIRST_POLL, [host('web', [CVE])]));

    const later = site.see(poll(dayAfter(3), [host('web', [finding(CVE, { tags: ['Low'] })])]));

    expect(found(later)).toMatchObject({ due: '2027-01-19T17:00:00Z', rule: { grace: '60d' } });
  });

  it('of which no rule speaks is no breach, and one that was is over', () => {
    const site = memory();
    const outside = host('web', [finding(CVE, { tags: ['Info'] })]);

    expect(site.see(poll(FIRST_POLL, [outside])).next.size).toBe(0);
    site.see(poll(dayAfter(1), [host('web', [CVE])]));
    site.see(poll(dayAfter(2), [outside]));

    expect(found(site.see(poll(dayAfter(3), [outside])))?.standing).toBe('resolved');
  });

  it('is one, whichever of two feeds shows it, and over when neither does', () => {
    const site = memory();
    const other = (day: number, hosts: Poll['hosts']) => poll(dayAfter(day), hosts, { feed: 'scanner' });
    site.see(poll(FIRST_POLL, [host('web', [CVE])]));
    site.see(other(1, [host('web', [CVE])]));
    site.see(poll(dayAfter(2), []));
    site.see(poll(dayAfter(3), []));

    const half = site.see(other(4, []));
    const whole = site.see(other(5, []));

    expect(half.servers.get('web')?.findings).toHaveLength(1);
    expect(found(half)).toMatchObject({ standing: 'open', since: '2026-11-20T09:00:00Z' });
    expect(found(whole)?.standing).toBe('resolved');
  });

  it('on a server that is gone is forgotten', () => {
    const site = memory();
    site.see(poll(FIRST_POLL, [host('web', [CVE])]));

    const { next, servers: judged } = site.see(poll(dayAfter(1), []), { servers: servers('db') });

    expect(next).toEqual(new Map([['web', null]]));
    expect([...judged.keys()]).toEqual(['db']);
  });
});

describe('what a poll is no witness of', () => {
  it('an incomplete one adds findings and resolves none', () => {
    const site = memory();
    site.see(poll(FIRST_POLL, [host('web', [CVE])]));

    for (const day of [1, 2, 3]) {
      const part = site.see(poll(dayAfter(day), [host('web', ['CVE-2026-2'])], { complete: false }));
      expect(found(part)?.standing).toBe('open');
      expect(found(part, 'CVE-2026-2')?.standing).toBe('open');
    }
  });

  it('a server in a cell that is silent', () => {
    const site = memory();
    site.see(poll(FIRST_POLL, [host('web', [CVE])]));
    const away = servers('web').map((each) => ({ ...each, name: '', createdAt: '', status: 'UNKNOWN' }));

    for (const day of [1, 2, 3]) {
      const look = site.see(poll(dayAfter(day), []), { servers: away });
      expect(found(look)?.standing).toBe('open');
    }
  });

  it('a server that is one of several which a host may be', () => {
    const site = memory();
    site.see(poll(FIRST_POLL, [host('web', [CVE])]));
    const two = [...servers('web'), { ...servers('web')[0]!, id: 'web-2' }];

    const look = site.see(poll(dayAfter(1), [host('web.example.org', [])]), { servers: two });
    const next = site.see(poll(dayAfter(2), [host('web.example.org', [])]), { servers: two });

    expect(found(next)?.standing).toBe('open');
    expect(next.servers.get('web-2')).toMatchObject({
      state: 'unknown',
      unknown: 'pakiti lists a host that may be this server: 2 servers are called web',
    });
    expect(look.ambiguous).toEqual([
      { host: 'web.example.org', candidates: ['web', 'web-2'], why: '2 servers are called web' },
    ]);
  });

  it('a machine that a feed of everybody does not list: it may be vulnerable still', () => {
    const site = memory();
    site.see(everybody(0, [host('web', [CVE])]));

    for (const day of [1, 2, 3]) expect(found(site.see(everybody(day, [])))?.standing).toBe('open');
  });

  it('a finding newer than the report', () => {
    const site = memory();
    const report = (lastReport: string) => host('web', [], { lastReport });
    site.see(everybody(0, [host('web', [CVE], { lastReport: '2026-11-20T06:00:00Z' })]));

    for (const day of [1, 2, 3])
      expect(found(site.see(everybody(day, [report('2026-11-20T06:00:00Z')])))?.standing).toBe('open');
    site.see(everybody(4, [report('2026-11-24T06:00:00Z')]));

    expect(found(site.see(everybody(5, [report('2026-11-25T06:00:00Z')])))?.standing).toBe('resolved');
  });

  it.each([
    { id: 'security-updates', was: { securityUpdates: 3 }, over: { securityUpdates: 0 }, state: 'outdated' },
    {
      id: 'reboot-required',
      was: { rebootRequired: true },
      over: { rebootRequired: false },
      state: 'reboot-pending',
    },
  ])('$id, where nothing is said of it', ({ id, was, over, state }) => {
    const site = memory();
    const heard = (day: number, facts: object) =>
      everybody(day, [host('web', [], { lastReport: dayAfter(day - 0.1).toISOString(), ...facts })]);

    expect(stateOf(site.see(heard(0, was)))).toBe(state);
    for (const day of [1, 2, 3]) expect(found(site.see(heard(day, {})), id)?.standing).toBe('open');
    site.see(heard(4, over));

    expect(found(site.see(heard(5, over)), id)?.standing).toBe('resolved');
  });
});

describe('the state of a server', () => {
  const reported = dayAfter(-0.1).toISOString();

  it.each([
    { state: 'compliant', facts: {}, findings: [] },
    { state: 'outdated', facts: { securityUpdates: 2 }, findings: [] },
    { state: 'reboot-pending', facts: { rebootRequired: true }, findings: [] },
    { state: 'reboot-pending', facts: {}, findings: [finding(CVE, { needsReboot: true })] },
    { state: 'outdated', facts: { securityUpdates: 2, rebootRequired: true }, findings: [] },
    { state: 'vulnerable', facts: { securityUpdates: 2, rebootRequired: true }, findings: [CVE] },
    { state: 'not-reporting', facts: { lastReport: '2026-11-13T09:00:00Z' }, findings: [CVE] },
    { state: 'vulnerable', facts: { lastReport: '2026-11-13T09:00:01Z' }, findings: [CVE] },
  ])('is $state with $facts and $findings', ({ state, facts, findings }) => {
    const judgement = memory().see(everybody(0, [host('web', findings, { lastReport: reported, ...facts })]));

    expect(stateOf(judgement)).toBe(state);
  });

  it('has a reason where it is unknown', () => {
    const only = poll(FIRST_POLL, [host('db', [CVE])]);
    const why = (one: Poll) => memory().see(one).servers.get('web');

    expect(why(only)).toEqual({
      id: 'web',
      state: 'unknown',
      unknown: 'pakiti lists only what something speaks against: it is well, or it does not report',
      findings: [],
    });
    expect(why({ ...only, complete: false })?.unknown).toBe(
      'pakiti gave an incomplete list, and it is not in it',
    );
    expect(why({ ...only, listsClean: true })?.unknown).toBe('pakiti does not list it');
    expect(why(everybody(0, [host('db', [], { lastReport: reported }), host('web')]))?.unknown).toBe(
      'exporters lists it without a report',
    );
  });

  it('adds up in the counts', () => {
    const { counts } = memory().see(poll(FIRST_POLL, [host('web', [CVE]), host('stranger', [CVE])]));

    expect(counts).toEqual({
      servers: 2,
      states: {
        'not-reporting': 0,
        vulnerable: 1,
        outdated: 0,
        'reboot-pending': 0,
        unknown: 1,
        compliant: 0,
      },
      leftAlone: 0,
      open: 1,
      overdue: 0,
      exempt: 0,
      opened: 1,
      resolved: 0,
      hosts: { matched: 1, ambiguous: 0, nobody: 1 },
    });
  });

  it('is not looked at while the server is young, nor is a clock begun', () => {
    const born = servers('web').map((each) => ({ ...each, createdAt: '2026-11-18T09:00:00Z' }));
    const site = memory({ servers: born });

    const young = site.see(poll(FIRST_POLL, [host('web', [CVE])]));
    const old = site.see(poll(dayAfter(5), [host('web', [CVE])]));

    expect(young.servers.get('web')).toEqual({
      id: 'web',
      state: 'unknown',
      leftAlone: 'it is younger than 7d',
      findings: [],
    });
    expect([young.next.size, young.counts.leftAlone]).toEqual([0, 1]);
    expect(found(old)).toMatchObject({ since: '2026-11-25T09:00:00Z', due: '2026-12-09T17:00:00Z' });
  });
});

describe('a server that does not report', () => {
  it('is known by the date of its last report, and well again with a newer one', () => {
    const site = memory();
    const report = (day: number, lastReport: string) =>
      poll(dayAfter(day), [host('web', [CVE], { lastReport })]);

    expect(stateOf(site.see(report(0, '2026-10-12T09:00:00Z')))).toBe('not-reporting');
    site.see(report(1, '2026-11-21T06:00:00Z'));
    const heard = site.see(report(2, '2026-11-22T06:00:00Z'));

    expect(found(heard, 'not-reporting')?.standing).toBe('resolved');
    expect(stateOf(heard)).toBe('vulnerable');
  });

  it('is known after days in which a feed of everybody has not heard of it', () => {
    const site = memory();
    const others = [host('db', [], { lastReport: dayAfter(0).toISOString() })];

    const first = site.see(everybody(0, others));
    expect([...first.next.keys()]).toEqual(['web']);
    expect(site.see(everybody(6.9, others)).next.size).toBe(0);
    const silent = site.see(everybody(7, others));

    expect(stateOf(silent)).toBe('not-reporting');
    expect(found(silent, 'not-reporting')).toMatchObject({
      since: '2026-11-27T09:00:00Z',
      due: '2026-12-04T17:00:00Z',
    });
  });

  it('has its silence measured anew after it was heard', () => {
    const site = memory();
    const heard = host('web', [], { lastReport: dayAfter(5).toISOString() });
    site.see(everybody(0, []));

    expect(site.see(everybody(5, [heard])).next.get('web')).toBeNull();
    expect(stateOf(site.see(everybody(8, [])))).toBe('unknown');
  });

  it('is no breach where no rule says so, and nothing is remembered of its silence', () => {
    const rules = [{ match: {}, grace: '7d' }];

    expect(memory({ policy: policy({ rules }) }).see(everybody(0, [])).next.size).toBe(0);
  });

  it('is not thought silent by an incomplete poll', () => {
    const site = memory();
    site.see(everybody(0, [], { complete: false }));

    expect(stateOf(site.see(everybody(30, [], { complete: false })))).toBe('unknown');
    expect(site.rows.size).toBe(0);
  });
});

describe('several hosts that are one server', () => {
  const names = ['web', 'web.novalocal'] as const;

  it('count by the newest report', () => {
    const [old, young] = ['2026-11-01T00:00:00Z', '2026-11-19T00:00:00Z'];
    const judgement = memory().see(
      poll(FIRST_POLL, [
        host(names[0], [CVE], { lastReport: old }),
        host(names[1], ['CVE-2026-2'], { lastReport: young }),
      ]),
    );

    expect(judgement.servers.get('web')?.findings.map(({ id }) => id)).toEqual(['CVE-2026-2']);
    expect(judgement.servers.get('web')?.report).toEqual({ hostname: names[1], lastReport: young });
  });

  it('count together where they report at the same time', () => {
    const judgement = memory().see(
      poll(FIRST_POLL, [host(names[0], [CVE]), host(names[1], [CVE, 'CVE-2026-2'])]),
    );

    expect(judgement.servers.get('web')?.findings.map(({ id }) => id)).toEqual([CVE, 'CVE-2026-2']);
  });
});

describe('an exemption', () => {
  const exemption = { server: 'web', reason: 'vendor fix is due', approvedBy: 'kim', until: '2026-12-11' };

  it('stops the clock of what it is for until it ends, and what was due is due then', () => {
    const site = memory({ exemptions: [exemption] });
    const shown = (day: number) => site.see(poll(dayAfter(day), [host('web', [CVE]), host('db', [CVE])]));

    const first = shown(0);
    const ended = shown(22);

    expect(found(first)).toMatchObject({
      standing: 'exempt',
      due: '2026-12-11T23:59:00Z',
      exempt: exemption,
      exemptUntil: '2026-12-11T23:59:00Z',
    });
    expect(found(first, CVE, 'db')?.standing).toBe('open');
    expect(first.counts).toMatchObject({ open: 1, exempt: 1 });
    expect(found(ended)).toMatchObject({ standing: 'open', due: '2026-12-11T23:59:00Z' });
    expect(found(ended)).not.toHaveProperty('exempt');
  });

  it('changes no row, so that taking it back gives the old date', () => {
    const site = memory();
    const shown = poll(FIRST_POLL, [host('web', [CVE])]);
    site.see(shown);

    const given = site.see(shown, { exemptions: [exemption] });
    const taken = site.see(shown);

    expect(given.next.size).toBe(0);
    expect(found(taken)?.due).toBe('2026-12-04T17:00:00Z');
  });

  it('leaves the state of the server as it is', () => {
    expect(stateOf(memory({ exemptions: [exemption] }).see(poll(FIRST_POLL, [host('web', [CVE])])))).toBe(
      'vulnerable',
    );
  });
});
