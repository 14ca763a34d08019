/**
 * A process that tells owners, and kills itself with SIGKILL at one boundary of the journal or the outbox.
 *
 *   node patching-process.ts '{ "url": "/…/redis.sock", "place": "one", "smtp": "smtp://…", "dieAt": 7 }'
 *
 * Where it lives to the end it says how many boundaries there were.
 */
import { smtpTransport } from '../../../src/clients/mail.ts';
import { openHouse } from '../../support/engine.ts';
import { look } from '../../support/patching.ts';
import { BOUNDARIES, FROM, type Lived, RUN, siteAt } from './patching-killed.ts';

const { url, place, smtp, dieAt } = JSON.parse(process.argv[2] ?? '{}') as Lived;

let passed = 0;
let begun = false;
const house = await openHouse({ url });
const sink = smtpTransport({ url: smtp, from: FROM });
const living = await siteAt(place).process(house, {
  leaseMs: 1500,
  deliver: (mail, done) => sink.send(mail, done),
  deathAt: ({ script }) => {
    if (!begun || !BOUNDARIES.has(script)) return false;
    if (passed === dieAt) process.kill(process.pid, 'SIGKILL');
    passed += 1;
    return false;
  },
});
begun = true;
await look(living, { id: RUN });
console.log(passed);
sink.close();
await house.close();
