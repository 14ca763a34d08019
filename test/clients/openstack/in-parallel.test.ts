/** Whether work in parallel stays within its bound, keeps its order, and stops when it fails. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { inParallel } from '../../../src/clients/openstack/in-parallel.ts';

describe('in parallel', () => {
  it('answers in order, with never more at once than allowed', async () => {
    const cases = fc.tuple(fc.array(fc.integer({ min: 0, max: 5 })), fc.integer({ min: 1, max: 9 }));
    await fc.assert(
      fc.asyncProperty(cases, async ([turns, limit]) => {
        let now = 0;
        let most = 0;

        const results = await inParallel(turns, limit, async (count) => {
          now += 1;
          most = Math.max(most, now);
          for (let turn = 0; turn < count; turn++) await Promise.resolve();
          now -= 1;
          return count;
        });

        expect(results).toEqual(turns);
        expect(most).toBeLessThanOrEqual(limit);
      }),
    );
  });

  it('begins nothing more once something has failed', async () => {
    const begun: number[] = [];

    const work = inParallel([1, 2, 3, 4, 5, 6], 2, async (item) => {
      begun.push(item);
      await Promise.resolve();
      if (item === 2) throw new Error('no');
    });

    await expect(work).rejects.toThrow('no');
    await Promise.resolve();
    expect(begun.length).toBeLessThan(5);
  });
});
