/** What do monitors read? Counted when they ask, over the whole installation; times of requests are this process's. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { z } from 'zod';
import type { Mode } from '../engine/acts.ts';
import type { Health } from '../engine/alerts.ts';
import type { Census } from '../engine/census.ts';
import type { RunState } from '../engine/runs.ts';
import { known } from './ask-redis.ts';
import { type App, type Desk, OR_PROBLEM } from './desk.ts';

/** All that Redis tells. */
type Figures = Census & Mode & { readonly health: ReadonlyMap<string, Health> };

const OPEN: readonly RunState[] = ['queued', 'running', 'waiting', 'needs-decision'];

export function addMetrics(app: App, desk: Desk): void {
  const registry = new Registry();
  const registers = [registry];
  const gauge = (name: string, help: string) => new Gauge({ name: `nightshift_${name}`, help, registers });
  collectDefaultMetrics({ register: registry });
  const seconds = new Histogram({
    name: 'nightshift_http_request_duration_seconds',
    help: 'How long requests took, by route; followed logs are left out',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.005, 0.02, 0.1, 0.5, 1, 5],
    registers,
  });
  const labelNames = ['job', 'state'] as const;
  const runs = new Gauge({
    name: 'nightshift_runs',
    help: 'Runs that have not ended',
    labelNames,
    registers,
  });
  const ends = new Counter({
    name: 'nightshift_runs_ended_total',
    help: 'Ends of runs; one that was resumed ends more than once',
    labelNames,
    registers,
  });
  const failing = new Gauge({
    name: 'nightshift_job_failing',
    help: '1: the last run of the job that counts failed',
    labelNames: ['job'],
    registers,
  });
  const up = gauge('redis_up', '1: Redis answers');
  const frozen = gauge('frozen', '1: frozen or halted, so no new disruption begins');
  const doubted = gauge('redis_doubted', '1: Redis is not the one we knew, so nothing is started');
  const counts = {
    stepsUnderWay: gauge('steps_under_way', 'Steps that have begun and not ended'),
    leaseWaits: gauge('lease_waits', 'Runs that queue for a lease, counted once for each lease'),
    mailsWaiting: gauge('mails_waiting', 'Mails that no server has taken yet'),
    daemons: gauge('daemons', 'Processes that work runs'),
  } satisfies Partial<Record<keyof Census, Gauge>>;

  app.addHook('onResponse', async ({ method, routeOptions }, reply) => {
    const isStream = String(reply.getHeader('content-type')).startsWith('text/event-stream');
    if (isStream) return;
    const labels = { method, route: routeOptions.url ?? 'none', status: reply.statusCode };
    seconds.observe(labels, reply.elapsedTime / 1000);
  });

  function show(census: Figures | undefined): void {
    up.set(census === undefined ? 0 : 1);
    doubted.set(desk.engine.doubt === undefined ? 0 : 1);
    runs.reset();
    ends.reset();
    failing.reset();
    for (const [name, count] of Object.entries(counts)) {
      // What nobody knows is left out, because 0 would be a claim.
      if (census === undefined) count.remove();
      else count.set(census[name as keyof typeof counts]);
    }
    if (census === undefined) {
      frozen.remove();
      return;
    }
    frozen.set(census.mode === '' ? 0 : 1);
    for (const [job, { state }] of census.health) failing.set({ job }, state === 'failing' ? 1 : 0);
    for (const job of desk.engine.jobs.keys()) for (const state of OPEN) runs.set({ job, state }, 0);
    for (const { runs: number, ...which } of census.open) runs.set(which, number);
    for (const { runs: number, ...which } of census.ended) ends.inc(which, number);
  }

  app.route({
    method: 'GET',
    url: '/metrics',
    schema: {
      operationId: 'metrics',
      summary: 'Show figures for Prometheus',
      response: {
        200: {
          description: 'Prometheus text format',
          content: { 'text/plain': { schema: z.string() } },
        },
        ...OR_PROBLEM,
      },
    },
    handler: async (_, reply) => {
      show(await censusOf(desk));
      return reply.type(registry.contentType).send(await registry.metrics());
    },
  });
}

async function censusOf({ engine, ask }: Desk): Promise<Figures | undefined> {
  const counted = ask(async () => ({
    ...(await engine.census()),
    ...(await engine.acts.mode()),
    health: await engine.health(),
  }));
  return known(counted);
}
