import { describe, expect, it } from 'vitest';
import { sayAlert } from '../src/alert-mail.ts';
import type { Alert, Failing } from '../src/engine/alerts.ts';

const READERS = { operators: ['ops@example.org'], zone: 'Europe/London' };
const RUN = 'reboot-hypervisors~20261124T223000Z';
const at = (time: string): number => new Date(`2026-11-${time}Z`).getTime();

const FAILING: Failing = {
  kind: 'failing',
  job: 'reboot-hypervisors',
  run: RUN,
  state: 'failed',
  since: at('24T22:41:00'),
  failures: 1,
  why: 'hv07 did not come back within 20 min',
  failedStep: 'reboot hv07',
  at: at('24T22:41:00'),
};

function said(alert: Alert): { subject: string; lines: string[] } {
  const mail = sayAlert(alert, READERS);
  expect(mail?.to).toEqual(READERS.operators);
  return { subject: mail?.subject ?? '', lines: mail?.text.split('\n') ?? [] };
}

describe('the mail about a job that fails', () => {
  it('says what, why, since when, how to look and how to go on', () => {
    expect(said(FAILING)).toEqual({
      subject: '[nightshift] reboot-hypervisors fails since Tue 24 Nov 2026 22:41 GMT',
      lines: [
        `${RUN} failed on Tue 24 Nov 2026 22:41 GMT: hv07 did not come back within 20 min.`,
        '',
        `  look    nightshift show ${RUN}`,
        `  log     nightshift log ${RUN}`,
        `  go on   nightshift resume ${RUN} --reason '…'    when it is repaired`,
        '',
        'You hear when it works again, and as long as it does not: a day after this began, then after two and',
        'four days more, then once a week. Runs that fail meanwhile send no mail of their own.',
        '',
      ],
    });
  });

  it('asks for a new run where none of its steps can be tried again', () => {
    const { failedStep: _, ...whole } = FAILING;

    expect(said(whole).lines).toContain(
      '  again   nightshift run reboot-hypervisors    when it is repaired; with --go to act',
    );
  });

  it('says how often it failed when it reminds', () => {
    const { subject, lines } = said({ ...FAILING, kind: 'reminder', failures: 3, at: at('27T22:45:00') });

    expect(subject).toBe('[nightshift] reboot-hypervisors still fails, since Tue 24 Nov 2026 22:41 GMT');
    expect(lines.slice(0, 2)).toEqual([
      'reboot-hypervisors has failed 3 times since Tue 24 Nov 2026 22:41 GMT.',
      `${RUN} failed on Fri 27 Nov 2026 22:45 GMT: hv07 did not come back within 20 min.`,
    ]);
  });

  it('is answered by one that says how long it failed', () => {
    const alert: Alert = {
      kind: 'recovered',
      job: 'reboot-hypervisors',
      run: 'reboot-hypervisors~20261126T223000Z',
      since: at('24T22:41:00'),
      failures: 2,
      at: at('26T22:43:00'),
    };

    expect(said(alert)).toEqual({
      subject: '[nightshift] reboot-hypervisors works again, after 2 days',
      lines: [
        'reboot-hypervisors~20261126T223000Z succeeded on Thu 26 Nov 2026 22:43 GMT.',
        'reboot-hypervisors had failed since Tue 24 Nov 2026 22:41 GMT, for 2 days: 2 runs failed.',
        '',
        'All of it: nightshift runs --job reboot-hypervisors',
        '',
      ],
    });
  });
});

describe('the mail about an outage', () => {
  const missed = {
    kind: 'missed',
    job: 'reboot-hypervisors',
    first: at('24T22:30:00'),
    last: at('26T22:30:00'),
    missed: 3,
    late: false,
    at: at('27T09:00:00'),
  } as const;

  it('says which times were missed, why, and what to do', () => {
    expect(said(missed)).toEqual({
      subject: '[nightshift] reboot-hypervisors missed 3 times since Tue 24 Nov 2026 22:30 GMT',
      lines: [
        'reboot-hypervisors was due 3 times from Tue 24 Nov 2026 22:30 GMT to Thu 26 Nov 2026 22:30 GMT, and no daemon lived then to run it.',
        'Nothing is run in their place; to run it now: nightshift run reboot-hypervisors (with --go to act).',
        '',
        'What became of each: nightshift schedule',
        '',
      ],
    });
  });

  it('says that the latest time is run late', () => {
    const { subject, lines } = said({ ...missed, last: missed.first, missed: 1, late: true });

    expect(subject).toBe('[nightshift] reboot-hypervisors missed Tue 24 Nov 2026 22:30 GMT');
    expect(lines.slice(0, 2)).toEqual([
      'reboot-hypervisors was due on Tue 24 Nov 2026 22:30 GMT, and no daemon lived then to run it.',
      'Its latest time is run late, in place of this one.',
    ]);
  });
});

describe('the mail about a run', () => {
  it('that waits for long says for what, how long, and how to end it', () => {
    const alert: Alert = {
      kind: 'waiting',
      job: 'reboot-hypervisors',
      run: RUN,
      state: 'waiting',
      why: '"hypervisor hv07", which drain~20261120T080000Z has (drains it)',
      since: at('24T22:41:00'),
      at: at('25T22:42:00'),
    };

    expect(said(alert)).toEqual({
      subject: `[nightshift] ${RUN} waits since Tue 24 Nov 2026 22:41 GMT`,
      lines: [
        `${RUN} waits for "hypervisor hv07", which drain~20261120T080000Z has (drains it).`,
        'It has waited for 24 h 1 min, since Tue 24 Nov 2026 22:41 GMT, and goes on; you hear of this wait only once.',
        '',
        `  look    nightshift show ${RUN}`,
        `  end it  nightshift cancel ${RUN} --reason '…'    it puts back what it holds`,
        '',
      ],
    });
  });

  it('that has stopped for a person says why', () => {
    const why = 'a job "reboot-hypervisors", which this version does not have';
    const { subject, lines } = said({ kind: 'undecided', job: 'reboot-hypervisors', run: RUN, why, at: 0 });

    expect(subject).toBe(`[nightshift] ${RUN} needs you`);
    expect(lines[0]).toBe(`${RUN} has stopped. It waits for ${why}.`);
  });
});

describe('where no operators are configured', () => {
  it('there is no mail', () => {
    expect(sayAlert(FAILING, { ...READERS, operators: [] })).toBeUndefined();
  });
});
