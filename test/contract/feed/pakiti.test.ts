import { openPakiti } from '../../../src/clients/pakiti/feed.ts';
import { type Access, startPakiti } from '../../support/pakiti.ts';
import { describeFeed, type Side } from './contract.ts';
import { MACHINES } from './machines.ts';

async function openSide(access: Access): Promise<Side> {
  const zone = 'Europe/London';
  const server = await startPakiti({ access, zone });
  for (const { name, holes, reportedAt, address } of MACHINES)
    server.report({ host: name, from: address, at: reportedAt, cves: holes.map(({ id }) => id) });
  const tags = new Map(MACHINES.flatMap(({ holes }) => holes.map(({ id, tags }) => [id, tags])));
  for (const [cve, each] of tags)
    for (const tag of each) server.tag({ cve, tag, at: new Date('2024-07-01T08:00:00Z') });
  const signIn = {
    plain: () => ({}),
    basic: () => ({ login: server.login, ca: server.certificate.ca }),
    certificate: () => ({ certificate: server.certificate, ca: server.certificate.ca }),
  };
  return {
    feed: openPakiti('pakiti', { url: server.url, timezone: zone, ...signIn[access]() }),
    namesFindings: true,
    tellsTimes: true,
    spoil: async () => server.answer('exportCvesTags.php', 'database away'),
    breakDown: async () => server.answer('hosts.php', 'database away'),
    close: () => server.stop(),
  };
}

describeFeed('Pakiti', () => openSide('plain'));
describeFeed('Pakiti, where a user signs in', () => openSide('basic'));
describeFeed('Pakiti, where a client certificate is wanted', () => openSide('certificate'));
