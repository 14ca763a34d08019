import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Front, openFront, READ } from './support/server.ts';

let front: Front;
beforeAll(async () => {
  front = await openFront();
});
afterAll(() => front.close());

const BODY = { until: '2099-11-27T17:00', reason: 'disk swap' };

async function audited(): Promise<string[]> {
  const redis = front.house.redis.connect();
  const entries = await redis.xrange('{nightshift}:audit', '-', '+');
  redis.disconnect();
  return entries.map(([, [, , , act, , by, , why]]) => `${by}: ${act} (${why})`);
}

it('keeps a hypervisor to who asks, lists it, ends the claim, and audits both', async () => {
  const made = await front.ask('/api/v1/claims/hv11', { method: 'PUT', body: BODY });
  const again = await front.ask('/api/v1/claims/hv12', { method: 'PUT', body: { ...BODY, until: '3d' } });
  const listed = await front.ask('/api/v1/claims', { token: READ });
  const ended = await front.ask('/api/v1/claims/hv11', { method: 'DELETE', body: { why: 'done' } });
  const after = await front.ask('/api/v1/claims');

  expect(made.json).toMatchObject({ hypervisor: 'hv11', by: 'kim', until: '2099-11-27T17:00:00.000Z' });
  expect(again.status).toBe(200);
  expect(listed.json).toMatchObject({ claims: [{ hypervisor: 'hv11' }, { hypervisor: 'hv12' }] });
  expect(ended.json).toMatchObject({ hypervisor: 'hv11', by: 'kim' });
  expect(after.json).toMatchObject({ claims: [{ hypervisor: 'hv12' }] });
  expect(await audited()).toEqual([
    'kim: set claims hv11 (disk swap)',
    'kim: set claims hv12 (disk swap)',
    'kim: delete claims hv11 (done)',
  ]);
});

it.each([
  { what: 'a time that is none', body: { ...BODY, until: 'friday' }, status: 422, path: 'until' },
  { what: 'no reason', body: { until: '3d' }, status: 422, path: 'reason' },
])('refuses $what', async ({ body, status, path }) => {
  const answer = await front.ask('/api/v1/claims/hv13', { method: 'PUT', body });

  expect(answer.status).toBe(status);
  expect(answer.json).toMatchObject({ faults: [{ path }] });
});

it('refuses whoever may only read, and to end a claim that there is not', async () => {
  const read = await front.ask('/api/v1/claims/hv13', { method: 'PUT', body: BODY, token: READ });
  const none = await front.ask('/api/v1/claims/hv13', { method: 'DELETE' });

  expect(read.status).toBe(403);
  expect(none.status).toBe(409);
  expect(none.json.detail).toContain('nobody claims hv13');
});
