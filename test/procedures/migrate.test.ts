/** What the log of a run says of a server that moves. */
import { expect, it } from 'vitest';
import { z } from 'zod';
import type { Context } from '../../src/context.ts';
import { REAL_TIMERS } from '../../src/engine/clock.ts';
import { drainSettings } from '../../src/procedures/drain-settings.ts';
import type { Guest } from '../../src/procedures/guest.ts';
import { type MigrateSettings, migrate } from '../../src/procedures/migrate.ts';
import { roomSettings } from '../../src/procedures/room-settings.ts';
import { hypervisor, server } from '../support/builders.ts';
import { FakeCloud } from '../support/fake-cloud.ts';

it('is who moves, and where to', async () => {
  const cloud = new FakeCloud([hypervisor('hv1'), hypervisor('hv2')], [server('web-1', 'hv1')]);
  const said: unknown[] = [];
  const { signal } = new AbortController();
  const log = { info: (message: string, fields: object) => void said.push([message, fields]) };
  const table = () => ({ get: async () => undefined, set: () => {} });
  const ctx = {
    cloud,
    options: {
      ...z.object({ ...drainSettings, ...roomSettings }).parse({ migrateAtLeastSeconds: 60 }),
      pollMs: 1,
    },
    step: async (_: string, __: object, fn: (scope: object) => Promise<unknown>) =>
      fn({
        signal,
        revoked: signal,
        skipped: () => {},
        log,
        timers: REAL_TIMERS,
        now: () => new Date(0),
        table,
      }),
  } as unknown as Context<MigrateSettings>;
  const guest: Guest = {
    id: 'web-1',
    name: 'web-1',
    ramMb: 8192,
    diskGb: 10,
    newest: null,
    by: 'live',
    action: null,
    cluster: null,
    target: null,
    mbPerSecond: 100,
  };

  await migrate(ctx, { guest, from: 'hv1', key: 'migrate web-1 off hv1' });

  expect(said).toEqual([
    ['Nova is asked to move it', { server: 'web-1' }],
    ['it has moved', { server: 'web-1', to: 'hv2' }],
  ]);
});
