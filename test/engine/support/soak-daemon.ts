/** A daemon that the soak kills: works the job `soak`, sends mails into a file, and says `ready`. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Engine } from '../../../src/engine/engine.ts';
import type { Job } from '../../../src/engine/job.ts';
import { openRedis } from '../../../src/engine/redis.ts';
import type { DaemonOptions } from './daemons.ts';
import { addLine, type SoakWorld, soakJob } from './soak-job.ts';

const { stateDir, url, timings, world } = JSON.parse(process.argv[2] ?? '{}') as DaemonOptions & {
  world: SoakWorld;
};

/** Sending takes a while, so that senders are killed in the midst of it. */
const SENDING_MS = 3;

const engine = await Engine.open<object>({
  redis: await openRedis({ stateDir, url, onError: () => {} }),
  stateDir: join(stateDir, `of-${process.pid}`),
  jobs: new Map([['soak', { name: 'soak', job: soakJob(world) as Job, definition: 'sha256:soak' }]]),
  clientsFor: () => Promise.resolve({}),
  async deliver({ messageId }) {
    addLine(world.mails, `${process.pid} ${messageId}`);
    await sleep(SENDING_MS);
  },
  log: {
    info: () => {},
    warn: (message, fields) => {
      const run = fields !== undefined && 'run' in fields ? String(fields.run) : undefined;
      if (message.includes("another owner's") && run !== undefined) {
        addLine(world.losses, `${process.pid} ${run}`);
      }
    },
    error: (message, fields) => console.error(`${process.pid} ${message}`, fields),
  },
  mailHost: 'soak.test',
  concurrency: 12,
  timings,
});
await engine.start();
process.stdout.write('ready\n');
