/** How mails to owners are worded, and what a template may not do. */
import { expect, it } from 'vitest';
import type { LetterFacts } from '../src/domain/letters.ts';
import { openTemplates, readTemplates, templateFaults } from '../src/mail-templates.ts';

const ours = await readTemplates();

const FACTS: LetterFacts = {
  owner: { name: 'alice', by: 'user' },
  hypervisor: 'hv19',
  why: '6.1.0-18 runs, 6.1.0-28 boots next',
  servers: [{ id: '3f2a', name: 'gpu-a', projectId: 'alpha', how: 'ask', why: 'PCI device', outlook: null }],
  earliest: '2026-11-26T23:00:00.000Z',
  deadline: '2026-12-08T23:00:00.000Z',
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

it('lets no name begin a header or a line, nor markup', () => {
  const name = 'a\r\nBcc: all@example.org\n\n<script>alert(1)</script>\u202e';
  const evil = { ...FACTS, hypervisor: name, servers: [{ ...FACTS.servers[0]!, name }] };

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
