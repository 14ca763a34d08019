import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Front, openFront, READ } from './support/server.ts';

let front: Front;
const row = {
  state: 'complained',
  since: '2026-11-24T23:12:00.000Z',
  why: 'a complaint (abuse) came through a mail system',
  source: 'complaint',
} as const;
beforeAll(async () => {
  front = await openFront();
  await front.engine.acts.setRow(
    { table: 'addresses', key: 'alice@site.example', value: row },
    { by: 'a test', why: 'it complained' },
  );
});
afterAll(() => front.close());

it('shows the addresses to whoever may read, and clears one for whoever may operate and says why', async () => {
  const path = `/api/v1/addresses/${encodeURIComponent('Alice@site.example')}/clear`;
  const shown = await front.ask('/api/v1/addresses', { token: READ });
  const read = await front.ask(path, { method: 'POST', body: { why: 'x' }, token: READ });
  const unsaid = await front.post(path, {});
  const cleared = await front.post(path, { why: 'talked to her' });
  const twice = await front.post(path, { why: 'x' });
  const after = await front.ask('/api/v1/addresses', { token: READ });

  expect(shown.json).toEqual({ addresses: [{ address: 'alice@site.example', ...row }] });
  expect([read.status, unsaid.status, cleared.status, twice.status]).toEqual([403, 422, 200, 409]);
  expect(cleared.json).toMatchObject({
    address: 'alice@site.example',
    state: 'clear',
    by: 'kim',
    why: 'talked to her',
  });
  expect(after.json).toEqual({ addresses: [] });
});
