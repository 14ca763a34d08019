import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openSite, type Site } from '../support/nightshift.ts';
import { type Sshd, startSshd } from '../support/sshd.ts';

const JOB = `
summary: Leave a word somewhere
options:
  word: { type: string, pattern: '[0-9.]+', required: true, about: What is left there }
  times: { type: integer, min: 1, max: 3, default: 1 }
  mood: { type: enum, values: [calm, brisk], default: calm }
  file: { type: string, required: true }
steps:
  - name: say
    ssh: [sh, -c, 'echo "$1" >> "$2"', sh, "{{ options.word }}", "{{ options.file }}"]
    on: here
`;

let site: Site;
let sshd: Sshd;
beforeAll(async () => {
  sshd = await startSshd();
  const ssh = `ssh: { user: ${sshd.user}, key: 'file:${sshd.userKeyFile}', knownHosts: ${sshd.knownHosts()}, addresses: { here: '127.0.0.1:${sshd.port}' } }`;
  site = await openSite({ settings: ssh });
  mkdirSync(join(site.dir, 'jobs'));
  site.write('jobs/leave-word.yaml', JOB);
  site.write('runbook.yaml', settingsWith('jobs', ssh));
  mkdirSync(join(site.dir, 'faulty'));
  site.write(
    'faulty/leave-word.yaml',
    JOB.replace('options.word', 'option.word').replace('name: say', 'nam: say'),
  );
  site.write('faulty/rest.yaml', 'summary: Rest\nsteps: [{ wait: 1w }]\n');
  site.write('faulty/Wake.yml', 'summary: Wake\nsteps: [{ wait: 1m }]\n');
  site.write('faulty.yaml', settingsWith('faulty', ssh).replace('dryRun: false', 'dryRun: nay'));
});
afterAll(async () => {
  await site.close();
  sshd.stop();
});

function settingsWith(folder: string, ssh: string): string {
  const job = `leave-word: { armed: true, options: { file: ${join(site.dir, 'rings')} } }`;
  return `dryRun: false\nstateDir: state\nhttp: { listen: '127.0.0.1:0' }\njobsDir: ${folder}\njobs: { ${job} }\n${ssh}\n`;
}

it('is listed with its options as any job is', async () => {
  const { out } = await site.nightshift('-c', 'runbook.yaml', 'jobs', 'leave-word');

  expect(out.replaceAll(/ +/g, ' ')).toContain(
    [
      'option left out what it is',
      'word text, must be given What is left there',
      'times 1 –',
      'mood calm –',
      'file text, must be given –',
      'outsideWindow false Act also where the window that the configuration names is not open',
    ].join('\n'),
  );
});

it('shows what it would do, and does it when it is told to', async () => {
  const args = ['-c', 'runbook.yaml', 'run', 'leave-word', '-o', 'word=9.10'];
  const dry = await site.nightshift(...args);
  const real = await site.nightshift(...args, '--go');

  expect(dry.out.split('\n').slice(0, 3)).toEqual([
    'Dry run: nothing is changed (to act: --go).',
    'The job has no targets; its steps are worked once.',
    `steps  say  once, once: sh -c 'echo "$1" >> "$2"' sh 9.10 ${join(site.dir, 'rings')} (on here)`,
  ]);
  expect(real.out).toContain('Every step went as it should.');
  expect([dry.exit, real.exit]).toEqual([0, 0]);
  expect(site.rings()).toEqual(['9.10']);
});

it('is refused with the words of the house where an option does not fit', async () => {
  const { err, exit } = await site.nightshift(
    '-c',
    'runbook.yaml',
    'run',
    'leave-word',
    '-o',
    'word=nine',
    '-o',
    'times=4',
    '-o',
    'mod=calm',
  );

  expect(err.split('\n').slice(1, 4)).toEqual([
    '  options.word: "nine" has not the form /^(?:[0-9.]+)$/u',
    '  options.times: 4 is too large: at most 3',
    '  options.mod: unknown option, did you mean `mood`?',
  ]);
  expect(exit).toBe(2);
});

it('has its faults named with those of the configuration, each with its file, line and column', async () => {
  const { err, exit } = await site.nightshift('check-config', '-c', 'faulty.yaml');

  const at = (file: string) => join(site.dir, 'faulty', file);
  expect(err.split('\n')).toEqual([
    'faulty.yaml',
    '  line 1  dryRun: "nay" is neither true nor false',
    at('Wake.yml'),
    '  a job’s file is named in lower-case letters, digits and -, and ends in .yaml',
    at('leave-word.yaml'),
    '  line 9, column 5    steps[0].nam: unknown key, did you mean `name`?',
    '  line 10, column 44  steps[0].ssh[4]: {{ option.word }}: unknown name, did you mean `options.word`?',
    at('rest.yaml'),
    '  line 2, column 11  steps[0].wait: "1w" is no duration (30s, 5m, 12h or 7d), nor a look: { ssh: [...], stdout: …, within: 5m }',
    '5 faults; nothing was started.',
    '',
  ]);
  expect(exit).toBe(78);
});
