/** A process that is killed anywhere while owners are told, with a real relay and real mailboxes: one notice each. */
import { execFile } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { smtpTransport } from '../../src/clients/mail.ts';
import { isOver } from '../../src/engine/runs.ts';
import { eventually, type House, openHouse } from '../support/engine.ts';
import { type MailPeers, startMailPeers, WHY_NO_MAIL_PEERS } from '../support/mail-peers.ts';
import { look } from '../support/patching.ts';
import { work } from '../support/run-job.ts';
import { FROM, type Lived, mailboxesAt, RUN, siteAt } from './support/patching-killed.ts';

const PROCESS = new URL('./support/patching-process.ts', import.meta.url).pathname;
const AT_ONCE = 3;

describe.skipIf(WHY_NO_MAIL_PEERS !== undefined)(
  `a run that is killed, and a real Postfix and Dovecot${WHY_NO_MAIL_PEERS === undefined ? '' : ` (${WHY_NO_MAIL_PEERS})`}`,
  () => {
    let peers: MailPeers;
    let house: House;
    beforeAll(async () => {
      peers = await startMailPeers();
      house = await openHouse();
    }, 120_000);
    afterAll(async () => {
      await house.close();
      await peers.stop();
    });

    it('leaves every owner one notice between any two entries of the journal, and nobody none', async () => {
      const whole = await lived('whole');
      const boundaries = Number(whole.said);
      const wrong: object[] = [];
      const queue = Array.from({ length: boundaries }, (_, n) => n).values();
      const next = async (): Promise<void> => {
        for (const dieAt of queue) {
          const place = `died${dieAt}`;
          const { signal } = await lived(place, dieAt);
          await goOn(place);
          const notices = await noticesAt(place);
          if (signal !== 'SIGKILL' || notices.some((ids) => ids.size !== 1))
            wrong.push({ dieAt, signal, notices: notices.map((ids) => [...ids]) });
        }
      };
      await Promise.all(Array.from({ length: AT_ONCE }, next));

      expect(wrong).toEqual([]);
      expect((await noticesAt('whole')).map((ids) => ids.size)).toEqual([1, 1, 1]);
      expect(boundaries).toBeGreaterThan(20);
    }, 400_000);

    async function lived(place: string, dieAt?: number): Promise<{ said: string; signal: string | null }> {
      const url = house.redis.name.replace(/^private, on /, '');
      const asked: Lived = { url, place, smtp: peers.smtpUrl, ...(dieAt !== undefined && { dieAt }) };
      return new Promise((resolve) => {
        const child = execFile(process.execPath, [PROCESS, JSON.stringify(asked)], (_, said, faults) => {
          if (child.signalCode === null && child.exitCode !== 0) throw new Error(faults);
          resolve({ said, signal: child.signalCode });
        });
      });
    }

    /** Another daemon takes the run up, or begins it where it was not even asked for. */
    async function goOn(place: string): Promise<void> {
      const sink = smtpTransport({ url: peers.smtpUrl, from: FROM });
      const living = await siteAt(place).process(house, {
        leaseMs: 1500,
        deliver: (mail, done) => sink.send(mail, done),
      });
      if ((await living.engine.runs.get(RUN)) === undefined) await look(living, { id: RUN });
      await eventually('the end of the run', async () => isOver((await work(living, RUN)).run.state), 60_000);
      // A mail that the dead one had in hand is hidden for as long as a relay may take for it.
      const redis = house.redis.connect();
      await eventually('all mails sent', async () => {
        await redis
          .zrange(`{${place}}:outbox:due`, '0', '-1')
          .then((ids) => Promise.all(ids.map((id) => redis.zadd(`{${place}}:outbox:due`, '1', id))));
        await living.engine.sendMails();
        return (await redis.zcard(`{${place}}:outbox:due`)) === 0;
      });
      redis.disconnect();
      sink.close();
    }

    /** The Message-IDs in each owner's mailbox, once something is there. */
    async function noticesAt(place: string): Promise<Set<string>[]> {
      const boxes = mailboxesAt(place);
      await eventually(
        `mails at ${place}`,
        async () => boxes.every((box) => peers.inbox(box).length > 0),
        60_000,
      );
      return boxes.map(
        (box) =>
          new Set(peers.inbox(box).flatMap((raw) => /^Message-ID:\s*(<[^>]+>)/im.exec(raw)?.[1] ?? [])),
      );
    }
  },
);
