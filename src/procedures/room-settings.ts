/** What can be said of the room that guests need elsewhere: options of every job that drains. */
import { z } from 'zod';
import type { RoomRules } from '../domain/reboot-order.ts';

export const roomSettings = {
  headroom: z
    .strictObject({
      hypervisors: z.int().nonnegative().default(0),
      pools: z
        .array(z.string().min(1))
        .default([])
        .describe('Aggregates that are pools of their own; all else is the pool of its zone'),
    })
    .prefault({})
    .describe(
      'With one out of service, so many of the largest hypervisors of its pool may fail, and their guests find room',
    ),
  cpuDirection: z
    .boolean()
    .default(true)
    .describe('Room is only where the CPU has all that it has here, by the traits HW_CPU_X86_*'),
  cellPrefixes: z
    .array(z.string().min(1))
    .default([])
    .describe('Aggregates that begin so are cells, which no server leaves: Nova does not tell them'),
  crossAzAttach: z
    .boolean()
    .default(true)
    .describe('As cross_az_attach of Nova: false means that volumes keep servers in their zone'),
};

export type RoomSettings = z.output<z.ZodObject<typeof roomSettings>> & {
  readonly parallelEmpty: { readonly atOnce: number };
};

/** Empty ones that go at once are out of service together, so the others of a wave count as if they failed. */
export function roomRules({ headroom, parallelEmpty, ...reach }: RoomSettings): RoomRules {
  const { cpuDirection, cellPrefixes, crossAzAttach } = reach;
  const beside = headroom.hypervisors === 0 ? 0 : parallelEmpty.atOnce - 1;
  return {
    headroom: { ...headroom, hypervisors: headroom.hypervisors + beside },
    reach: { cpuDirection, cellPrefixes, crossAzAttach },
  };
}
