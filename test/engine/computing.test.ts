/** Long computing goes on in threads of its own, and ends with whoever wanted it. */
import { describe, expect, it } from 'vitest';
import { computing } from '../../src/engine/computing.ts';
import { countTo, describeThread, fail, spin } from './support/computed.ts';

const MODULE = new URL('./support/computed.ts', import.meta.url).href;
const never = new AbortController().signal;

describe('computing', () => {
  it('gives back what the function returns, Maps and all', async () => {
    const counted = await computing(never)(MODULE, countTo, 3, new Map([['a', 1]]));
    expect(counted).toEqual(
      new Map([
        ['a', 1],
        ['counted', 3],
      ]),
    );
  });

  it('happens in another thread', async () => {
    expect(await computing(never)(MODULE, describeThread)).toEqual({ main: false });
    expect(describeThread()).toEqual({ main: true });
  });

  it('leaves this thread free, so that leases are renewed', async () => {
    const stop = new AbortController();
    const spinning = computing(stop.signal)(MODULE, spin);
    let turns = 0;
    const settled = spinning.catch((error: unknown) => error);
    while (turns < 100) {
      await new Promise(setImmediate);
      turns += 1;
    }
    stop.abort();
    expect(await settled).toMatchObject({ name: 'AbortError' });
  });

  it('rejects with what the function threw', async () => {
    await expect(computing(never)(MODULE, fail, 'no hypervisor is left')).rejects.toThrow(
      'no hypervisor is left',
    );
  });

  it('says so when the module has no such function', async () => {
    const missing = (): void => {};
    await expect(computing(never)(MODULE, missing)).rejects.toThrow(
      /computed\.ts exports no function missing/,
    );
  });
});
