import { describe, expect, it } from 'vitest';
import { hostName, matcherOf } from '../../src/domain/feed-match.ts';
import type { Server } from '../../src/domain/fleet.ts';
import type { ReportedHost } from '../../src/domain/patch-feed.ts';
import { server } from '../support/builders.ts';

const WEB_ID = '3f121bb3-473f-47bb-bf44-d10b0ed071f7';
const DB_ID = '91cdc0ee-9a83-415d-9b38-645ecdd0d804';
const web = named(WEB_ID, 'web-1', { addresses: ['172.16.105.23', '192.0.2.7', '2001:db8::17'] });
const db = named(DB_ID, 'My DB_2', { addresses: ['172.16.105.40'], projectId: 'beta' });
const dotted = named('c', 'front.alpha', { addresses: ['10.0.0.5'] });
const twin1 = named('t1', 'twin', { addresses: ['10.0.0.6'] });
const twin2 = named('t2', 'Twin', { addresses: ['10.0.0.6'], projectId: 'beta' });
const lone = named('l', 'lone', { addresses: ['10.0.0.6'] });
const SERVERS = [web, db, dotted, twin1, twin2, lone];
const HOSTS = { 'Old.example.org': DB_ID, 'gone.example.org': 'no-such-id' };

function named(id: string, name: string, more: Partial<Server>): Server {
  return { ...server(name, 'hv1', more), id };
}

function match(host: Partial<ReportedHost>) {
  return matcherOf(SERVERS, HOSTS)({ findings: [], ...host });
}

describe('matcherOf', () => {
  it.each([
    { by: 'the id that the feed knows', host: { serverId: WEB_ID, hostname: 'twin' }, id: WEB_ID },
    { by: 'the id as its name', host: { hostname: WEB_ID.toUpperCase() }, id: WEB_ID },
    { by: 'the id with a domain', host: { hostname: `${WEB_ID}.novalocal` }, id: WEB_ID },
    { by: 'what the policy says', host: { hostname: 'old.EXAMPLE.org' }, id: DB_ID },
    { by: 'an address in its name', host: { hostname: 'host-172-16-105-23' }, id: WEB_ID },
    { by: 'one with a domain', host: { hostname: 'host-172-16-105-40.nubes.example.org' }, id: DB_ID },
    { by: 'a floating one', host: { hostname: '192-0-2-7.example.org' }, id: WEB_ID },
    { by: 'one of IPv6', host: { hostname: 'host-2001-db8--17.example.org' }, id: WEB_ID },
    { by: 'one of IPv6 in full', host: { hostname: '2001-0db8-0-0-0-0-0-0017' }, id: WEB_ID },
    {
      by: 'a reported address',
      host: { hostname: 'localhost', addresses: ['127.0.0.1', '2001:DB8::17'] },
      id: WEB_ID,
    },
    { by: 'its name', host: { hostname: 'WEB-1' }, id: WEB_ID },
    { by: 'its name without domain', host: { hostname: 'web-1.example.org' }, id: WEB_ID },
    { by: 'its name with Nova’s domain', host: { hostname: 'web-1.novalocal' }, id: WEB_ID },
    { by: 'what Nova made of its name', host: { hostname: 'my-db-2.novalocal' }, id: DB_ID },
    { by: 'a name with a dot', host: { hostname: 'front.alpha.novalocal' }, id: 'c' },
    {
      by: 'a name with a dot, as newer Novas write it',
      host: { hostname: 'front-alpha.novalocal' },
      id: 'c',
    },
    { by: 'its name within its project', host: { hostname: 'twin', projectId: 'beta' }, id: 't2' },
    { by: 'its address within its project', host: { addresses: ['10.0.0.6'], projectId: 'beta' }, id: 't2' },
    {
      by: 'its name among those that share its address',
      host: { hostname: 'lone.x', addresses: ['10.0.0.6'] },
      id: 'l',
    },
  ])('knows a host by $by', ({ host, id }) => {
    expect(match(host)).toEqual({ is: 'server', id });
  });

  it.each([
    {
      what: 'a name',
      host: { hostname: 'twin.example.org' },
      candidates: ['t1', 't2'],
      why: '2 servers are called twin',
    },
    {
      what: 'an address and a name',
      host: { hostname: 'twin', addresses: ['10.0.0.6'] },
      candidates: ['t1', 't2', 'l'],
      why: '3 servers have the address 10.0.0.6',
    },
    {
      what: 'two addresses in its name',
      host: { hostname: 'a-10-0-0-5.b-172-16-105-40' },
      candidates: ['c', DB_ID],
      why: '2 servers have the address 10.0.0.5 or 172.16.105.40',
    },
  ])('calls a host ambiguous whose servers share $what', ({ host, candidates, why }) => {
    expect(match(host)).toEqual({ is: 'ambiguous', candidates, why });
  });

  it.each([
    { what: 'with an unknown id, whatever its name', host: { serverId: 'deleted', hostname: 'web-1' } },
    { what: 'that the policy gives to a server that is gone', host: { hostname: 'gone.example.org' } },
    { what: 'with an address of nobody', host: { hostname: 'host-172-16-105-99' } },
    { what: 'of another project', host: { hostname: 'web-1', projectId: 'beta' } },
    { what: 'without a name', host: {} },
    { what: 'with an empty name', host: { hostname: '' } },
    { what: 'of which a server’s name is only a part', host: { hostname: 'web-10' } },
    { what: 'called like a property', host: { hostname: '__proto__' } },
    { what: 'with a hostile name', host: { hostname: '=cmd|calc\r\nBcc: a@b <script>' } },
  ])('finds nobody for a host $what', ({ host }) => {
    expect(match(host)).toEqual({ is: 'nobody' });
  });

  it('takes no address of a server for its name', () => {
    const servers = [named('x', '10.0.0.9', {}), named('y', 'y', { addresses: ['10.0.0.9'] })];

    expect(matcherOf(servers, {})({ hostname: '10.0.0.9', findings: [] })).toEqual({ is: 'server', id: 'y' });
  });

  it('finds 100,000 hosts among as many servers without looking at pairs', () => {
    let looks = 0;
    const servers = Array.from({ length: 100_000 }, (_, i) => {
      const address = `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`;
      const made = named(`id-${i}`, `vm-${i}`, { addresses: [address] });
      // Each reading of a server's name is counted.
      return Object.defineProperty(made, 'name', {
        get: () => {
          looks += 1;
          return `vm-${i}`;
        },
      });
    });
    const matchOf = matcherOf(servers, {});
    const found = servers.filter(({ id, addresses }, i) => {
      const hostname =
        i % 2 === 0 ? `host-${addresses![0]!.replaceAll('.', '-')}.example.org` : `vm-${i}.novalocal`;
      const one = matchOf({ hostname, findings: [] });
      return one.is === 'server' && one.id === id;
    });

    expect(found).toHaveLength(100_000);
    expect(looks).toBe(100_000);
  });
});

describe('hostName', () => {
  it.each([
    { host: { hostname: 'web-1', serverId: WEB_ID }, said: 'web-1' },
    { host: { serverId: WEB_ID }, said: WEB_ID },
    { host: { addresses: ['192.0.2.7'] }, said: '192.0.2.7' },
    { host: {}, said: 'a host without a name' },
  ])('calls it $said', ({ host, said }) => {
    expect(hostName({ findings: [], ...host })).toBe(said);
  });
});
