/** A daemon that tests kill in the middle of a mail: it works the outbox, through a relay. Says `ready`. */
import { smtpTransport } from '../../../src/clients/mail.ts';
import { Engine } from '../../../src/engine/engine.ts';
import { openRedis } from '../../../src/engine/redis.ts';

interface MailDaemonOptions {
  readonly stateDir: string;
  /** Of Redis. */
  readonly url: string;
  readonly smtp: string;
  readonly hideMailMs: number;
}

const { stateDir, url, smtp, hideMailMs } = JSON.parse(process.argv[2] ?? '{}') as MailDaemonOptions;
const sink = smtpTransport({ url: smtp, from: 'Cloud patching <patching@example.org>' });
const silent = { info: () => {}, warn: () => {}, error: () => {} };
const engine = await Engine.open({
  redis: await openRedis({ url, stateDir, volatile: true, onError: () => {} }),
  stateDir,
  jobs: new Map(),
  clientsFor: () => Promise.resolve({}),
  deliver: (mail, done) => sink.send(mail, done),
  log: silent,
  mailHost: 'nightshift.test',
  timings: { leaseMs: 300, renewMs: 75, reconcileMs: 50, graceMs: 200, hideMailMs },
});
await engine.start();
process.stdout.write('ready\n');
