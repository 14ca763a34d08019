/** What is said of a hypervisor that cannot be asked. */
import { describe, expect, it } from 'vitest';
import { SshError, sshHosts } from '../../src/clients/ssh.ts';
import type { Context } from '../../src/context.ts';
import { askBoot, askGuests, askNeed } from '../../src/procedures/ask-host.ts';
import { openTestTwin } from '../support/twin.ts';

const options = { nextKernel: 'true', listDomains: 'true' };
const { signal } = new AbortController();

/** Whose hosts fail with this. */
function failing(error: Error): Context<typeof options> {
  const run = async (): Promise<never> => {
    throw error;
  };
  const host = () => ({ run });
  return { options, host } as unknown as Context<typeof options>;
}

describe('a host that does not answer', () => {
  const silent = failing(
    new SshError('hv03: `sh -c running=$(uname -r) …` was sent and its end not seen: timed out after 30 s', {
      retryable: true,
      sent: true,
      why: 'timed out after 30 s',
    }),
  );
  const why = 'hv03 did not answer over SSH: timed out after 30 s';

  it('is told of without the script that was to run there', async () => {
    expect(await askNeed(silent, 'hv03', signal)).toEqual({ need: 'unclear', why });
    expect(await askGuests(silent, 'hv03', signal)).toEqual({ known: false, why });
    expect(await askBoot(silent, 'hv03', signal)).toEqual({ away: 'timed out after 30 s' });
  });

  it('is named once where the connection’s own words name it', async () => {
    const world = await openTestTwin();
    const nowhere = sshHosts({ ...world.ssh, addresses: { hv03: '127.0.0.1:1' } });
    try {
      const ctx = { options, host: (name: string) => nowhere.host(name) } as unknown as Context<
        typeof options
      >;

      expect(await askNeed(ctx, 'hv03', signal)).toMatchObject({
        need: 'unclear',
        why: 'hv03 (127.0.0.1:1) cannot be reached: connect ECONNREFUSED 127.0.0.1:1',
      });
    } finally {
      nowhere.close();
      await world.close();
    }
  });
});
