import { afterAll, beforeAll, expect, it } from 'vitest';
import { ALICES_ROWS } from '../support/patch-rows.ts';
import { type Front, openFront, READ } from './support/server.ts';

let front: Front;
beforeAll(async () => {
  front = await openFront();
  for (const [table, rows] of Object.entries(ALICES_ROWS))
    for (const [key, value] of Object.entries(rows))
      await front.engine.acts.setRow({ table, key, value }, { by: 'a test', why: 'a look left it' });
});
afterAll(() => front.close());

it('says why of an owner and of a server to whoever may read', async () => {
  const owner = await front.ask('/api/v1/why/owner/alice@alpha.example', { token: READ });
  const server = await front.ask('/api/v1/why/server/id-of-web', { token: READ });
  const none = await front.ask('/api/v1/why/owner/bob@beta.example', { token: READ });

  expect(owner.json).toMatchObject({
    run: 'patch-compliance~20261120T090000Z',
    note: { subject: 'owner alice@alpha.example', verdict: 'told' },
  });
  expect(server.json).toMatchObject({ note: { verdict: 'not patched' } });
  expect(none.status).toBe(404);
});

it('exempts for whoever may operate, under the name of the token, and ends it', async () => {
  const body = { server: 'id-of-web', until: '2099-11-27', reason: 'Friday' };
  const read = await front.ask('/api/v1/exemptions', { method: 'POST', body, token: READ });
  const made = await front.post('/api/v1/exemptions', body);
  const listed = await front.ask('/api/v1/exemptions', { token: READ });
  const key = encodeURIComponent('server id-of-web');
  const ended = await front.ask(`/api/v1/exemptions/${key}`, { method: 'DELETE', body: { why: 'done' } });
  const twice = await front.ask(`/api/v1/exemptions/${key}`, { method: 'DELETE' });

  expect([read.status, made.status, ended.status, twice.status]).toEqual([403, 200, 200, 409]);
  expect(made.json).toMatchObject({
    key: 'server id-of-web',
    approvedBy: 'kim',
    until: '2099-11-27T23:59:00.000Z',
  });
  expect(listed.json).toEqual({ exemptions: [made.json] });
  expect(ended.json).toMatchObject({ ended: { by: 'kim', why: 'done' } });
});

it.each([
  { what: 'nothing that is exempt', body: { until: '2w', reason: 'x' }, path: 'server' },
  { what: 'a time that is none', body: { cve: 'CVE-1', until: 'soon', reason: 'x' }, path: 'until' },
  { what: 'no reason', body: { cve: 'CVE-1', until: '2w', reason: ' ' }, path: 'reason' },
])('refuses to exempt with $what', async ({ body, path }) => {
  const answer = await front.post('/api/v1/exemptions', body);

  expect(answer.status).toBe(422);
  expect(answer.json).toMatchObject({ faults: [{ path }] });
});

it('shows what is known of a person, and forgets it for whoever may operate and says why', async () => {
  const path = '/api/v1/people/alice@alpha.example';
  const shown = await front.ask(path, { token: READ });
  const read = await front.ask(`${path}/erase`, { method: 'POST', body: { why: 'x' }, token: READ });
  const unsaid = await front.post(`${path}/erase`, {});
  const erased = await front.post(`${path}/erase`, { why: 'she left' });
  const after = await front.ask(path, { token: READ });
  const none = await front.ask('/api/v1/people/alice', { token: READ });

  expect(shown.json).toMatchObject({ tables: { 'patch-owners': ALICES_ROWS['patch-owners'] } });
  expect([read.status, unsaid.status, erased.status, none.status]).toEqual([403, 422, 200, 404]);
  expect(after.json).toEqual({ address: 'alice@alpha.example', tables: {} });
});
