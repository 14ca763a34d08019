import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Front, openFront, READ } from './support/server.ts';

let front: Front;
beforeAll(async () => {
  front = await openFront();
});
afterAll(() => front.close());

it('shows a mail as a page that can do nothing, to whoever may read', async () => {
  const shown = await front.ask('/api/v1/mail-preview/patch-notice?example=escalated', { token: READ });
  const unasked = await front.ask('/api/v1/mail-preview/patch-notice', { token: null });

  expect([shown.status, unasked.status]).toEqual([200, 401]);
  expect(shown.headers.get('content-type')).toBe('text/html; charset=utf-8');
  expect(shown.headers.get('content-security-policy')).toBe("default-src 'none'; sandbox");
  expect(shown.text).toContain('<title>Overdue: 45 of your servers need attention by Fri 4 Dec 2026</title>');
  expect(shown.text).toContain('<b>web-1</b>');
});

it('names the mails and the examples that there are', async () => {
  const mail = await front.ask('/api/v1/mail-preview/patch-notise');
  const example = await front.ask('/api/v1/mail-preview/patch-notice?example=escalatet');

  expect(mail.status).toBe(422);
  expect(mail.text).toContain('patch-notice');
  expect(example.status).toBe(404);
  expect(example.text).toContain('did you mean `escalated`?');
});
