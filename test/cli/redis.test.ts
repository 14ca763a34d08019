import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openSite, type Site } from '../support/nightshift.ts';

async function site(settings = ''): Promise<Site> {
  const opened = await openSite({ settings });
  onTestFinished(() => opened.close());
  return opened;
}

/** A port on which nobody listens. */
async function closedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

describe('a Redis that is away', () => {
  it.each(['runs', 'daemon'])('ends %s soon, in a sentence, with exit code 69', async (command) => {
    const away = await site(`redis: { url: "redis://127.0.0.1:${await closedPort()}" }`);

    const { exit, out, err } = await away.nightshift(command);

    expect(err).toMatch(
      /^Redis redis:\/\/127\.0\.0\.1:\d+ cannot be reached: connect ECONNREFUSED 127\.0\.0\.1:\d+\n$/,
    );
    expect(out).toBe('');
    expect(exit).toBe(69);
  });
});

describe('a Redis that lost its past', () => {
  it('is doubted: reading goes on with a warning, nothing is started until a person accepts it', async () => {
    const { nightshift, json, ring, redis } = await site();
    const id = await ring();
    await redis.flushall();

    const read = await nightshift('runs');
    const started = await nightshift('run', 'ring-bell', '--go', '--json');

    expect(read.out).toBe('No runs.\n');
    expect(read.err).toBe(
      'Redis has lost everything that Nightshift kept there (it was flushed, or this is another Redis).\n' +
        'Nothing is started until somebody has looked and says: nightshift accept-redis\n',
    );
    expect(read.exit).toBe(0);
    expect(JSON.parse(started.out)).toEqual({ error: expect.stringContaining('Redis has lost everything') });
    expect(started.exit).toBe(69);

    const accepted = await nightshift('accept-redis');

    expect(accepted.out).toContain('Accepted: Redis has lost everything');
    expect(accepted.exit).toBe(0);
    expect((await nightshift('run', 'ring-bell', '--go')).exit).toBe(0);
    expect((await nightshift('show', id)).exit).toBe(2);
    expect(await json('accept-redis')).toEqual({
      error: 'there is no doubt about Redis; nothing was changed',
    });
  });

  it('has what was under way wait for a person', async () => {
    const { nightshift, json, ring, redis } = await site();
    const id = await ring({ trouble: 'unclear' });
    await redis.hincrby('{nightshift}:meta', 'seq', -3);

    const doubted = await nightshift('resume', id);
    const accepted = await nightshift('accept-redis');

    expect(doubted.err).toContain('Redis went back in time');
    expect(doubted.exit).toBe(2);
    expect(accepted.out).toContain(
      '1 run that had not ended: it waits for your word. See: nightshift runs --state needs-decision\n',
    );
    expect(await json('runs', '--state', 'needs-decision')).toMatchObject([{ id }]);
  });
});
