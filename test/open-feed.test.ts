import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readConfig } from '../src/config.ts';
import { openClients } from '../src/open-clients.ts';
import { type PakitiDouble, startPakiti } from './support/pakiti.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'nightshift-feeds-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

/** The feed of a site whose configuration says so. */
async function feedOf(feeds: object, name: string, env: Record<string, string> = {}) {
  const path = join(dir, 'nightshift.yaml');
  writeFileSync(path, JSON.stringify({ timezone: 'Asia/Tokyo', stateDir: dir, feeds }));
  const config = await readConfig({ path, env, cwd: dir, jobs: {} });
  const clients = openClients(config, []);
  return clients.forRun({ job: 'patch-compliance', acting: false }).feed(name);
}

const never = new AbortController().signal;

describe('a feed of the configuration', () => {
  it('is polled by its name, in the zone of the site where it names none', async () => {
    writeFileSync(join(dir, 'list.csv'), 'host,id,last_report\na,CVE-1,2025-01-01 09:00\n');
    const feed = await feedOf({ scans: { drop: { file: 'list.csv' } } }, 'scans');

    expect(await feed.poll(never)).toMatchObject({
      feed: 'scans',
      complete: true,
      hosts: [{ hostname: 'a', lastReport: '2025-01-01T00:00:00.000Z' }],
    });
  });

  it('that nobody configured is an error before anything is asked', async () => {
    await expect(feedOf({ pakiti: { drop: { file: 'a' } } }, 'pakitti')).rejects.toMatchObject({
      name: 'PermanentError',
      message: '`feeds` has no pakitti: unknown feed, did you mean `pakiti`?',
    });
    await expect(feedOf({}, 'pakiti')).rejects.toThrow('`feeds` has no pakiti: unknown feed; there is none');
  });

  it('whose authorities cannot be read fails when it is polled, and is opened anew by the next poll', async () => {
    const feed = await feedOf({ p: { pakiti: { url: 'https://127.0.0.1:1/pakiti', ca: 'ca.pem' } } }, 'p');
    await expect(feed.poll(never)).rejects.toThrow('ca.pem');
    writeFileSync(join(dir, 'ca.pem'), '');

    await expect(feed.poll(never)).rejects.toThrow(
      /Pakiti at 127\.0\.0\.1:1: GET api\/hosts\.php got no answer/,
    );
  });

  describe('that is a Pakiti', () => {
    let server: PakitiDouble;
    afterEach(() => server.stop());

    it('is shown the certificate that the files hold', async () => {
      server = await startPakiti({ access: 'certificate' });
      const { ca, cert } = server.certificate;
      for (const [name, text] of Object.entries({ ca, cert })) writeFileSync(join(dir, `${name}.pem`), text);
      const pakiti = { url: server.url, ca: 'ca.pem', cert: 'cert.pem', key: 'env:KEY' };
      const feed = await feedOf({ p: { pakiti } }, 'p', { KEY: server.certificate.key });

      expect(await feed.poll(never)).toMatchObject({ feed: 'p', complete: true });
    });
  });
});
