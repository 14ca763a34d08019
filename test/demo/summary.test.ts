import { describe, expect, it } from 'vitest';
import { errorsIn, type Outcome, sayOutcome, sightsOf } from '../../src/demo/summary.ts';
import type { RunRecord } from '../../src/engine/runs.ts';

const ID = 'reboot-hypervisors~20261124T223000Z';

function run(about: Partial<RunRecord> = {}): RunRecord {
  return {
    id: ID,
    job: 'reboot-hypervisors',
    state: 'succeeded',
    trigger: { kind: 'cron' },
    options: {},
    acting: true,
    createdAt: '',
    definition: '',
    report: { headline: '14 needed a reboot: 12 done, 2 held.' },
    children: [],
    notes: [],
    steps: [],
    claims: 1,
    resumes: 0,
    ...about,
  };
}

function failedStep(state: 'failed' | 'unknown') {
  return { key: state, state, effect: 'once', tries: 1, startedAt: '' } as const;
}

const NIGHT: Outcome = {
  runs: [run()],
  deeds: { rebooted: 12, awayAtOnce: 1, migrated: 111, stopped: 0 },
  mails: 1,
  tookMs: 62_300,
  leftOut: [],
};

describe('the outcome of a night', () => {
  it.each<{ what: string; about: Partial<Outcome>; lines: string[] }>([
    {
      what: 'a good night',
      about: {},
      lines: [
        'Done in 62 s. 14 needed a reboot: 12 done, 2 held.',
        '12 hypervisors rebooted one at a time, 111 servers live-migrated, 0 stopped, 0 errors. 1 mail.',
      ],
    },
    {
      what: 'a night in which two were away at once and one server was lost',
      about: { deeds: { rebooted: 2, awayAtOnce: 2, migrated: 1, stopped: 1 }, mails: 0 },
      lines: [
        'Done in 62 s. 14 needed a reboot: 12 done, 2 held.',
        '2 hypervisors rebooted up to 2 at a time, 1 server live-migrated, 1 stopped, 0 errors. 0 mails.',
      ],
    },
    {
      what: 'a night that did not come about',
      about: {
        runs: [],
        deeds: { rebooted: 0, awayAtOnce: 0, migrated: 0, stopped: 0 },
        mails: 0,
        leftOut: ['reboot-hypervisors of 22:30: missed'],
      },
      lines: [
        'reboot-hypervisors of 22:30: missed',
        'Done in 62 s.',
        '0 hypervisors rebooted, 0 servers live-migrated, 0 stopped, 1 error. 0 mails.',
      ],
    },
    {
      what: 'a night in which a person has to decide',
      about: { runs: [run({ state: 'needs-decision', steps: [failedStep('unknown')] })] },
      lines: [
        'After 62 s it waits for your word (step by step tells on what).',
        '12 hypervisors rebooted one at a time, 111 servers live-migrated, 0 stopped, 1 error. 1 mail.',
      ],
    },
  ])('says $what', ({ about, lines }) => {
    expect(sayOutcome({ ...NIGHT, ...about })).toEqual(lines);
  });

  it('leaves out what a person asked for meanwhile', () => {
    const asked = run({ id: `${ID}-c0de`, trigger: { kind: 'cli', by: 'kim' }, report: { headline: 'No.' } });

    expect(sayOutcome({ ...NIGHT, runs: [run(), asked] })).toEqual(sayOutcome(NIGHT));
  });

  it('counts as errors the runs that failed, and the steps that failed or whose end nobody saw', () => {
    const steps = [failedStep('failed'), failedStep('unknown')];

    expect(errorsIn([run(), run({ state: 'failed', steps }), run({ state: 'waiting' })])).toBe(3);
  });
});

describe('what there is to look at', () => {
  const notes = [
    { subject: 'hypervisor hv03', verdict: 'done', why: '' },
    { subject: 'hypervisor hv11', verdict: 'held', why: '' },
  ];
  const sights = { runs: [run({ notes })], folder: 'var/demo', otherRedis: false, token: 'demo' };

  it('asks why of the first thing that was not done', () => {
    expect(sightsOf(sights)).toEqual([
      ['what happened', 'npx nightshift --config var/demo/nightshift.yaml runs'],
      ['step by step', `npx nightshift --config var/demo/nightshift.yaml show ${ID}`],
      ['why hv11 held', 'npx nightshift --config var/demo/nightshift.yaml why hypervisor hv11'],
      ['the mails', 'var/demo/mail'],
    ]);
  });

  it('keeps the commands off another Redis that the environment names', () => {
    const [first] = sightsOf({ ...sights, otherRedis: true });

    expect(first?.[1]).toBe('env -u REDIS_URL npx nightshift --config var/demo/nightshift.yaml runs');
  });

  it('is more while the daemon goes on', () => {
    const labels = sightsOf({ ...sights, apiUrl: 'http://127.0.0.1:7460' }).map(([label]) => label);

    expect(labels.slice(4)).toEqual(['the api', 'a dry run']);
  });
});
