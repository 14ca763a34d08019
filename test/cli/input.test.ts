import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import auditCloud from '../../jobs/audit-cloud.ts';
import defragmentHypervisors from '../../jobs/defragment-hypervisors.ts';
import patchCompliance from '../../jobs/patch-compliance.ts';
import readBounces from '../../jobs/read-bounces.ts';
import returnReserved from '../../jobs/return-reserved.ts';
import shadowReport from '../../jobs/shadow-report.ts';
import { openSite, type Site } from '../support/nightshift.ts';
import countHypervisors from './jobs/count-hypervisors.ts';
import ringBell from './jobs/ring-bell.ts';

let site: Site;
beforeAll(async () => {
  site = await openSite();
});
afterAll(() => site.close());

describe('what cannot be meant', () => {
  it.each<[string, string[], string]>([
    ['an unknown command', ['rnu'], "error: unknown command 'rnu'\n(Did you mean run?)"],
    ['a missing argument', ['run'], "error: missing required argument 'job'"],
    ['one argument too many', ['show', 'a', 'b'], 'error: too many arguments'],
    ['an unknown flag', ['runs', '--jbo', 'x'], "error: unknown option '--jbo'\n(Did you mean --job?)"],
    [
      'a state that no run has',
      ['runs', '--state', 'done'],
      "option '--state <state>' argument 'done' is invalid",
    ],
    ['a limit that is no number', ['runs', '--limit', 'x'], 'It is a number from 1 on.'],
    ['an option without a value', ['run', 'ring-bell', '-o', 'times'], 'It is written name=value.'],
    [
      'a decision without a verdict',
      ['decide', 'x', '--step', 's'],
      "required option '--happened <what>' not specified",
    ],
    ['an unknown job', ['run', 'ring-bel'], 'ring-bel: unknown job, did you mean `ring-bell`?'],
    [
      'a job unlike any',
      ['jobs', 'x'],
      'x: unknown job; there is audit-cloud, defragment-hypervisors, patch-compliance, read-bounces, reboot-hypervisor, reboot-hypervisors, return-reserved, shadow-report, count-hypervisors, ring-bell',
    ],
    [
      'runs of an unknown job',
      ['runs', '--job', 'ringbell'],
      'ringbell: unknown job, did you mean `ring-bell`?',
    ],
    [
      'an unknown run',
      ['show', 'ring-bell~1999'],
      'there is no run ring-bell~1999; nightshift runs lists those',
    ],
    ['a subject that nobody spoke of', ['why', 'hv19'], 'no run has said anything about "hv19"'],
  ])('%s is told to standard error, and the exit code is 2', async (_, args, words) => {
    const { exit, out, err } = await site.nightshift(...args);

    expect(err).toContain(words);
    expect(out).toBe('');
    expect(exit).toBe(2);
  });

  it('all faults of the options are told at once, and no run is made', async () => {
    const { exit, err } = await site.nightshift('run', 'ring-bell', '-o', 'tmies=2', '-o', 'restMs=long');

    expect(err.split('\n')).toEqual([
      'ring-bell cannot be started like this:',
      '  options.restMs: "long" is no number',
      '  options.tmies: unknown option, did you mean `times`?',
      '',
    ]);
    expect(exit).toBe(2);
    expect(await site.json('runs')).toEqual([]);
  });

  it('a program that asked for JSON gets the fault as JSON, too', async () => {
    const { exit, out } = await site.nightshift('run', 'ring-bell', '-o', 'tmies=2', '--json');

    expect(JSON.parse(out)).toMatchObject({
      error: expect.stringContaining('did you mean `times`'),
      faults: [{ path: ['tmies'] }],
    });
    expect(exit).toBe(2);
    expect(await site.json('rnu')).toEqual({ error: "unknown command 'rnu'\n(Did you mean run?)" });
  });
});

describe('help', () => {
  it('lists every command with what it does, and the exit codes', async () => {
    const { exit, out } = await site.nightshift('--help');

    expect(out.match(/^ {2}[a-z][a-z-]+(?=.* {2})/gm)?.map((name) => name.trim())).toEqual(
      'run resume jobs runs schedule show log why audit shadow fleet plan rehearse mail decide approve cancel kill claim unclaim claims breaker reset-breaker addresses address exempt unexempt exemptions daemon freeze halt thaw accept-redis check-config token person help'.split(
        ' ',
      ),
    );
    expect(out).toContain('69  a service is away');
    expect(out.split('\n').filter((line) => line.length > 80)).toEqual([]);
    expect(exit).toBe(0);
  });

  it.each(['run', 'decide', 'daemon', 'why'])('of %s says more than its name', async (command) => {
    const { exit, out } = await site.nightshift(command, '--help');

    expect(out).toMatch(/^Usage: nightshift \w+.*\n\n[A-Z][^]*?\.\n\n/);
    expect(exit).toBe(0);
  });

  it('is what one gets who says nothing', async () => {
    const { exit, err } = await site.nightshift();

    expect(err).toContain('Usage: nightshift');
    expect(exit).toBe(2);
  });
});

describe('the jobs', () => {
  it('are those that come with Nightshift and the site’s own, with where they are armed', async () => {
    const { exit, out } = await site.nightshift('jobs');

    expect(out.split('\n').slice(0, 11)).toEqual([
      'job                     armed       schedule  window  what it does',
      `audit-cloud             nowhere     –         –       ${auditCloud.summary}`,
      `defragment-hypervisors  nowhere     –         –       ${defragmentHypervisors.summary}`,
      `patch-compliance        nowhere     –         –       ${patchCompliance.summary}`,
      `read-bounces            nowhere     –         –       ${readBounces.summary}`,
      'reboot-hypervisor       nowhere     –         –       Drain and reboot one hypervisor that awaits a kernel',
      'reboot-hypervisors      nowhere     –         –       Drain and reboot hypervisors that await a kernel, one at a time',
      `return-reserved         nowhere     –         –       ${returnReserved.summary}`,
      `shadow-report           nowhere     –         –       ${shadowReport.summary}`,
      `count-hypervisors       nowhere     –         –       ${countHypervisors.summary}`,
      `ring-bell               everywhere  –         –       ${ringBell.summary}`,
    ]);
    expect(exit).toBe(0);
  });

  it('tell the options that they take', async () => {
    const { out } = await site.nightshift('jobs', 'ring-bell');

    expect(out.split('\n')).toEqual([
      'ring-bell: Ring the bell',
      '  armed  everywhere',
      '',
      'option   left out             what it is',
      'times    2                    How often it is rung',
      'file     text, must be given  Where each ring leaves a line',
      'restMs   0                    Pause before each ring',
      'trouble  none                 What befalls the last ring',
      '',
    ]);
  });

  it.skipIf(!existsSync('/usr/bin/script'))('fit a terminal of 80 columns', async () => {
    const shown = await site.onTerminal('jobs', 'reboot-hypervisors');

    expect(shown).toContain('nextKernel ');
    expect(
      shown
        .split('\n')
        .slice(3)
        .filter((line) => line.length > 80),
    ).toEqual([]);
  });
});
