import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe } from 'vitest';
import { openPrometheusFeed } from '../../../src/clients/prometheus-feed.ts';
import { eventually } from '../../support/engine.ts';
import { HAS_PROMETHEUS, startPrometheus } from '../../support/monitoring.ts';
import { freePort } from '../../support/sshd.ts';
import { describeFeed, type Side } from './contract.ts';
import { MACHINES, type Machine } from './machines.ts';

function metricsOf({ holes }: Machine): string {
  const apt =
    holes.length === 0
      ? 'apt_upgrades_pending{origin="",arch=""} 0'
      : `apt_upgrades_pending{origin="Debian:bookworm-security/oldstable-security",arch="all"} ${holes.length}`;
  return `${apt}\nnode_reboot_required 0\n`;
}

/** A real Prometheus that scrapes what the machines say, and what stands before it and may add warnings. */
async function openSide(): Promise<Side> {
  const exporters = createServer(({ url = '' }, response) => {
    const machine = MACHINES[Number(url.slice(1))];
    response.setHeader('content-type', 'text/plain; version=0.0.4');
    response.end(machine && metricsOf(machine));
  });
  exporters.listen(0, '127.0.0.1');
  await once(exporters, 'listening');
  const { port } = exporters.address() as AddressInfo;
  const nobody = await freePort();
  const targets = MACHINES.map(({ name, id, isSilent }, at) => ({
    targets: [`127.0.0.1:${isSilent ? nobody : port}`],
    labels: { __metrics_path__: `/${at}`, instance: `m${at}`, instance_id: id, instance_name: name },
  }));
  const config = { scrape_configs: [{ job_name: 'vms', scrape_interval: '1s', static_configs: targets }] };
  const prometheus = await startPrometheus(JSON.stringify(config));
  await eventually('every machine to be asked', async () => {
    const answer = await fetch(`${prometheus.url}/api/v1/query?query=count(up)%2Bsum(up)`);
    const { data } = (await answer.json()) as { data: { result: { value: [number, string] }[] } };
    const up = MACHINES.filter(({ isSilent }) => !isSilent).length;
    return Number(data.result[0]?.value[1]) === MACHINES.length + up;
  });

  let warnings: string[] = [];
  const front = createServer(({ url = '' }, response) => {
    void fetch(`${prometheus.url}${url}`).then(
      async (answer) =>
        response
          .writeHead(answer.status)
          .end(JSON.stringify({ ...((await answer.json()) as object), warnings })),
      () => response.writeHead(502).end('nobody is there'),
    );
  });
  front.listen(0, '127.0.0.1');
  await once(front, 'listening');

  return {
    feed: openPrometheusFeed('exporters', {
      url: `http://127.0.0.1:${(front.address() as AddressInfo).port}`,
      targets: { job: 'vms' },
      labels: { serverId: 'instance_id', host: 'instance_name', address: 'instance' },
      securityOrigins: { apt: ['*-security*'], yum: ['*'] },
    }),
    namesFindings: false,
    tellsTimes: false,
    spoil: async () => {
      warnings = ['receive series from store: deadline exceeded'];
    },
    breakDown: () => prometheus.stop(),
    async close() {
      await prometheus.stop();
      for (const server of [front, exporters]) {
        server.closeAllConnections();
        server.close();
      }
    },
  };
}

describe.skipIf(!HAS_PROMETHEUS)('prometheus is installed', () => describeFeed('Prometheus', openSide));
