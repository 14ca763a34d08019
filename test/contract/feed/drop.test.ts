import { once } from 'node:events';
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDrop } from '../../../src/clients/drop/feed.ts';
import { describeFeed, type Side } from './contract.ts';
import { MACHINES, type Machine } from './machines.ts';

const SETTINGS = { timezone: 'Europe/London', complete: true, staleMs: 7 * 86_400_000 };

function folder(): string {
  return mkdtempSync(join(tmpdir(), 'nightshift-drop-'));
}

function csvOf(machines: readonly Machine[]): string {
  const rows = machines.flatMap(({ name, holes, reportedAt }) => {
    const host = `"${name.replaceAll('"', '""')}",${reportedAt.toISOString()}`;
    return holes.length === 0
      ? [`${host},,`]
      : holes.map(({ id, tags }) => `${host},${id},${tags.join(';')}`);
  });
  return `${['host,last_report,id,tags', ...rows].join('\n')}\n`;
}

function ndjsonOf(machines: readonly Machine[]): string {
  const lines = machines.map(({ name, id: serverId, holes, reportedAt }) =>
    JSON.stringify({ host: name, serverId, lastReport: reportedAt.toISOString(), findings: holes }),
  );
  return `${[...lines, `{"hosts":${lines.length}}`].join('\n')}\n`;
}

async function openFile(text: string, spoilt: string): Promise<Side> {
  const dir = folder();
  const file = join(dir, 'findings');
  writeFileSync(file, text);
  return {
    feed: openDrop('scans', { ...SETTINGS, place: { file }, listsClean: true }),
    namesFindings: true,
    tellsTimes: true,
    spoil: async () => appendFileSync(file, spoilt),
    breakDown: async () => rmSync(file),
    close: async () => rmSync(dir, { recursive: true }),
  };
}

async function openUrl(): Promise<Side> {
  let [text, status] = [ndjsonOf(MACHINES), 200];
  const server = createServer((_, response) => {
    response.writeHead(status, { 'last-modified': new Date(Date.now() - 60_000).toUTCString() }).end(text);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/findings`;
  return {
    feed: openDrop('scans', { ...SETTINGS, place: { url }, listsClean: true }),
    namesFindings: true,
    tellsTimes: true,
    spoil: async () => {
      text = text.slice(0, -30);
    },
    breakDown: async () => {
      status = 503;
    },
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** As the Rundeck jobs wrote them: of a machine that does not report they know the server, and nothing else. */
async function openMachineFiles(): Promise<Side> {
  const dir = folder();
  const files = join(dir, 'machine_files');
  mkdirSync(files);
  for (const { name, id, holes, isSilent } of MACHINES) {
    const head = [
      `id:${id}`,
      `machine_name:${name}`,
      'ipv4_address:192.0.2.1',
      'project_id:p',
      'email:a@example.org',
    ];
    const told = [
      'PAKITI INFORMATION FOLLOWS',
      'kernel:5',
      ...holes.map((hole) => `CVE:${hole.id.slice(4)}`),
    ];
    writeFileSync(join(files, `${id}.txt`), `${[...head, ...(isSilent ? [] : told)].join('\n')}\n`);
  }
  return {
    feed: openDrop('rundeck', { ...SETTINGS, place: { machineFiles: files } }),
    namesFindings: true,
    tellsTimes: false,
    spoil: async () => writeFileSync(join(files, 'half.txt'), 'id:half\nmachine_na'),
    breakDown: async () => rmSync(files, { recursive: true }),
    close: async () => rmSync(dir, { recursive: true }),
  };
}

describeFeed('a CSV file', () => openFile(csvOf(MACHINES), 'one-cell-only\n'));
describeFeed('an NDJSON file', () => openFile(ndjsonOf(MACHINES), '{"host":'));
describeFeed('NDJSON behind a URL', openUrl);
describeFeed('a folder of machine files', openMachineFiles);
