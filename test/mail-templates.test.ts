/** How mails to owners are worded, and what a template may not do. */
import { expect, it } from 'vitest';
import type { LetterFacts } from '../src/domain/letters.ts';
import { openTemplates, readTemplates, templateFaults } from '../src/mail-templates.ts';

const ours = await readTemplates();

const WHY = '6.1.0-18 runs, 6.1.0-28 boots next';
const DEADLINE = '2026-12-08T23:00:00.000Z';
const GPU_A = {
  id: '3f2a',
  name: 'gpu-a',
  projectId: 'alpha',
  how: 'ask',
  why: 'PCI device',
  outlook: null,
} as const;
const FACTS: LetterFacts = {
  owner: { name: 'alice', by: 'user' },
  hypervisor: 'hv19',
  why: WHY,
  servers: [GPU_A],
  hypervisors: [{ name: 'hv19', why: WHY, deadline: DEADLINE, servers: [GPU_A] }],
  reminder: false,
  earliest: '2026-11-26T23:00:00.000Z',
  deadline: DEADLINE,
};

it('finds no fault in our own', () => {
  expect(templateFaults(ours)).toEqual([]);
});

it('says what, why, when and the choices', () => {
  const { subject, text } = openTemplates(ours, 'Europe/London').write('reboot-consent', FACTS);

  expect(subject).toBe('1 of your servers keeps hv19 from its security update');
  expect(text).toContain('6.1.0-18 runs, 6.1.0-28 boots next');
  expect(text).toContain('by Tue 8 Dec 2026');
  expect(text).toContain('Not before Thu 26 Nov 2026 23:00');
  expect(text).toContain('openstack server set --property nightshift:drain=stop 3f2a');
});

it('speaks of several hypervisors one after the other, each with its servers and its deadline', () => {
  const gpuB = { ...GPU_A, id: '91cc', name: 'gpu-b' };
  const other = {
    name: 'hv20',
    why: 'its update waits',
    deadline: '2026-12-10T23:00:00.000Z',
    servers: [gpuB],
  };
  const both = { ...FACTS, hypervisor: '', why: '', servers: [GPU_A, gpuB] };
  const facts = { ...both, hypervisors: [...FACTS.hypervisors, other], reminder: true };

  const { subject, text, html } = openTemplates(ours, 'UTC').write('reboot-consent', facts);

  expect(subject).toBe('Reminder: 2 of your servers keep 2 hypervisors from their security update');
  expect(text.indexOf('hypervisor hv19')).toBeLessThan(text.indexOf('gpu-a'));
  expect(text.indexOf('gpu-a')).toBeLessThan(text.indexOf('hypervisor hv20 needs a reboot'));
  expect(text.indexOf('hypervisor hv20')).toBeLessThan(text.indexOf('gpu-b'));
  expect(text).toContain('by Tue 8 Dec 2026');
  expect(text).toContain('by Thu 10 Dec 2026');
  for (const id of ['3f2a', '91cc'])
    expect(text).toContain(`openstack server set --property nightshift:drain=stop ${id}`);
  expect(html).toContain('<b>hv20</b>');
});

it('lets no name begin a header or a line, nor markup', () => {
  const name = 'a\r\nBcc: all@example.org\n\n<script>alert(1)</script>\u202e';
  const servers = [{ ...GPU_A, name }];
  const hypervisors = [{ ...FACTS.hypervisors[0]!, name, servers }];
  const evil = { ...FACTS, hypervisor: name, servers, hypervisors };

  const { subject, text, html } = openTemplates(ours, 'UTC').write('reboot-consent', evil);

  expect(subject).not.toMatch(/\p{Cc}/u);
  expect(text).not.toMatch(/^Bcc:/m);
  expect(html).not.toContain('<script>');
  expect(html).toContain('&lt;script&gt;');
  expect(html).not.toContain('\u202e');
});

it.each([
  ['Subject: x\n\n{{ servr }}', 'undefined variable: servr', 3],
  ['Subject: x\n\n{{ why | shout }}', 'undefined filter: shout', 3],
  ['Subject: x\n\n{% if why %}', 'tag {% if why %} not closed', 3],
  ['Subject: x\n\n{% include "package.json" %}', 'ENOENT: Failed to lookup "package.json" in "."', 3],
  ['Hello', 'its first line must be `Subject: …`, and its second one empty', undefined],
])('names the fault of %j, and its line', (text, message, line) => {
  expect(templateFaults({ ...ours, 'reboot-consent.txt': text })).toEqual([
    { file: 'reboot-consent.txt.liquid', message, ...(line !== undefined && { line }) },
  ]);
});
