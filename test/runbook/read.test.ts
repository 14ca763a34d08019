import { describe, expect, it } from 'vitest';
import { readRunbook, reviveRunbook } from '../../src/runbook/runbook.ts';

/** The faults of a text as people read them, without the file's name. */
function faultsIn(text: string): string[] {
  const read = readRunbook('job', text);
  return 'faults' in read
    ? read.faults.map(({ line, column, path, message }) =>
        [line === undefined ? '' : `${line}:${column}`, path.join('.'), message].filter(Boolean).join(' '),
      )
    : [];
}

/** A job without fault but for what is said of its steps, or beside them. */
function jobWith(steps: string, beside = ''): string {
  return `summary: x\ntargets: { from: hypervisors }\n${beside}\nsteps:\n${steps}`;
}

describe('a YAML job is refused', () => {
  it.each([
    ['that is empty', '', ['the file is empty']],
    ['that is no mapping', '- 1', ['a mapping (key: value) belongs here']],
    [
      'that is no YAML',
      'summary: [',
      ['1:11 the indentation does not fit, or a bracket before it is not closed'],
    ],
    ['without a summary and without steps', 'steps: []', ['summary is missing', '1:1 steps is empty']],
    [
      'with a key that there is not',
      'sumary: x\nsummary: y\nsteps: [{ wait: 1m }]',
      ['1:1 sumary unknown key, did you mean `summary`?'],
    ],
    [
      'with a step that there is not',
      jobWith('  - shh: [true]'),
      ['5:5 steps.0 unknown step, did you mean `ssh`?'],
    ],
    [
      'with a step that does nothing',
      jobWith('  - name: rest'),
      ['5:5 steps.0 says nothing to do: a step has one of ssh, http, wait, approval, mail, job, reboot'],
    ],
    [
      'with a step that does two things',
      jobWith('  - { ssh: [a], wait: 1m }'),
      ['5:5 steps.0 does several things (ssh, wait); a step does one'],
    ],
    [
      'with a command that a shell would have to read',
      jobWith('  - ssh: systemctl restart x'),
      [
        '5:5 steps.0.ssh a command is a list of words, as in [systemctl, restart, nova-compute]; no shell reads it',
      ],
    ],
    [
      'with a number where a word belongs',
      jobWith('  - ssh: [sleep, 3]'),
      ['5:18 steps.0.ssh.1 3 is no text; quote it: "3"'],
    ],
    [
      'with an effect that there is not, and is taught them all',
      jobWith('  - { ssh: [a], effect: idempotnt }'),
      [
        '5:17 steps.0.effect "idempotnt" is none of read, idempotent, verify, once, did you mean `idempotent`?; what would repeating it do? read: nothing, it looks only; idempotent: no more than doing it once; verify: say in `verify` how to see whether it happened; once: harm, so it is never repeated by itself (the default)',
      ],
    ],
    [
      'that would repeat what must not be repeated',
      jobWith('  - { ssh: [a], retry: { tries: 3 } }'),
      [
        '5:17 steps.0.retry goes against the effect `once`, which is never repeated by itself: say `effect: idempotent` where repeating does no harm',
      ],
    ],
    [
      'whose effect is to be verified and that does not say how',
      jobWith('  - { ssh: [a], effect: verify }'),
      [
        '5:17 steps.0.effect is verify, so `verify` has to say how to see whether it happened: { ssh: [...], stdout: … }',
      ],
    ],
    [
      'that verifies what is simply repeated',
      jobWith('  - { ssh: [a], effect: idempotent, verify: { ssh: [b] } }'),
      ['5:37 steps.0.verify is asked only where the effect is verify or once; idempotent is simply repeated'],
    ],
    [
      'with a duration that is none',
      jobWith('  - { wait: { ssh: [a], within: 5 } }'),
      ['5:25 steps.0.wait.within 5 is no duration (30s, 5m, 12h or 7d)'],
    ],
    [
      'that waits for something that is neither a while nor a look',
      jobWith('  - wait: soon'),
      [
        '5:5 steps.0.wait "soon" is no duration (30s, 5m, 12h or 7d), nor a look: { ssh: [...], stdout: …, within: 5m }',
      ],
    ],
    [
      'with a regular expression that is none',
      jobWith('  - { ssh: [a], expect: { stdout: { matches: "(" } } }'),
      ['5:37 steps.0.expect.stdout.matches "(" is no regular expression'],
    ],
    [
      'with a name twice',
      jobWith('  - { ssh: [a], name: go }\n  - { ssh: [b], name: go }'),
      ['6:17 steps.1.name go is the name of steps[0] already'],
    ],
    [
      'with a name that no command line likes',
      jobWith('  - { ssh: [a], name: Go on }'),
      [
        '5:17 steps.0.name "Go on" is no name for a step (lower-case letters, digits and -, as in restart-agents)',
      ],
    ],
    [
      'without a hypervisor to run on',
      'summary: x\nsteps:\n  - ssh: [a]',
      ['3:5 steps.0 has no hypervisor to run on: give the job `targets`, or the step `on: hv01.example.org`'],
    ],
    [
      'whose targets would wait for each other in the middle',
      jobWith('  - ssh: [a]\n  - approval: { question: "Go on?", within: 1h }\n  - ssh: [b]'),
      [
        '6:5 steps.1 is worked once, between steps that are worked on each target: move it before or behind them, or name the target in it ({{ target.name }})',
      ],
    ],
    [
      'that asks somebody while it puts back',
      `${jobWith('  - ssh: [a]')}\nfinally:\n  - approval: { question: "Sure?", within: 1h }`,
      ['7:5 finally.0.approval cannot stand in `finally`: putting back waits for nobody'],
    ],
    [
      'that has another job run while it puts back',
      `${jobWith('  - ssh: [a]')}\nonError:\n  - job: { name: other }`,
      ['7:5 onError.0.job cannot stand in `onError`: a cancelled run starts no other'],
    ],
    [
      'that reboots several hypervisors at a time',
      jobWith('  - reboot: {}').replace('from: hypervisors', 'from: hypervisors, batch: 2'),
      ['5:5 steps.0 is done to one hypervisor at a time, so `targets.batch` cannot be 2'],
    ],
    [
      'with a secret in it',
      jobWith('  - http: { url: "https://x/", headers: { Authorization: me } }'),
      ['5:43 steps.0.http.headers.Authorization is a secret, and a job’s file cannot hold one'],
    ],
    [
      'whose URL is another host’s at the will of whoever starts it',
      jobWith(
        '  - http: { url: "https://{{ options.host }}/" }',
        'options: { host: { type: string, required: true } }',
      ),
      [
        '5:13 steps.0.http.url "https://{{ options.host }}/" is no URL of the form http://host/… or https://host/… (the host itself is no template)',
      ],
    ],
    [
      'with an option that every job has',
      jobWith('  - ssh: [a]', 'options: { outsideWindow: { type: boolean } }'),
      ['3:12 options.outsideWindow every job has this option already'],
    ],
    [
      'with a mail to nobody',
      jobWith('  - mail: { to: ops, subject: x, text: y }'),
      ['5:13 steps.0.mail.to is no mail address, and not `operators`'],
    ],
    [
      'with targets that there are not',
      'summary: x\ntargets: { from: servers, where: { aggregat: a }, batch: 0 }\nsteps: [{ ssh: [a] }]',
      [
        '2:12 targets.from "servers" is not hypervisors',
        '2:36 targets.where.aggregat unknown key, did you mean `aggregate`?',
        '2:51 targets.batch 0 is too small: at least 1',
      ],
    ],
  ])('%s', (_, text, faults) => {
    expect(faultsIn(text)).toEqual(faults);
  });

  it.each([
    ['{ type: strin }', ['type "strin": unknown type, did you mean `string`?']],
    ['{}', ['has no type; there is string, integer, boolean, enum']],
    ['text', ['"text" is no option: declare one as { type: string } (or integer, boolean, enum)']],
    ['{ type: string, pattern: "(" }', ['pattern "(" is no regular expression']],
    ['{ type: integer, min: 3, default: 1 }', ['default its own default, 1, does not fit it']],
    ['{ type: string, pattern: a+, default: ab }', ['default its own default, "ab", does not fit it']],
    ['{ type: enum, values: [a, b], default: c }', ['default its own default, "c", does not fit it']],
    ['{ type: enum }', ['values is missing']],
    [
      '{ type: boolean, required: true, default: true }',
      ['default is required and has a default: one of the two can never matter'],
    ],
    ['{ type: boolean, requird: true }', ['requird unknown key, did you mean `required`?']],
  ])('for the option %s', (option, faults) => {
    const said = faultsIn(jobWith('  - ssh: [a]', `options: { it: ${option} }`));

    expect(said.map((fault) => fault.replace(/^\d+:\d+ options\.it[. ]/, ''))).toEqual(faults);
  });

  it('for the name of an option that no template could hold', () => {
    expect(faultsIn(jobWith('  - ssh: [a]', 'options: { "max moves": { type: integer } }'))).toEqual([
      '3:12 options.max moves "max moves" is no name for an option (letters and digits, as in maxMoves)',
    ]);
  });

  const OPTIONS = 'options: { version: { type: string, required: true }, note: { type: string } }';
  it.each([
    ['{{ version }}', 'unknown name, did you mean `options.version`?'],
    ['{{ options.versoin }}', 'unknown name, did you mean `options.version`?'],
    [
      '{{ options.note }}',
      'may be left out, and then nothing could stand here: make the option `required`, or give it a `default`',
    ],
    ['{{ .State }}', 'unknown name; meant for another program, it is written {{ "{{.State}}" }}'],
  ])('that asks for %s', (template, fault) => {
    expect(faultsIn(jobWith(`  - ssh: [a, '${template}']`, OPTIONS))).toEqual([
      `5:14 steps.0.ssh.1 ${template}: ${fault}`,
    ]);
  });

  it('for the faults of its templates, wherever they stand', () => {
    const steps = `
  - { ssh: [a, "{{ options.version"], name: go }
  - { wait: { ssh: [a], within: "{{ options.version }}" } }
  - { ssh: [a], expect: { stdout: { matches: "{{ options.version }}" } } }`;
    const text = jobWith(steps, OPTIONS).replace(
      'from: hypervisors',
      'from: hypervisors, where: { name: "{{ target.name }}" }',
    );

    expect(faultsIn(text)).toEqual([
      '2:40 targets.where.name {{ target.name }}: is not known yet when the targets are chosen',
      '6:16 steps.0.ssh.1 opens a template with {{ that is not closed or holds braces; braces for another program are written {{ "{{" }}',
      '7:25 steps.1.wait.within is not filled in: no template can stand here',
      '8:37 steps.2.expect.stdout.matches is not filled in: no template can stand here',
    ]);
  });

  it.each([
    '[sh, -c, "rm {{ options.version }}"]',
    '[sudo, /bin/bash, -ec, "rm {{ options.version }}"]',
    '[env, A=b, python3, -c, "print({{ options.version }})"]',
    '[ssh, elsewhere, rm, "{{ options.version }}"]',
    '[su, nova, -c, "rm {{ options.version }}"]',
  ])('whose values would be read as a program: %s', (command) => {
    const [fault = '', ...more] = faultsIn(jobWith(`  - ssh: ${command}`, OPTIONS));

    expect(fault).toContain(
      'reads this word as a program, and what is filled in with it; hand the value over as a word of its own',
    );
    expect(more).toEqual([]);
  });

  it('with all faults at once, in the order of the file', () => {
    const lines = faultsIn(
      'summry: x\noptions: { a: { type: strin } }\nsteps:\n  - shh: []\n  - ssh: [a]\n    efect: read\n  - {}\n',
    ).map((fault) => fault.split(' ')[0]);

    expect(lines).toEqual(['summary', '1:1', '2:17', '4:5', '6:5', '7:5']);
  });
});

describe('a YAML job is accepted', () => {
  it.each([
    `[sh, -c, 'echo "$1"', sh, "{{ options.version }}"]`,
    '[docker, inspect, -f, \'{{ "{{.State.Running}}" }}\', nova]',
    `[grep, -c, "{{ target.name }}", /etc/hosts]`,
    '[echo, \'{"a":{"b":1}}\']',
  ])('with the command %s', (command) => {
    const options = 'options: { version: { type: string, required: true } }';

    expect(faultsIn(jobWith(`  - ssh: ${command}`, options))).toEqual([]);
  });

  it('as the same definition however it is laid out, and as another under another name', () => {
    const one = readRunbook('job', 'summary: x\nsteps:\n  - wait: 1m # a while\n    name: rest\n');
    const two = readRunbook('job', 'steps: [{ name: rest, wait: 1m }]\nsummary: "x"\n');
    const other = readRunbook('other', 'summary: x\nsteps: [{ name: rest, wait: 1m }]\n');

    expect(one).toMatchObject({ source: (two as { source: string }).source });
    expect(other).not.toMatchObject({ source: (two as { source: string }).source });
  });

  it('and comes back from its stored definition, unless this version cannot read it', () => {
    const read = readRunbook('job', 'summary: Rest a while\nsteps: [{ wait: 1m }]\ntimeout: 2h\n');
    const { source } = read as { source: string };

    expect(reviveRunbook(source)).toMatchObject({ summary: 'Rest a while', timeoutMs: 7_200_000 });
    expect(() => reviveRunbook(source.replace('"runbook":1', '"runbook":2'))).toThrow(
      'it has the form 2, and this version reads 1',
    );
    expect(() => reviveRunbook(source.replace('wait', 'weit'))).toThrow(
      'steps.0: unknown step, did you mean `wait`?',
    );
  });
});
