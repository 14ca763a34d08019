import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Front, openFront, READ } from './support/server.ts';

let front: Front;
beforeAll(async () => {
  front = await openFront();
  await front.engine.acts.setRow(
    {
      table: 'breakers',
      key: 'kernel 6.1.0-28',
      value: { state: 'open', since: '2026-11-24T23:12:00.000Z', why: 'hv7 failed with it' },
    },
    { by: 'a test', why: 'it is open' },
  );
});
afterAll(() => front.close());

it('shows the breakers to whoever may read, and closes one for whoever may operate and says why', async () => {
  const path = `/api/v1/breakers/${encodeURIComponent('kernel 6.1.0-28')}/reset`;
  const shown = await front.ask('/api/v1/breakers', { token: READ });
  const read = await front.ask(path, { method: 'POST', body: { why: 'x' }, token: READ });
  const unsaid = await front.post(path, {});
  const reset = await front.post(path, { why: 'initramfs made anew' });
  const twice = await front.post(path, { why: 'x' });

  expect(shown.json).toEqual({
    breakers: [
      {
        name: 'kernel 6.1.0-28',
        state: 'open',
        since: '2026-11-24T23:12:00.000Z',
        why: 'hv7 failed with it',
      },
    ],
  });
  expect([read.status, unsaid.status, reset.status, twice.status]).toEqual([403, 422, 200, 409]);
  expect(reset.json).toMatchObject({ state: 'closed', by: 'kim', why: 'initramfs made anew' });
});
