import { afterEach, beforeEach, expect, it } from 'vitest';
import { eventually, type House, openHouse } from '../support/engine.ts';
import { type Smtp, startSmtp } from '../support/smtp.ts';
import { type Daemon, startDaemon } from './support/daemons.ts';
import { CLI, gate, jobOf } from './support/jobs.ts';
import { type RedisServer, redisServer } from './support/redis-server.ts';

const DAEMON = new URL('./support/mail-daemon.ts', import.meta.url).pathname;

let server: RedisServer;
let house: House;
let daemons: Daemon[];
let relay: Smtp | undefined;
beforeEach(async () => {
  server = await redisServer();
  house = await openHouse({ url: server.socket });
  daemons = [];
});
afterEach(async () => {
  for (const daemon of daemons) daemon.signal('SIGKILL');
  await Promise.all(daemons.map(({ ended }) => ended));
  await relay?.close();
  await house.close();
  await server.remove();
});

async function daemon(smtp: string): Promise<Daemon> {
  const options = { stateDir: house.stateDir, url: server.socket, smtp, hideMailMs: 1500 };
  const started = await startDaemon(options, DAEMON);
  daemons.push(started);
  return started;
}

it.each([
  { when: 'between DATA and the answer, which the relay then would have given', taken: 2 },
  { when: 'before DATA', taken: 1 },
])(
  'a daemon that is killed $when: the mail is there $taken times, under one Message-ID',
  async ({ when, taken }) => {
    const dying = gate();
    const kept: string[] = [];
    let mails = 0;
    relay = await startSmtp({
      onMailFrom(_, __, done) {
        mails += 1;
        if (mails === 1 && when === 'before DATA') return dying.open();
        done();
      },
      onData(stream, _, done) {
        const chunks: Buffer[] = [];
        stream.on('data', (chunk: Buffer) => chunks.push(chunk));
        stream.on('end', () => {
          kept.push(Buffer.concat(chunks).toString());
          // The relay has the mail, and its answer is never seen.
          if (mails === 1) dying.open();
          else done();
        });
      },
    });
    const url = `smtp://127.0.0.1:${relay.port}`;
    const notice = jobOf(async (ctx) => {
      await ctx.mail('alice', {
        to: ['alice@example.org'],
        subject: 'Update',
        text: 'x',
        id: 'patch.alice.first.20261127',
      });
    });
    const { engine } = await house.engine({ notice });
    expect(await engine.work(await engine.create({ job: 'notice', ...CLI, options: {} }))).toBe('succeeded');

    const first = await daemon(url);
    await dying.passed;
    first.signal('SIGKILL');
    await first.ended;
    await daemon(url);
    const redis = house.redis.connect();
    await eventually(
      'the mail to be sent',
      async () => (await redis.zcard('{nightshift}:outbox:due')) === 0,
      60_000,
    );
    const states = await redis.hvals('{nightshift}:outbox:state');
    redis.disconnect();

    expect(states).toEqual(['sent']);
    expect(kept).toHaveLength(taken);
    expect(new Set(kept.map((raw) => /^Message-ID: (.*)\r$/m.exec(raw)?.[1]))).toEqual(
      new Set(['<patch.alice.first.20261127@nightshift.test>']),
    );
    expect(new Set(kept).size).toBe(1);
  },
);
