/** What Prometheus answers to a query now. Implements the `Prometheus` port. */
import { z } from 'zod';
import type { Prometheus, Sample } from '../domain/monitoring.ts';
import { type MonitoringSettings, openMonitoring } from './monitoring-http.ts';

/** Time, and the value as Prometheus writes it: `1.5`, `NaN`, `+Inf`. */
const Point = z.tuple([z.number(), z.string()]).transform(([, value]) => valueOf(value));

const Answer = z.object({
  data: z.discriminatedUnion('resultType', [
    z.object({
      resultType: z.literal('vector'),
      result: z.array(z.object({ metric: z.record(z.string(), z.string()), value: Point })),
    }),
    z.object({ resultType: z.literal('scalar'), result: Point }),
  ]),
});

/** Asks nothing before its first call. */
export function openPrometheus(settings: MonitoringSettings): Prometheus {
  const ask = openMonitoring('Prometheus', settings);
  return {
    async query(query): Promise<readonly Sample[]> {
      const asking = {
        method: 'GET',
        path: '/api/v1/query',
        query: [['query', query]],
        answer: Answer,
      } as const;
      const { data } = await ask(asking);
      if (data.resultType === 'scalar') return [{ labels: {}, value: data.result }];
      return data.result.map(({ metric, value }) => ({ labels: metric, value }));
    },
  };
}

function valueOf(text: string): number {
  const infinite = /^([+-]?)Inf$/.exec(text);
  return infinite === null ? Number(text) : Number(`${infinite[1]}Infinity`);
}
