import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { parseFleet } from '../../src/domain/fleet-file.ts';
import { type FakeOpenStack, startFakeOpenStack } from '../clients/openstack/fake-openstack.ts';
import { openSite, type Site } from '../support/nightshift.ts';

let cloud: FakeOpenStack;
let site: Site;
beforeEach(async () => {
  cloud = await startFakeOpenStack();
  site = await openSite({ settings: 'clouds: { main: { cloud: lab }, spare: { cloud: away } }' });
  site.write('clouds.yaml', cloudsYaml());
});
afterEach(async () => {
  await site.close();
  await cloud.stop();
});

/** Nobody answers at the other one. */
function cloudsYaml(): string {
  const entry = (url: string) => ({
    auth: {
      auth_url: url,
      username: 'admin',
      password: 'secret',
      project_name: 'admin',
      user_domain_id: 'default',
      project_domain_id: 'default',
    },
  });
  return JSON.stringify({
    clouds: { lab: entry(`${cloud.url}/identity/v3`), away: entry('http://127.0.0.1:9/v3') },
  });
}

function written(file: string): string {
  return readFileSync(join(site.dir, file), 'utf8');
}

it('writes the cloud that is named, without its names, in a form that can be read again', async () => {
  const { exit, out, err } = await site.nightshift(
    'fleet',
    'export',
    '--cloud',
    'main',
    '--out',
    'fleet.json',
  );

  expect(err).toBe('');
  expect(exit).toBe(0);
  expect(out).toMatch(
    /^fleet\.json: 5 hypervisors, \d+ servers, 1 server group \(names and ids replaced, reasons of people left out\)\.\n/,
  );
  const fleet = parseFleet(written('fleet.json'), 'fleet.json');
  expect(fleet.hypervisors.map(({ name }) => name)).toEqual(['hv001', 'hv002', 'hv003', 'hv004', 'hv005']);
  expect(written('fleet.json')).not.toContain('lab.example');
});

it('keeps the names where that is asked for, and packs a file that ends in .gz', async () => {
  const { exit } = await site.nightshift('fleet', 'export', '--out', 'fleet.json.gz', '--names');

  expect(exit).toBe(0);
  const text = gunzipSync(readFileSync(join(site.dir, 'fleet.json.gz'))).toString();
  expect(text).toContain('"name":"hv01.lab.example"');
});

it('writes over a file only where it is told to', async () => {
  writeFileSync(join(site.dir, 'fleet.json'), 'mine');

  const refused = await site.nightshift('fleet', 'export', '--out', 'fleet.json');

  expect(refused).toMatchObject({ exit: 2, err: 'fleet.json is there already; --force writes over it\n' });
  expect(written('fleet.json')).toBe('mine');
  expect(await site.nightshift('fleet', 'export', '--out', 'fleet.json', '--force')).toMatchObject({
    exit: 0,
  });
});

it('names the clouds that there are when it is asked for another', async () => {
  const { exit, err } = await site.nightshift('fleet', 'export', '--cloud', 'prod', '--out', 'fleet.json');

  expect({ exit, err }).toEqual({ exit: 2, err: 'No cloud is called prod; there are main, spare.\n' });
});

it('tells a program what it wrote', async () => {
  const answer = await site.json('fleet', 'export', '--out', 'fleet.json');

  expect(answer).toMatchObject({ file: 'fleet.json', anonymous: true, hypervisors: 5, groups: 1 });
});
