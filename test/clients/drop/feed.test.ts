import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type DropSettings, openDrop } from '../../../src/clients/drop/feed.ts';
import type { Poll } from '../../../src/domain/patch-feed.ts';

const never = new AbortController().signal;
const DAY_MS = 86_400_000;

let dir: string;
const servers: Server[] = [];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'nightshift-drop-'));
});
afterEach(async () => {
  rmSync(dir, { recursive: true });
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  }
});

const SETTINGS = { timezone: 'Europe/Prague', complete: true, staleMs: 7 * DAY_MS };

function poll(text: string | Buffer, more: Partial<DropSettings> = {}): Promise<Poll> {
  const file = join(dir, 'list');
  writeFileSync(file, text);
  return openDrop('scans', { ...SETTINGS, place: { file }, ...more }).poll(never);
}

/** What is said of the only host of a CSV file with this head and row. */
async function hostOf(head: string, row: string) {
  const { hosts, warnings } = await poll(`${head}\n${row}\n`);
  expect(warnings).toEqual([]);
  expect(hosts).toHaveLength(1);
  return hosts[0];
}

describe('a CSV file', () => {
  it('may say all there is to say of a machine and a finding', async () => {
    const head =
      'host,server_id,Project-ID,addresses,os,last_report,reboot_required,security_updates,id,tags,score,package,installed,fixed,needs_reboot,advised_at,url';
    const row =
      'web-1,91cc,p1,192.0.2.1; 2001:db8::1,"Debian 12, bookworm",2024-11-27 06:00,yes,3,CVE-2026-1,High;Critical,9.8,openssl,3.0.11,3.0.15,no,2026-11-20T00:00:00+01:00,https://x.example/1';

    expect(await hostOf(head, row)).toEqual({
      hostname: 'web-1',
      serverId: '91cc',
      projectId: 'p1',
      addresses: ['192.0.2.1', '2001:db8::1'],
      os: 'Debian 12, bookworm',
      lastReport: '2024-11-27T05:00:00.000Z',
      rebootRequired: true,
      securityUpdates: 3,
      findings: [
        {
          id: 'CVE-2026-1',
          tags: ['Critical', 'High'],
          score: 9.8,
          package: 'openssl',
          installed: '3.0.11',
          fixed: '3.0.15',
          needsReboot: false,
          advisedAt: '2026-11-19T23:00:00.000Z',
          url: 'https://x.example/1',
        },
      ],
    });
  });

  it('has a row for each finding, and one without for a machine that is well', async () => {
    const { hosts } = await poll('host,id\na,CVE-1\na,CVE-2\nb,\nA,CVE-1\n');

    expect(hosts).toEqual([
      {
        hostname: 'a',
        findings: [
          { id: 'CVE-1', tags: [] },
          { id: 'CVE-2', tags: [] },
        ],
      },
      { hostname: 'b', findings: [] },
    ]);
  });

  it('of which the head alone is there lists nobody', async () => {
    expect(await poll('host,id\n')).toMatchObject({ complete: true, listsClean: false, hosts: [] });
  });

  it('may begin with a byte order mark and end its lines as Windows does', async () => {
    expect((await poll('\uFEFFhost,id\r\na,CVE-1\r\n')).hosts).toMatchObject([{ hostname: 'a' }]);
  });

  it.each([
    { what: 'javascript', url: 'javascript:alert(1)' },
    { what: 'no URL', url: 'see the wiki' },
    { what: 'endless', url: `https://x.example/${'a'.repeat(3000)}` },
  ])('whose link is $what has none', async ({ url }) => {
    expect((await hostOf('host,id,url', `a,CVE-1,${url}`))?.findings).toEqual([{ id: 'CVE-1', tags: [] }]);
  });

  it('whose names are too long has them cut', async () => {
    const long = 'x'.repeat(9000);
    const host = await hostOf('host,id,tags,package', `${long},${long},${long},${long}`);
    const [finding] = host?.findings ?? [];

    expect(
      [host?.hostname, finding?.id, finding?.tags[0], finding?.package].map((each) => each?.length),
    ).toEqual([255, 128, 64, 255]);
  });

  it('with bad rows tells the others, is not complete, and says which', async () => {
    const { complete, hosts, warnings } = await poll(
      'host,id,score,last_report\na,CVE-1,11,\nb,CVE-2,7,\n,CVE-3,,\nd,CVE-4,,yesterday\ne,CVE-5,x,\n',
    );

    expect({ complete, names: hosts.map(({ hostname }) => hostname) }).toEqual({
      complete: false,
      names: ['b'],
    });
    expect(warnings).toEqual([
      '4 lines left out: row 2: findings[0].score: 11 is too large: at most 10; row 4: says of no machine: give host, serverId or addresses; row 5: lastReport: is no time (2026-11-27T06:00:00Z, or 2026-11-27 06:00)',
    ]);
  });

  it.each([
    {
      what: 'cut off in a row',
      text: 'host,id\na,CVE-1\nb',
      words: 'row 3: has 1 cell, and the head 2,its last line',
    },
    { what: 'with a comma too many', text: 'host,id\na,CVE-1\nb,CVE-2,\n', words: 'row 3: has 3 cells' },
    { what: 'cut off at the end of a row', text: 'host,id\na,CVE-1\nb,CVE-2', words: 'may be cut off' },
    { what: 'with a quote that nobody closes', text: 'host,id\na,CVE-1\n"b,CVE-2\n', words: 'behind row 2' },
  ])('$what is not complete', async ({ text, words }) => {
    const { complete, hosts, warnings } = await poll(text);

    expect({ complete, first: hosts[0]?.hostname }).toEqual({ complete: false, first: 'a' });
    expect(warnings.join()).toContain(words);
  });

  it.each([
    {
      what: 'that has columns nobody knows',
      text: 'hots,id,hots\na,b,c\n',
      words: 'column "hots": unknown column, did you mean `host`?',
    },
    {
      what: 'that names no machine',
      text: 'id,tags\nCVE-1,High\n',
      words: 'no column host, serverId or addresses',
    },
    { what: 'that is a page for people', text: '<html><body>\nSign in\n', words: 'unknown column' },
    {
      what: 'of which no row can be read',
      text: 'host,score,id\na,x,CVE\n',
      words: 'no line of it can be read: row 2',
    },
    { what: 'that is empty', text: '', words: 'it is empty' },
  ])('$what is refused whole', async ({ text, words }) => {
    await expect(poll(text)).rejects.toMatchObject({
      name: 'DropError',
      message: expect.stringMatching(`^${dir}/list: `),
    });
    await expect(poll(text)).rejects.toThrow(words);
  });
});

describe('an NDJSON file', () => {
  const line = (host: string, more: object = {}) => `${JSON.stringify({ host, ...more })}\n`;

  it('has a line for each machine', async () => {
    const text = `\uFEFF${line('a', { findings: [{ id: 'CVE-1', tags: ['Low', 'mine', 'High', 'High'] }] })}\n${line('b')}`;

    expect(await poll(text)).toMatchObject({
      complete: true,
      hosts: [
        { hostname: 'a', findings: [{ id: 'CVE-1', tags: ['High', 'Low', 'mine'] }] },
        { hostname: 'b', findings: [] },
      ],
    });
  });

  it('has the site’s order of tags', async () => {
    const { hosts } = await poll(line('a', { findings: [{ id: 'C', tags: ['High', 'mine'] }] }), {
      tags: ['mine'],
    });

    expect(hosts[0]?.findings[0]?.tags).toEqual(['mine', 'High']);
  });

  it('of several lines about a machine lets the newest report count, and joins what is of one time', async () => {
    const at = (hour: string) => `2024-11-27T${hour}:00:00Z`;
    const { hosts } = await poll(
      [
        line('a', {
          lastReport: at('06'),
          securityUpdates: 1,
          rebootRequired: false,
          findings: [{ id: 'C1' }],
        }),
        line('a', { lastReport: at('05'), securityUpdates: 9, findings: [{ id: 'OLD' }] }),
        line('a', {
          lastReport: at('06'),
          securityUpdates: 2,
          rebootRequired: true,
          findings: [{ id: 'C2' }],
        }),
      ].join(''),
    );

    expect(hosts).toMatchObject([
      {
        lastReport: '2024-11-27T06:00:00.000Z',
        securityUpdates: 2,
        rebootRequired: true,
        findings: [{ id: 'C1' }, { id: 'C2' }],
      },
    ]);
  });

  it('whose last line counts too many is not complete', async () => {
    expect(await poll(`${line('a')}{"hosts":1}\n`)).toMatchObject({ complete: true });

    const { complete, warnings } = await poll(`${line('a')}{"hosts":2}\n`);

    expect(complete).toBe(false);
    expect(warnings).toEqual(['its last line counts 2 hosts, and there are 1']);
  });

  it('of nobody says so by its count', async () => {
    expect(await poll('{"hosts":0}\n')).toMatchObject({ complete: true, hosts: [] });
  });

  it.each([
    { what: 'no JSON', bad: '{"host":', words: 'line 2: "{\\"host\\":" is no JSON' },
    { what: 'an unknown key', bad: '{"host":"b","lastreport":"x"}', words: 'did you mean `lastReport`?' },
    { what: 'no machine', bad: '{"os":"Debian"}', words: 'line 2: says of no machine' },
    { what: 'a list', bad: '[1]', words: 'line 2: a mapping' },
    {
      what: 'an address that is none',
      bad: '{"host":"b","addresses":["x"]}',
      words: 'addresses[0]: is no address',
    },
  ])('with a line that is $what tells the others, and is not complete', async ({ bad, words }) => {
    const { complete, hosts, warnings } = await poll(`${line('a')}${bad}\n${line('c')}`);

    expect({ complete, names: hosts.map(({ hostname }) => hostname) }).toEqual({
      complete: false,
      names: ['a', 'c'],
    });
    expect(warnings.join()).toContain(words);
  });

  it('with a line that does not end is refused', async () => {
    const endless = Buffer.concat([Buffer.from('{"host":"'), Buffer.alloc(5 * 1024 * 1024, 'a')]);

    await expect(poll(endless)).rejects.toMatchObject({
      retryable: false,
      message: expect.stringContaining('line 1 is longer than'),
    });
  });

  it('keeps names such as __proto__ as they are', async () => {
    const { hosts } = await poll('{"host":"__proto__"}\n{"host":"constructor"}\n');

    expect(hosts.map(({ hostname }) => hostname)).toEqual(['__proto__', 'constructor']);
  });
});

describe('a file', () => {
  const LINE = '{"host":"a"}\n';

  it('that was not written again is the same poll', async () => {
    const file = join(dir, 'list');
    writeFileSync(file, LINE);
    const yesterday = new Date(Date.now() - DAY_MS);
    utimesSync(file, yesterday, yesterday);
    const feed = openDrop('scans', { ...SETTINGS, place: { file } });

    const polls = [await feed.poll(never), await feed.poll(never)];

    expect(polls.map(({ takenAt }) => takenAt)).toEqual([yesterday.toISOString(), yesterday.toISOString()]);
    expect(polls[0]?.complete).toBe(true);
  });

  it('that was written too long ago resolves nothing', async () => {
    const file = join(dir, 'list');
    writeFileSync(file, LINE);
    const then = new Date(Date.now() - 9 * DAY_MS);
    utimesSync(file, then, then);

    const told = await openDrop('scans', { ...SETTINGS, place: { file } }).poll(never);

    expect(told.complete).toBe(false);
    expect(told.warnings).toEqual([expect.stringMatching(/^it was last written 9 days ago, on /)]);
  });

  it('that holds only what is new resolves nothing', async () => {
    expect(await poll(LINE, { complete: false })).toMatchObject({ complete: false, warnings: [] });
  });

  it('that should list machines that are well, too, and lists nobody is broken', async () => {
    await expect(poll('host,id\n', { listsClean: true })).rejects.toThrow('no machine reports in it');
  });

  it('that is not there may come', async () => {
    const feed = openDrop('scans', { ...SETTINGS, place: { file: join(dir, 'none') } });

    await expect(feed.poll(never)).rejects.toMatchObject({
      name: 'DropError',
      retryable: true,
      message: expect.stringContaining('ENOENT'),
    });
  });
});

describe('a list behind a URL', () => {
  async function listen(answer: RequestListener): Promise<string> {
    const server = createServer(answer);
    servers.push(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/t0ken`;
  }

  it('is of the time that it was last modified, and somebody may sign in for it', async () => {
    let seen: string | undefined;
    const modified = new Date(Math.floor(Date.now() / 1000) * 1000 - DAY_MS);
    const url = await listen((request, response) => {
      seen = request.headers.authorization;
      response.setHeader('last-modified', modified.toUTCString()).end('{"host":"a"}\n');
    });

    const told = await openDrop('scans', { ...SETTINGS, place: { url }, token: 's3cret' }).poll(never);

    expect({ seen, takenAt: told.takenAt }).toEqual({
      seen: 'Bearer s3cret',
      takenAt: modified.toISOString(),
    });
  });

  it.each([
    { status: 404, retryable: false, words: 'it was answered 404: no such list' },
    { status: 503, retryable: true, words: 'it was answered 503' },
  ])('that is answered $status is an error without its path, which may hold a token', async (row) => {
    const url = await listen((_, response) => response.writeHead(row.status).end('no such list'));
    const polling = openDrop('scans', { ...SETTINGS, place: { url } }).poll(never);

    await expect(polling).rejects.toMatchObject({
      retryable: row.retryable,
      message: expect.stringMatching(`^the list at 127\\.0\\.0\\.1:\\d+: ${row.words}`),
    });
    await expect(polling).rejects.toMatchObject({ message: expect.not.stringContaining('t0ken') });
  });

  it('that breaks off tells nothing, and may be asked again', async () => {
    const url = await listen((_, response) => {
      response.write('{"host":"a"}\n', () => response.destroy());
    });

    await expect(openDrop('scans', { ...SETTINGS, place: { url } }).poll(never)).rejects.toMatchObject({
      retryable: true,
    });
  });
});

describe('a folder of machine files', () => {
  const HEAD = [
    'id:91cdc0ee',
    'machine_name:ml-train-01',
    'ipv4_address:172.16.105.23',
    'potential-hostname:host-172-16-105-23',
    'project_id:4de8',
    'project_name:ml-project',
    'user_name:alice',
    'email:alice@example.org',
  ];
  const MARKER = 'PAKITI INFORMATION FOLLOWS';
  const OPENSSH = [
    'package:openssh',
    '+installed-version:0:7.4p1-16.el7',
    '+required-version:0:7.4p1-21.el7',
  ];
  const KERNEL = ['package:kernel', '+installed-version:0:3.10.0-862', '+required-version:0:3.10.0-1160'];

  async function pollFiles(files: Readonly<Record<string, readonly string[] | string>>): Promise<Poll> {
    const folder = join(dir, 'machine_files');
    mkdirSync(folder);
    for (const [name, lines] of Object.entries(files))
      writeFileSync(join(folder, name), typeof lines === 'string' ? lines : `${lines.join('\n')}\n`);
    return openDrop('rundeck', { ...SETTINGS, place: { machineFiles: folder } }).poll(never);
  }

  it('tells of each machine that reports which CVEs it has and how much is out of date', async () => {
    const told = [MARKER, 'kernel:3.10.0', ...OPENSSH, ...KERNEL, 'CVE:2017-15906', 'CVE:2018-14634'];
    const { takenAt, hosts, ...rest } = await pollFiles({
      '91cdc0ee.txt': [...HEAD, ...told],
      'notes.md': '',
    });

    expect(rest).toEqual({ feed: 'rundeck', complete: true, warnings: [], listsClean: true });
    expect(hosts).toEqual([
      {
        serverId: '91cdc0ee',
        hostname: 'ml-train-01',
        projectId: '4de8',
        addresses: ['172.16.105.23'],
        findings: [
          { id: 'CVE-2017-15906', tags: [] },
          { id: 'CVE-2018-14634', tags: [] },
        ],
        securityUpdates: 2,
      },
    ]);
    expect(Date.parse(takenAt)).toBeLessThanOrEqual(Date.now());
  });

  it('tells which package a CVE is in where there is but one', async () => {
    const { hosts } = await pollFiles({
      'a.txt': [...HEAD, MARKER, 'kernel:3', ...OPENSSH, 'CVE:2017-15906'],
    });

    expect(hosts[0]?.findings).toEqual([
      {
        id: 'CVE-2017-15906',
        tags: [],
        package: 'openssh',
        installed: '0:7.4p1-16.el7',
        fixed: '0:7.4p1-21.el7',
      },
    ]);
  });

  it('does not list a machine that Pakiti did not know: it is silent, not well', async () => {
    const other = HEAD.map((line) => line.replace('91cdc0ee', 'well'));
    const { hosts } = await pollFiles({ 'a.txt': HEAD, 'b.txt': [...other, MARKER, 'kernel:6'] });

    expect(hosts).toMatchObject([{ serverId: 'well', findings: [], securityUpdates: 0 }]);
  });

  it.each([
    { what: 'cut off in the middle', text: 'id:x\nmachine_na', words: 'cut off' },
    { what: 'cut off in its head', text: 'id:x\nmachine_name:b\n', words: 'it has no line email:' },
    { what: 'of no machine', text: 'hello\n', words: 'it has no line id:' },
    { what: 'endless', text: 'id:x\n'.repeat(300_000), words: 'is longer than' },
  ])('with a file that is $what is not complete', async ({ text, words }) => {
    const { complete, warnings, hosts } = await pollFiles({ 'a.txt': [...HEAD, MARKER], 'b.txt': text });

    expect({ complete, hosts: hosts.length }).toEqual({ complete: false, hosts: 1 });
    expect(warnings).toEqual([expect.stringMatching(`^1 machine file left out: "b\\.txt".*${words}`)]);
  });

  it.each([
    { what: 'holds no file', files: {}, words: 'it holds no machine file' },
    { what: 'holds no file that can be read', files: { 'a.txt': 'x' }, words: 'no file of it can be read' },
    { what: 'knows nobody who reports', files: { 'a.txt': HEAD }, words: 'no machine reports in it' },
  ])('that $what is broken', async ({ files, words }) => {
    await expect(pollFiles(files as Record<string, string>)).rejects.toMatchObject({
      name: 'DropError',
      message: expect.stringContaining(words),
    });
  });
});
