import type { RequestListener, ServerResponse } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { openPakiti, type PakitiSettings } from '../../../src/clients/pakiti/feed.ts';
import type { Poll } from '../../../src/domain/patch-feed.ts';
import { type PakitiDouble, startPakiti } from '../../support/pakiti.ts';

const VM = 'host-172-16-105-23.nubes.lab.example';
const TAGS = [
  { cve: 'CVE-2024-6387', tag: 'EGI-Critical', at: new Date('2024-07-01T08:00:00Z') },
  { cve: 'CVE-2024-1086', tag: 'EGI-High', at: new Date('2024-04-01T08:00:00Z') },
  { cve: 'CVE-2024-1086', tag: 'Critical', at: new Date('2024-05-30T08:00:00Z') },
];
const NEWER = new Date('2025-11-21T09:39:37Z');
const OLDER = new Date('2025-10-12T09:39:38Z');
const never = new AbortController().signal;

const servers: PakitiDouble[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop();
});

async function pakiti(options: Parameters<typeof startPakiti>[0] = {}): Promise<PakitiDouble> {
  const server = await startPakiti(options);
  servers.push(server);
  server.tag(...TAGS);
  return server;
}

function feedOf(server: PakitiDouble, more: Partial<PakitiSettings> = {}) {
  return openPakiti('pakiti', { url: server.url, timezone: 'UTC', ...more });
}

function poll(server: PakitiDouble, more: Partial<PakitiSettings> = {}): Promise<Poll> {
  return feedOf(server, more).poll(never);
}

/** An answer to hosts.php that is made up: the head, and what comes behind it. */
function list(rest: (response: ServerResponse) => void): RequestListener {
  return (_, response) => {
    response.writeHead(200, { 'content-type': 'text/csv; charset=utf-8' });
    response.write('tag,cve,site,host,os,arch,last_report\n');
    rest(response);
  };
}

describe('a poll of Pakiti', () => {
  it('tells who has what since when, in which package, and where to read about it', async () => {
    const server = await pakiti({ zone: 'Europe/Prague' });
    server.tag({
      cve: 'CVE-2023-4911',
      tag: 'EGI-Critical',
      at: new Date('2023-10-04T10:00:00Z'),
      infoUrl: 'https://advisories.example.org/?a=1&b=2',
    });
    server.vulnerable({
      cve: 'CVE-2023-4911',
      os: 'Ubuntu 22.04',
      package: 'glibc',
      fixed: '2.35-0ubuntu3.4',
    });
    server.report({ host: 'web-1', os: 'Ubuntu 22.04', at: NEWER, cves: ['CVE-2023-4911'] });

    const { takenAt, ...told } = await poll(server, { timezone: 'Europe/Prague' });

    expect(told).toEqual({
      feed: 'pakiti',
      complete: true,
      warnings: [],
      listsClean: false,
      hosts: [
        {
          hostname: 'web-1',
          os: 'Ubuntu 22.04',
          lastReport: '2025-11-21T09:39:37.000Z',
          findings: [
            {
              id: 'CVE-2023-4911',
              tags: ['EGI-Critical'],
              package: 'glibc',
              fixed: '2.35-0ubuntu3.4',
              advisedAt: '2023-10-04T10:00:00.000Z',
              url: 'https://advisories.example.org/?a=1&b=2',
            },
          ],
        },
      ],
    });
    expect(Date.now() - Date.parse(takenAt)).toBeLessThan(60_000);
  });

  it('asks each thing once, and nothing before it is polled', async () => {
    const server = await pakiti();
    for (const host of ['a', 'b', 'c']) server.report({ host, at: NEWER, cves: ['CVE-2024-6387'] });
    const feed = feedOf(server);
    expect(server.asked).toEqual([]);

    await feed.poll(never);

    expect(server.asked).toEqual([
      '/pakiti/api/hosts.php',
      '/pakiti/api/exportCvesTags.php',
      '/pakiti/api/exportCvesExceptions.php',
      '/pakiti/api/cve.php?cve=CVE-2024-6387&os=Rocky+Linux+9.3',
    ]);
  });

  it('says what Pakiti leaves out because it is excepted there', async () => {
    const server = await pakiti();
    server.except({ cve: 'CVE-2024-1086', package: 'kernel', reason: 'no user namespaces <here>' });

    expect((await poll(server)).warnings).toEqual([
      'Pakiti does not list what is excepted there: "CVE-2024-1086 in kernel 0:1.0-1: no user namespaces <here>"',
    ]);
  });

  it('signs in with a user', async () => {
    const server = await pakiti({ access: 'basic' });
    const { login, certificate } = server;

    expect(await poll(server, { login, ca: certificate.ca })).toMatchObject({ complete: true });
    await expect(
      poll(server, { login: { ...login, password: 's3cret' }, ca: certificate.ca }),
    ).rejects.toMatchObject({
      name: 'PakitiError',
      retryable: false,
      status: 401,
      message: expect.not.stringContaining('s3cret'),
    });
  });

  it('signs in with a certificate, and says so where it has none', async () => {
    const server = await pakiti({ access: 'certificate' });
    const { certificate } = server;

    expect(await poll(server, { certificate, ca: certificate.ca })).toMatchObject({ complete: true });
    await expect(poll(server, { ca: certificate.ca })).rejects.toMatchObject({
      name: 'PakitiError',
      message: expect.stringContaining('client certificate'),
    });
  });

  it('trusts no certificate of an authority that nobody named', async () => {
    const server = await pakiti({ access: 'basic' });

    await expect(poll(server, { login: server.login })).rejects.toMatchObject({ retryable: false });
    expect(server.asked).toEqual([]);
  });

  it('ends when it is told to', async () => {
    const server = await pakiti();
    const told = new AbortController();
    server.answer(
      'hosts.php',
      list(() => told.abort(new Error('enough'))),
    );

    await expect(feedOf(server).poll(told.signal)).rejects.toThrow('enough');
  });
});

describe('a trap of Pakiti', () => {
  it('database away: 200, text/html and no byte, is a broken feed and not good news', async () => {
    const server = await pakiti();
    server.answer('hosts.php', 'database away');

    await expect(poll(server)).rejects.toMatchObject({
      name: 'PakitiError',
      retryable: true,
      message: expect.stringMatching(
        /^Pakiti at 127\.0\.0\.1:\d+: GET api\/hosts\.php was answered with nothing at all, as Pakiti does/,
      ),
    });
  });

  it('database away: no byte as text/csv, without a length, is one as well', async () => {
    const server = await pakiti();
    server.answer('hosts.php', (_, response) => {
      response.writeHead(200, { 'content-type': 'text/csv; charset=utf-8' });
      response.flushHeaders();
      response.end();
    });

    await expect(poll(server)).rejects.toMatchObject({
      retryable: true,
      message: expect.stringContaining('was answered with nothing at all'),
    });
  });

  it('database away: just behind the list, nobody knows whether that was cut off', async () => {
    const server = await pakiti();
    server.report({ host: VM, at: NEWER, cves: ['CVE-2024-6387'] });
    server.answer('exportCvesTags.php', 'database away');

    const told = await poll(server);

    expect(told).toMatchObject({ complete: false, hosts: [{ hostname: VM }] });
    expect(told.warnings).toEqual([expect.stringMatching(/^the list may be cut off.*nothing at all/)]);
  });

  it('nobody is vulnerable: the head alone is a good answer', async () => {
    expect(await poll(await pakiti())).toMatchObject({ complete: true, hosts: [], warnings: [] });
  });

  it('unknown host group: everybody is listed, and that is no list of the group', async () => {
    const server = await pakiti();
    server.report({ host: VM, site: 'Cloud', at: NEWER, cves: ['CVE-2024-6387'] });

    await expect(poll(server, { hostGroup: 'NOPE' })).rejects.toMatchObject({
      retryable: false,
      message: expect.stringContaining('nobody of the host group "NOPE" but 1 row of others'),
    });
  });

  it('host group: whatever the server lists, only its machines are told', async () => {
    const server = await pakiti();
    server.report({ host: 'web-1', site: 'web & mail', at: NEWER, cves: ['CVE-2024-6387'] });
    server.report({ host: 'ml-1', site: 'ml', at: NEWER, cves: ['CVE-2024-6387'] });
    server.answer(
      'hosts.php',
      list((response) => {
        response.write(
          'EGI-Critical,CVE-2024-6387,"web &amp; mail",web-1,Debian,x86_64,"2025-11-21 09:39:37"\n',
        );
        response.end('EGI-Critical,CVE-2024-6387,ml,ml-1,Debian,x86_64,"2025-11-21 09:39:37"\n');
      }),
    );

    expect((await poll(server, { hostGroup: 'web & mail' })).hosts).toMatchObject([{ hostname: 'web-1' }]);
  });

  it('host group that is known and well: nobody is told, and that is good news', async () => {
    const server = await pakiti();
    server.report({ host: 'web-1', site: 'web', at: NEWER, cves: [] });
    server.report({ host: 'ml-1', site: 'ml', at: NEWER, cves: ['CVE-2024-6387'] });

    expect(await poll(server, { hostGroup: 'web' })).toMatchObject({ complete: true, hosts: [] });
  });

  it('patched: the machine is gone from the list', async () => {
    const server = await pakiti();
    server.report({ host: VM, at: NEWER, cves: ['CVE-2024-6387'] });
    expect((await poll(server)).hosts).toHaveLength(1);
    server.report({ host: VM, at: NEWER, cves: [] });

    expect(await poll(server)).toMatchObject({ complete: true, listsClean: false, hosts: [] });
  });

  it('silent: the machine stays with its old report, because `activity` is not asked for', async () => {
    const server = await pakiti();
    server.report({ host: 'stale-vm', at: OLDER, cves: ['CVE-2024-6387'] });

    expect((await poll(server)).hosts).toMatchObject([
      { hostname: 'stale-vm', lastReport: '2025-10-12T09:39:38.000Z' },
    ]);
    expect(server.asked.join()).not.toContain('activity');
  });

  it('no report comes through any more: nothing is taken for resolved', async () => {
    const server = await pakiti();
    server.report({ host: VM, at: new Date(Date.now() - 5 * 86_400_000), cves: ['CVE-2024-6387'] });
    const told = await poll(server, { staleMs: 2 * 86_400_000 });

    expect(told.complete).toBe(false);
    expect(told.warnings).toEqual([expect.stringMatching(/^no machine has reported since .*, for 5 days/)]);
    expect(await poll(server, { staleMs: 6 * 86_400_000 })).toMatchObject({ complete: true });
  });

  it('untagged: a CVE that nobody tagged, or whose tag is disabled, is not listed; the tag is the severity', async () => {
    const server = await pakiti();
    server.tag({ cve: 'CVE-2021-3156', tag: 'High', enabled: false });
    server.report({ host: VM, at: NEWER, cves: ['CVE-2024-6387', 'CVE-2021-3156', 'CVE-2026-0001'] });
    const [host] = (await poll(server)).hosts;

    expect(host?.findings.map(({ id, tags }) => [id, tags])).toEqual([['CVE-2024-6387', ['EGI-Critical']]]);
  });

  it('two tags: one finding, the worst tag first, and its date is that of the worst', async () => {
    const server = await pakiti();
    server.report({ host: VM, at: NEWER, cves: ['CVE-2024-1086'] });
    const findingsBy = async (tags?: string[]) => (await poll(server, tags && { tags })).hosts[0]?.findings;

    expect(await findingsBy()).toMatchObject([
      { id: 'CVE-2024-1086', tags: ['Critical', 'EGI-High'], advisedAt: '2024-05-30T08:00:00.000Z' },
    ]);
    expect(await findingsBy(['EGI-High'])).toMatchObject([
      { tags: ['EGI-High', 'Critical'], advisedAt: '2024-04-01T08:00:00.000Z' },
    ]);
  });

  it('escaped: what the database holds as HTML is undone, and once only', async () => {
    const server = await pakiti();
    server.report({ host: 'a&b &lt;', os: 'R&D "OS"', at: NEWER, cves: ['CVE-2024-6387'] });
    server.vulnerable({ cve: 'CVE-2024-6387', os: 'R&D "OS"', package: 'openssh', fixed: '9.8' });

    expect((await poll(server)).hosts).toMatchObject([
      { hostname: 'a&b &lt;', os: 'R&D "OS"', findings: [{ package: 'openssh' }] },
    ]);
  });

  it('a comma in quotes: the architecture is one cell', async () => {
    const server = await pakiti();
    server.report({ host: VM, arch: 'x86_64, Intel Xeon', at: NEWER, cves: ['CVE-2024-6387'] });

    expect((await poll(server)).hosts).toMatchObject([{ lastReport: '2025-11-21T09:39:37.000Z' }]);
  });

  it('a comma that is not quoted: packages are read from the end of the line', async () => {
    const server = await pakiti();
    server.report({ host: VM, os: 'Rocky, "Blue Onyx"', at: NEWER, cves: ['CVE-2024-6387'] });
    server.vulnerable({
      cve: 'CVE-2024-6387',
      os: 'Rocky, "Blue Onyx"',
      package: 'openssh',
      fixed: '0:8.7p1',
    });

    expect((await poll(server)).hosts[0]?.findings).toMatchObject([{ package: 'openssh', fixed: '0:8.7p1' }]);
  });

  it.each([
    { zone: 'UTC', utc: '2025-11-21T09:39:37.000Z' },
    { zone: 'Europe/London', utc: '2025-11-21T09:39:37.000Z' },
    { zone: 'Europe/Prague', utc: '2025-11-21T08:39:37.000Z' },
    { zone: 'America/St_Johns', utc: '2025-11-21T13:09:37.000Z' },
  ])('local time: 09:39:37 on a server in $zone is $utc', async ({ zone, utc }) => {
    const server = await pakiti();
    server.report({ host: VM, at: NEWER, cves: ['CVE-2024-6387'] });

    expect((await poll(server, { timezone: zone })).hosts).toMatchObject([{ lastReport: utc }]);
  });

  it('local time: reports that are yet to come tell that the zone is wrong', async () => {
    const server = await pakiti({ zone: 'Asia/Tokyo' });
    server.report({ host: VM, at: new Date(), cves: ['CVE-2024-6387'] });

    expect((await poll(server)).warnings).toEqual([expect.stringContaining('yet to come: is `timezone`')]);
    expect((await poll(server, { timezone: 'Asia/Tokyo' })).warnings).toEqual([]);
  });

  it('another source address: of two rows of one name the newer report counts', async () => {
    const server = await pakiti();
    server.report({
      host: 'vm-ml-01',
      from: '192.0.2.1',
      os: 'Rocky 9.3',
      at: OLDER,
      cves: ['CVE-2024-1086'],
    });
    server.report({
      host: 'VM-ML-01',
      from: '192.0.2.2',
      os: 'Rocky 9.4',
      at: NEWER,
      cves: ['CVE-2024-6387'],
    });

    const { hosts } = await poll(server);

    expect(hosts).toMatchObject([{ os: 'Rocky 9.4', findings: [{ id: 'CVE-2024-6387' }] }]);
  });

  it('kernel patched and not booted: it stays listed, of the package kernel, and nothing more is claimed', async () => {
    const server = await pakiti();
    server.report({ host: VM, at: NEWER, cves: ['CVE-2024-1086'] });
    server.vulnerable({
      cve: 'CVE-2024-1086',
      os: 'Rocky Linux 9.3',
      package: 'kernel',
      fixed: '0:5.14.0-427',
    });
    const [host] = (await poll(server)).hosts;

    expect(host?.findings).toMatchObject([{ package: 'kernel', fixed: '0:5.14.0-427' }]);
    expect(host?.findings[0]).not.toHaveProperty('needsReboot');
    expect(host).not.toHaveProperty('rebootRequired');
  });

  it('hostile names: they are kept as they are, and none too long', async () => {
    const server = await pakiti();
    const names = ['=cmd|calc,"x"\\r\\nBcc: a@b <script>', 'a\r\nBcc: b@c', '../../etc', '__proto__'];
    for (const host of names) server.report({ host, site: '"; drop', at: NEWER, cves: ['CVE-2024-6387'] });

    const { hosts } = await poll(server);

    expect(new Set(hosts.map(({ hostname }) => hostname))).toEqual(new Set(names));
    server.answer(
      'hosts.php',
      list((response) =>
        response.end(`High,CVE-1,Cloud,${'a'.repeat(5000)},Debian,x,"2025-11-21 09:39:37"\n`),
      ),
    );
    expect((await poll(server)).hosts[0]?.hostname).toHaveLength(255);
  });

  it('an empty answer of cve.php: the finding stays, its package is not known, and that is said', async () => {
    const server = await pakiti();
    server.report({ host: VM, at: NEWER, cves: ['CVE-2024-6387'] });
    server.answer('cve.php', 'database away');

    const told = await poll(server);

    expect(told).toMatchObject({ complete: true, hosts: [{ findings: [{ id: 'CVE-2024-6387' }] }] });
    expect(told.warnings).toEqual([expect.stringContaining('not known of all CVEs in which package')]);
  });

  it('an answer of cve.php about another CVE tells nothing of this one', async () => {
    const server = await pakiti();
    server.report({ host: VM, at: NEWER, cves: ['CVE-2024-6387'] });
    server.answer('cve.php', (_, response) =>
      response
        .writeHead(200, { 'content-type': 'text/plain' })
        .end('CVE,Os,Package name,Operator,Package version\nCVE-2024-1086,Rocky Linux 9.3,kernel,<,0:5.14\n'),
    );

    expect((await poll(server)).hosts[0]?.findings[0]).not.toHaveProperty('package');
  });

  it('a disabled tag: an empty element means disabled, too', async () => {
    const server = await pakiti();
    server.report({ host: VM, at: NEWER, cves: ['CVE-2024-6387'] });
    server.answer('exportCvesTags.php', (_, response) =>
      response
        .writeHead(200, { 'content-type': 'text/xml' })
        .end(
          '<cveTags><cveTag><cveName>CVE-2024-6387</cveName><tagName>EGI-Critical</tagName><enabled/><timestamp>2024-07-01 08:00:00</timestamp></cveTag></cveTags>',
        ),
    );

    expect((await poll(server)).hosts[0]?.findings[0]).not.toHaveProperty('advisedAt');
  });

  it('slow: a list that comes row by row is waited for, and one that stops coming is given up', async () => {
    const server = await pakiti();
    const [begun, opened] = [Promise.withResolvers<ServerResponse>(), { yes: false }];
    server.answer(
      'hosts.php',
      list((response) => begun.resolve(response)),
    );
    const polling = poll(server).finally(() => {
      opened.yes = true;
    });
    const response = await begun.promise;
    response.write(`EGI-Critical,CVE-2024-6387,Cloud,${VM},Debian,x,"2025-11-21 09:39:37"\n`);
    await new Promise(setImmediate);
    expect(opened.yes).toBe(false);
    response.end();
    expect((await polling).hosts).toHaveLength(1);

    server.answer(
      'hosts.php',
      list(() => undefined),
    );
    await expect(poll(server, { silentMs: 50 })).rejects.toMatchObject({
      retryable: true,
      message: expect.stringContaining('the answer broke off: nothing was heard for 0.05 s'),
    });
    await expect(poll(server, { wholeMs: 50 })).rejects.toMatchObject({
      retryable: true,
      message: expect.stringContaining('it took longer than 0.05 s'),
    });
  });
});

describe('an answer of Pakiti that is not whole', () => {
  const ROW = `EGI-Critical,CVE-2024-6387,Cloud,${VM},Debian,x,"2025-11-21 09:39:37"\n`;

  it.each([
    {
      what: 'is cut off in a row',
      body: ROW.slice(0, 40),
      error: { retryable: false, message: expect.stringContaining('expect 7, got') },
    },
    {
      what: 'is cut off at the end of a row',
      body: ROW.trimEnd(),
      error: { retryable: true, message: expect.stringContaining('its last row is cut off') },
    },
    {
      what: 'ends with an error of PHP',
      body: `${ROW}<br />\n<b>Fatal error</b>:  Uncaught Error`,
      error: { retryable: false },
    },
    {
      what: 'has a quote that nobody closes',
      body: `${ROW}High,"CVE`,
      error: { retryable: false },
    },
  ])('$what tells nothing', async ({ body, error }) => {
    const server = await pakiti();
    server.answer(
      'hosts.php',
      list((response) => response.end(body)),
    );

    await expect(poll(server)).rejects.toMatchObject({ name: 'PakitiError', ...error });
  });

  it('breaks off with its connection tells nothing, and may be asked again', async () => {
    const server = await pakiti();
    server.answer(
      'hosts.php',
      list((response) => response.write(ROW, () => response.destroy())),
    );

    await expect(poll(server)).rejects.toMatchObject({ name: 'PakitiError', retryable: true });
  });

  it.each([
    { status: 503, type: 'text/plain', body: 'later', retryable: true, words: 'was answered 503: later' },
    { status: 302, type: 'text/html', body: '', retryable: false, words: 'was answered 302' },
    {
      status: 200,
      type: 'text/html',
      body: '<h1>Sign in</h1>',
      retryable: false,
      words: 'a page for people',
    },
    { status: 200, type: 'text/csv', body: 'a,b\n1,2\n', retryable: false, words: 'has no column tag, cve' },
  ])('$status $type “$body” tells nothing', async ({ status, type, body, retryable, words }) => {
    const server = await pakiti();
    server.answer('hosts.php', (_, response) =>
      response.writeHead(status, { 'content-type': type }).end(body),
    );

    await expect(poll(server)).rejects.toMatchObject({ retryable, message: expect.stringContaining(words) });
  });

  it.each([
    {
      what: 'declares entities',
      xml: '<!DOCTYPE a [<!ENTITY e "boom">]><cveTags><cveTag><cveName>&e;</cveName></cveTag></cveTags>',
      words: 'declares entities',
    },
    { what: 'is cut off', xml: '<cveTags><cveTag><cveName>CVE', words: 'not what was expected' },
    { what: 'is another document', xml: '<other/>', words: 'it has no <cveTags>' },
  ])('of tags, which $what, leaves open whether the list is whole', async ({ xml, words }) => {
    const server = await pakiti();
    server.answer('exportCvesTags.php', (_, response) =>
      response.writeHead(200, { 'content-type': 'text/xml' }).end(xml),
    );

    const told = await poll(server);

    expect(told.complete).toBe(false);
    expect(told.warnings.join()).toContain(words);
  });
});

it('many escapes in an export are undone like one', async () => {
  const server = await pakiti();
  for (let n = 0; n < 3000; n += 1)
    server.tag({ cve: `CVE-2025-${n}`, tag: 'High', reason: 'a & b & c & d' });

  expect(await poll(server)).toMatchObject({ complete: true, warnings: [] });
});
