import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import readBounces from '../../jobs/read-bounces.ts';
import { listAddresses } from '../../src/addresses.ts';
import { imapMailbox } from '../../src/clients/mailbox.ts';
import { type Clients, defineJob } from '../../src/context.ts';
import { ADDRESSES, type AddressMark, REFUSALS } from '../../src/domain/address-marks.ts';
import { PermanentError } from '../../src/domain/failure.ts';
import { MAILBOX_CURSORS, type Mailbox, type MailboxPage } from '../../src/domain/mailbox.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { clientsOver } from '../support/clients.ts';
import { type DeathPoint, eventually, type House, openHouse } from '../support/engine.ts';
import { FakeCloud } from '../support/fake-cloud.ts';
import { type MailPeers, startMailPeers, WHY_NO_MAIL_PEERS } from '../support/mail-peers.ts';
import { type MailingHouse, OURS, openMailing, workOne } from '../support/mailing-house.ts';
import { reply, type Smtp, startSmtp } from '../support/smtp.ts';

const NOBODY = 'smtp://127.0.0.1:9';
const CAME = '2026-01-27T10:00:00.000Z';

/** A mail to each, in a mail of its own. */
const notify = defineJob({
  summary: 'Mail owners',
  options: z.strictObject({ to: z.array(z.string()) }),
  async run(ctx) {
    for (const to of ctx.options.to)
      await ctx.mail(to, { to: [to], id: `patch.${to.split('@')[0]}.first`, subject: 'Update', text: 'x' });
  },
});

const JOBS = { notify, 'read-bounces': readBounces };

/** A report on the mail to a reader of site.example, as it lies in the mailbox. */
function bounce(name: string, status = '5.1.1', date = CAME): string {
  const our = OURS.address.replace('@', `+b=${name}=site.example@`);
  return `Delivered-To: ${our}\nDate: ${new Date(date).toUTCString()}\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\n
--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; x\n\nFinal-Recipient: rfc822; ${name}@site.example\nAction: failed\nStatus: ${status}\n
--b\nContent-Type: text/rfc822-headers\n\nMessage-ID: <patch.${name}.first@lab.example>\n--b--\n`;
}

/** A mailbox in memory that keeps its UIDVALIDITY, and pages as a server does. */
class MemoryMailbox implements Mailbox {
  readonly mails: string[];
  uidValidity = '1';
  reads = 0;
  broken: Error | undefined;

  constructor(...mails: string[]) {
    this.mails = mails;
  }

  read: Mailbox['read'] = async (after, { most }): Promise<MailboxPage> => {
    this.reads += 1;
    if (this.broken !== undefined && this.reads > 1) throw this.broken;
    const from = after?.uidValidity === this.uidValidity ? after.uid : 0;
    const page = this.mails.slice(from, from + Math.min(most, 2));
    const receivedAt = new Date();
    const mails = page.map((raw, i) => ({
      uid: from + i + 1,
      receivedAt,
      raw: Buffer.from(raw),
      isCut: false,
    }));
    return {
      mails,
      cursor: { uidValidity: this.uidValidity, uid: from + page.length },
      more: this.mails.length > from + page.length,
      renumbered: after !== undefined && after.uidValidity !== this.uidValidity,
    };
  };

  watch: Mailbox['watch'] = () => Promise.reject(new Error('nobody watches it'));
}

let house: House;
let closings: (() => void | Promise<void>)[];
beforeEach(async () => {
  house = await openHouse();
  closings = [];
});
afterEach(async () => {
  for (const close of closings) await close();
  await house.close();
});

async function open(
  mailbox: Mailbox,
  how: { url?: string; deathAt?: (point: DeathPoint) => boolean; clients?: Partial<Clients> } = {},
): Promise<MailingHouse> {
  const opened = await openMailing(house, JOBS, {
    smtp: { url: how.url ?? NOBODY },
    clients: { mailbox: () => mailbox, operators: [], ...how.clients },
    ...(how.deathAt && { deathAt: how.deathAt }),
  });
  closings.push(() => opened.sink.close());
  return opened;
}

async function marks(engine: Engine<Clients>): Promise<Record<string, string>> {
  const rows = await engine.acts.rows<AddressMark>(ADDRESSES);
  return Object.fromEntries([...rows].map(([address, { state, why }]) => [address, `${state}: ${why}`]));
}

/** What operators were told. */
async function told(): Promise<string[]> {
  const redis = house.redis.connect();
  const bodies = Object.values(await redis.hgetall('{nightshift}:outbox'));
  redis.disconnect();
  return bodies
    .map((body) => JSON.parse(body) as { to: string[]; text: string })
    .filter(({ to }) => to.includes('ops@example.org'))
    .map(({ text }) => text);
}

const OPERATORS = { operators: ['ops@example.org'] };

describe('read-bounces', () => {
  it('marks whom mails did not reach, tells operators once, and goes on where it was', async () => {
    const mailbox = new MemoryMailbox(
      bounce('alice'),
      bounce('full', '5.2.2'),
      bounce('late', '4.4.1'),
      'Hello',
    );
    const { engine } = await open(mailbox, { clients: OPERATORS });

    const first = await workOne(engine, 'read-bounces');
    const second = await workOne(engine, 'read-bounces');
    mailbox.mails.push(bounce('alice'), bounce('bob'));
    const third = await workOne(engine, 'read-bounces');

    expect(first.result).toEqual({ mails: 4, marked: 2 });
    expect(second.result).toEqual({ mails: 0, marked: 0 });
    expect(third.result).toEqual({ mails: 2, marked: 1 });
    expect(first.report?.headline).toBe('4 mails read, 2 addresses marked. 2 of them tell of nobody.');
    expect(first.notes).toEqual(
      expect.arrayContaining([
        {
          subject: 'address alice@site.example',
          verdict: 'bounced',
          why: '5.1.1 the mail bounced',
          since: CAME,
        },
      ]),
    );
    expect(await marks(engine)).toEqual({
      'alice@site.example': 'bounced: 5.1.1 the mail bounced',
      'bob@site.example': 'bounced: 5.1.1 the mail bounced',
      'full@site.example': 'doubtful: 5.2.2 the mail bounced',
    });
    const texts = await told();
    expect(texts).toHaveLength(2);
    expect(texts.join()).toContain(
      '  alice@site.example  5.1.1 the mail bounced (Tue 27 Jan 2026 10:00 UTC, mail <patch.alice.first@lab.example>)',
    );
    expect(texts.join()).toContain("nightshift address clear alice@site.example --reason '…'");
    expect(texts.join().match(/alice@site\.example {2}/g)).toHaveLength(1);
  });

  it('writes nothing where nothing has come', async () => {
    const { engine } = await open(new MemoryMailbox(bounce('alice')));
    await workOne(engine, 'read-bounces');
    const redis = house.redis.connect();
    closings.push(() => redis.disconnect());
    // The same in other words: written again, it would be in ours.
    const cursor = '{ "uid": 1, "uidValidity": "1" }';
    await redis.hset(`{nightshift}:table:${MAILBOX_CURSORS}`, 'bounces', cursor);

    const run = await workOne(engine, 'read-bounces');

    expect(await redis.hget(`{nightshift}:table:${MAILBOX_CURSORS}`, 'bounces')).toBe(cursor);
    expect(run.steps.map(({ key }) => key)).toEqual(['take refusals', 'read bounces 1']);
  });

  it('believes a person who cleared an address, until it bounces anew, also when the mailbox is numbered anew', async () => {
    const mailbox = new MemoryMailbox(bounce('alice'));
    const { engine } = await open(mailbox);
    await workOne(engine, 'read-bounces');
    const value: AddressMark = {
      state: 'clear',
      since: '2026-01-28T08:00:00.000Z',
      why: 'she moved back',
      source: 'person',
      by: 'kim',
    };
    await engine.acts.setRow(
      { table: ADDRESSES, key: 'alice@site.example', value },
      { by: 'kim', why: value.why },
    );

    mailbox.uidValidity = '2';
    const again = await workOne(engine, 'read-bounces');
    mailbox.mails.push(bounce('alice', '5.1.1', '2026-01-29T08:00:00Z'));
    const anew = await workOne(engine, 'read-bounces');

    expect(again.result).toEqual({ mails: 1, marked: 0 });
    expect(anew.result).toEqual({ mails: 1, marked: 1 });
  });

  it('tells what it has learnt before the mailbox broke, and fails', async () => {
    const mailbox = new MemoryMailbox(bounce('alice'), bounce('bob'), bounce('eve'));
    mailbox.broken = new PermanentError('the mailbox is locked');
    const { engine } = await open(mailbox, { clients: OPERATORS });

    const run = await workOne(engine, 'read-bounces');

    expect(run.state).toBe('failed');
    expect(run.error).toContain('the mailbox is locked');
    expect(Object.keys(await marks(engine)).toSorted()).toEqual(['alice@site.example', 'bob@site.example']);
    expect(await told()).toHaveLength(1);
  });

  it('says what is not configured, before it looks at anything', async () => {
    const mailbox = new MemoryMailbox(bounce('alice'));
    const cloud = new FakeCloud([], []);
    const host = (name: string) => cloud.host(name);
    const clients = clientsOver({ cloud, host, mailbox: () => mailbox });
    const { engine } = await house.engine<Clients>(JOBS, { clients });

    const run = await workOne(engine, 'read-bounces');
    const none = await workOne(engine, 'read-bounces', { mailbox: '' });

    expect(run.error).toContain('`mail.bounces` is not configured');
    expect(run.steps).toEqual([]);
    expect(none.state).toBe('succeeded');
    expect(mailbox.reads).toBe(0);
  });

  it('comes to the same end wherever its process dies', async () => {
    const points: string[] = [];
    const name = ({ when, script, key = '' }: DeathPoint) => `${when} ${script} ${key}`;
    const night = async (deathAt: (point: DeathPoint) => boolean) => {
      await house.close();
      house = await openHouse();
      const mailbox = new MemoryMailbox(bounce('alice'), bounce('bob'), bounce('alice'), 'x');
      const { engine } = await open(mailbox, { clients: OPERATORS });
      const dying = await open(mailbox, { clients: OPERATORS, deathAt });
      const value = { address: 'gone@site.example', reply: '550 no', at: CAME, mail: '<m@x>' };
      await engine.acts.setRow(
        { table: REFUSALS, key: value.address, value },
        { by: 'a test', why: 'refused' },
      );
      const run = await engine.create({
        job: 'read-bounces',
        options: {},
        trigger: { kind: 'cli' },
        acting: true,
      });
      await Promise.race([dying.engine.work(run), dying.died]);
      await eventually('the run to succeed', async () => {
        const state = (await engine.runs.get(run))?.state;
        if (state !== 'succeeded') await engine.work(run);
        return state === 'succeeded';
      });
      return {
        marks: await marks(engine),
        refusals: (await engine.acts.rows(REFUSALS)).size,
        told: await told(),
        cursor: [...(await engine.acts.rows(MAILBOX_CURSORS))],
      };
    };
    const expected = await night((point) => {
      points.push(name(point));
      return false;
    });
    expect(expected.refusals).toBe(0);
    expect(expected.told).toHaveLength(1);
    expect(Object.keys(expected.marks)).toHaveLength(3);

    for (const [i, point] of points.entries()) {
      // Before and after each script of the run, the n-th of its kind.
      const nth = points.slice(0, i).filter((one) => one === point).length;
      let seen = 0;
      const deadly = (at: DeathPoint) => name(at) === point && seen++ === nth;
      expect(await night(deadly), point).toEqual(expected);
    }
  }, 120_000);
});

describe('a refusal at the relay', () => {
  let relay: Smtp;
  beforeEach(async () => {
    relay = await startSmtp({
      onRcptTo: ({ address }, _, done) =>
        done(
          /^gone/i.test(address)
            ? reply(550, '5.1.1 no such user')
            : address.startsWith('spam')
              ? reply(554, '5.7.1 policy')
              : null,
        ),
    });
    closings.push(() => relay.close());
  });

  it('marks the address at the next look, and the mail is not tried again', async () => {
    const { engine } = await open(new MemoryMailbox(), { url: `smtp://127.0.0.1:${relay.port}` });
    await workOne(engine, 'notify', { to: ['Gone@Site.example', 'ann@site.example', 'spam@site.example'] });

    expect(await engine.sendMails()).toBe(1);
    const run = await workOne(engine, 'read-bounces', { mailbox: '' });
    expect(await engine.sendMails()).toBe(0);

    expect(run.result).toEqual({ mails: 0, marked: 2 });
    const marked = await listAddresses(engine.acts);
    expect(marked.toSorted((a, b) => (a.address < b.address ? -1 : 1))).toMatchObject([
      {
        address: 'gone@site.example',
        state: 'bounced',
        why: '550 5.1.1 no such user',
        source: 'refusal',
        mail: '<patch.Gone.first@lab.example>',
      },
      { address: 'spam@site.example', state: 'doubtful' },
    ]);
    expect((await engine.acts.rows(REFUSALS)).size).toBe(0);
    expect(relay.received.map(({ from, to }) => [from, ...to])).toEqual([
      ['patchd+b=ann=site.example@lab.example', 'ann@site.example'],
    ]);
  });
});

describe.skipIf(WHY_NO_MAIL_PEERS !== undefined)(
  `mails through a real Postfix, read on a real Dovecot${WHY_NO_MAIL_PEERS === undefined ? '' : ` (${WHY_NO_MAIL_PEERS})`}`,
  () => {
    let peers: MailPeers;
    beforeAll(async () => {
      peers = await startMailPeers();
    }, 120_000);
    afterAll(() => peers.stop());

    const openReal = () => {
      const { smtpUrl: url, imapsUrl, password, ca } = peers;
      const mailbox = imapMailbox({ name: 'bounces', url: imapsUrl, user: 'patchd', password, ca });
      return open(mailbox, { url, clients: OPERATORS });
    };

    it('that bounce mark their readers for good or for doubt, and those that are late mark nobody', async () => {
      const { engine } = await openReal();
      const to = [
        'alice@lab.example',
        'gone@lab.example',
        'full@lab.example',
        'u@bounce.example',
        'slow@defer.example',
      ];
      await workOne(engine, 'notify', { to });

      expect(await engine.sendMails()).toBe(4);
      await eventually('three reports', async () => peers.inbox('patchd').length >= 3, 60_000);
      const run = await workOne(engine, 'read-bounces');

      expect(await marks(engine)).toEqual({
        'gone@lab.example': expect.stringMatching(/^bounced: 550 5\.1\.1 /) as string,
        'u@bounce.example': 'bounced: 5.1.1 no such mailbox',
        'full@lab.example': 'doubtful: 5.2.2 mailbox is full',
      });
      expect(run.report?.lines).toEqual(['1 × nothing failed (delayed)']);
      expect(await told()).toHaveLength(1);
      const [alice = ''] = peers.inbox('alice');
      expect(alice).toContain('Return-Path: <patchd+b=alice=lab.example@lab.example>');
      expect(alice).toContain('From: Cloud patching <patching@lab.example>');
      expect(alice.slice(alice.indexOf('From:'))).not.toContain('patchd');
    }, 120_000);

    it('that find no relay leave later, each once', async () => {
      const { engine } = await openReal();
      const to = Array.from({ length: 12 }, (_, i) => `owner${i}@lab.example`);
      await peers.relay('down');
      await workOne(engine, 'notify', { to });
      const redis = house.redis.connect();
      closings.push(() => redis.disconnect());
      // As often as the outbox would try in an hour: after 15 s, 30 s, and so on up to every 15 minutes.
      for (let tries = 0; tries < 9; tries += 1) {
        expect(await engine.sendMails()).toBe(0);
        await redis.hset('{nightshift}:outbox:closed', 'until', 1);
      }
      expect(await redis.zcard('{nightshift}:outbox:due')).toBe(12);

      await peers.relay('up');
      expect(await engine.sendMails()).toBe(12);
      expect(await engine.sendMails()).toBe(0);

      for (const owner of to) {
        const name = owner.split('@')[0] ?? '';
        await eventually(`the mail to ${owner}`, async () => peers.inbox(name).length > 0, 60_000);
        expect(peers.inbox(name)).toHaveLength(1);
      }
    }, 120_000);
  },
);
