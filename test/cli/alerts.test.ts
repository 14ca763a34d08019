/** What operators hear of a job that fails and works again, from the real binary: by mail, webhook, heartbeat and list. */
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/engine.ts';
import { openSite, type Running, type Site } from '../support/nightshift.ts';

interface Posted {
  readonly key: string | undefined;
  readonly isSigned: boolean;
  readonly post: {
    readonly id: string;
    readonly subject: string;
    readonly text: string;
    readonly run?: string;
  };
}

const SIGN = 'a-secret-that-both-know';

let site: Site;
let server: Server;
let daemon: Running;
const posts: Posted[] = [];
/** The webhook refuses so many posts before it takes one. */
let refusals = 1;

async function take(request: IncomingMessage, response: ServerResponse): Promise<void> {
  let body = '';
  for await (const chunk of request.setEncoding('utf8')) body += chunk;
  refusals -= 1;
  if (refusals >= 0) {
    response.writeHead(503).end();
    return;
  }
  const signature = `sha256=${createHmac('sha256', SIGN).update(body).digest('hex')}`;
  posts.push({
    key: request.headers['idempotency-key'] as string | undefined,
    isSigned: request.headers['x-nightshift-signature'] === signature,
    post: JSON.parse(body) as Posted['post'],
  });
  response.writeHead(204).end();
}

beforeAll(async () => {
  server = createServer((request, response) => void take(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  site = await openSite({
    settings: `timezone: Europe/London
operators: { mail: [ops@example.org], webhook: env:HOOK, webhookSecret: env:SIGN }
heartbeat: { file: state/heartbeat, everySeconds: 1 }
mail: { folder: mail }
`,
    env: { HOOK: `http://127.0.0.1:${(server.address() as AddressInfo).port}/token-that-nobody-sees`, SIGN },
  });
  daemon = site.start('daemon');
  await daemon.says('nightshift works');
});
afterAll(async () => {
  await site.close();
  await new Promise((done) => server.close(done));
});

/** Subjects of the mails so far. */
function mails(): string[] {
  const folder = join(site.dir, 'mail');
  if (!existsSync(folder)) return [];
  const files = readdirSync(folder).filter((name) => name.endsWith('.eml'));
  return files.map(
    (name) => /^Subject: (.*)$/m.exec(readFileSync(join(folder, name), 'utf8'))?.[1]?.trim() ?? '',
  );
}

describe('a job that fails', () => {
  it('is told by mail and webhook, and listed, until it works again', async () => {
    const failed = await site.ring({ trouble: 'for good' });
    await site.ring({ trouble: 'for good' });
    await eventually('the mail', async () => mails().length > 0);
    // The webhook was down at first: its own item of the outbox waits half a minute, and the mail was not sent again.
    const due = '{nightshift}:outbox:due:channels';
    await eventually('the post', async () => {
      for (const id of await site.redis.zrange(due, '0', '-1')) await site.redis.zadd(due, 'XX', 0, id);
      return posts.length > 0;
    });

    expect(mails()).toEqual([
      expect.stringMatching(/^\[nightshift\] ring-bell fails since \w{3} \d/) as string,
    ]);
    expect(posts).toMatchObject([{ isSigned: true, post: { run: failed } }]);
    expect(posts[0]?.key).toBe(posts[0]?.post.id);
    expect(posts[0]?.post.text).toContain(`${failed} failed on`);
    expect(posts[0]?.post.text).toContain('the rope tore');
    const { out } = await site.nightshift('jobs');
    expect(out).toMatch(
      /\nFailing\n {2}ring-bell {2}since .*, 2 runs; the last is ring-bell~.*: .*the rope tore\n/,
    );
    expect((await site.nightshift('jobs', 'ring-bell')).out).toMatch(/ {2}fails {2,}since /);

    await site.ring();
    await eventually('the other mail', async () => mails().length > 1 && posts.length > 1);

    expect(mails().toSorted()).toEqual([
      expect.stringMatching(/^\[nightshift\] ring-bell fails since /) as string,
      expect.stringMatching(/^\[nightshift\] ring-bell works again, after /) as string,
    ]);
    expect(await site.json('jobs')).toContainEqual(
      expect.objectContaining({
        name: 'ring-bell',
        health: expect.objectContaining({ state: 'ok' }) as object,
      }),
    );
  });
});

describe('the daemon', () => {
  it('gives a sign of life, and ends at once when told to', async () => {
    const [time = ''] = readFileSync(join(site.dir, 'state/heartbeat'), 'utf8').split(' ');
    await eventually(
      'the next',
      async () => !readFileSync(join(site.dir, 'state/heartbeat'), 'utf8').startsWith(time),
    );
    daemon.child.kill('SIGTERM');
    const { exit, out, err } = await daemon.ended;

    expect(exit).toBe(0);
    expect(out + err).toContain('answered 503');
    expect(out + err).not.toMatch(/token-that-nobody-sees|a-secret-that-both-know/);
  });
});
