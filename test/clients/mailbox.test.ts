import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { imapMailbox, type MailboxSettings } from '../../src/clients/mailbox.ts';
import type { Mailbox, MailboxCursor, PageLimits } from '../../src/domain/mailbox.ts';
import { eventually } from '../support/engine.ts';
import { type MailPeers, startMailPeers, WHY_NO_MAIL_PEERS } from '../support/mail-peers.ts';
import { makeCertificate } from '../support/smtp.ts';
import { freePort } from '../support/sshd.ts';

/** Blinks, for what waits minutes in earnest. */
const SOON = {
  broken: { firstMs: 20, mostMs: 200 },
  login: { firstMs: 60_000, mostMs: 120_000 },
};

describe.skipIf(WHY_NO_MAIL_PEERS !== undefined)(
  `a mailbox on a real Dovecot${WHY_NO_MAIL_PEERS === undefined ? '' : ` (${WHY_NO_MAIL_PEERS})`}`,
  () => {
    let peers: MailPeers;
    let users = 0;
    let user = '';

    beforeAll(async () => {
      peers = await startMailPeers();
    }, 120_000);
    afterAll(() => peers.stop());

    function open(change: Partial<MailboxSettings> = {}): Mailbox {
      const { imapsUrl: url, ca, password } = peers;
      return imapMailbox({ name: 'bounces', url, user, password, ca, pauses: SOON, ...change });
    }

    /** An inbox that nobody else uses, with mails of these texts. */
    function inbox(...texts: string[]): void {
      users += 1;
      user = `reader${users}`;
      for (const text of texts) put(text);
    }

    function put(text: string): void {
      peers.put(user, `Subject: ${text}\r\nMessage-ID: <${text.slice(0, 20)}@x.example>\r\n\r\n${text}\r\n`);
    }

    async function read(mailbox: Mailbox, after?: MailboxCursor, limits: Partial<PageLimits> = {}) {
      const signal = new AbortController().signal;
      const page = await mailbox.read(after, { most: 10, maxBytes: 1000, signal, ...limits });
      const texts = page.mails.map(
        ({ raw }) => /^Subject: (.*?)\r?$/m.exec(Buffer.from(raw).toString())?.[1],
      );
      return { ...page, texts };
    }

    it.each([
      ['TLS', () => peers.imapsUrl],
      ['STARTTLS', () => peers.imapUrl],
    ])('is read by %s, oldest mail first, and from where it was left', async (_, url) => {
      inbox('one', 'two', 'three');
      const mailbox = open({ url: url() });

      const first = await read(mailbox, undefined, { most: 2 });
      const second = await read(mailbox, first.cursor);
      const third = await read(mailbox, second.cursor);
      put('four');
      const fourth = await read(mailbox, third.cursor);

      expect([first.texts, second.texts, third.texts, fourth.texts]).toEqual([
        ['one', 'two'],
        ['three'],
        // Asked for what comes after the last, the server answers with the last.
        [],
        ['four'],
      ]);
      expect([first.more, second.more]).toEqual([true, false]);
      expect(third.cursor).toEqual(second.cursor);
      expect(Math.abs(first.mails[0]!.receivedAt.getTime() - Date.now())).toBeLessThan(600_000);
    });

    it('that is empty is read, too, and goes on with what comes', async () => {
      inbox();
      const empty = await read(open());
      put('one');

      expect(empty.texts).toEqual([]);
      expect((await read(open(), empty.cursor)).texts).toEqual(['one']);
    });

    it('is left as it is: what was read is not marked as read', async () => {
      inbox('one');

      await read(open());

      expect(peers.inbox(user)).toHaveLength(1);
      expect(peers.flags(user)).toEqual(['']);
    });

    it('gives no more of a mail than was asked for', async () => {
      inbox('a'.repeat(500_000));

      const page = await read(open(), undefined, { maxBytes: 1000 });

      expect(page.mails[0]?.raw).toHaveLength(1000);
      expect(page.mails[0]?.isCut).toBe(true);
      expect((await read(open(), undefined, { maxBytes: 2_000_000 })).mails[0]?.isCut).toBe(false);
    });

    it('that was numbered anew is read from its beginning, and says so', async () => {
      inbox('one', 'two');
      const before = await read(open());
      peers.renumber(user);
      put('three');

      const after = await read(open(), before.cursor);

      expect(after.texts).toEqual(['three']);
      expect(after.renumbered).toBe(true);
      expect(after.cursor.uidValidity).not.toBe(before.cursor.uidValidity);
      expect((await read(open(), after.cursor)).renumbered).toBe(false);
    });

    it('whose password is wrong is not asked again at once, lest the account be locked', async () => {
      inbox('one');
      const mailbox = open({ password: 'hunter2' });

      const refused = await read(mailbox).catch((error: unknown) => error);
      const held = await read(mailbox).catch((error: unknown) => error);

      expect(refused).toMatchObject({ name: 'MailboxError', retryable: false });
      expect(String(refused)).toMatch(
        /mailbox bounces \(127\.0\.0\.1:\d+, INBOX\): the login of reader\d+ was refused/,
      );
      expect(String(held)).toMatch(/was refused \(.*\); not tried again before 2\d{3}-/);
      expect(String(refused) + String(held)).not.toContain('hunter2');
    });

    it.each([
      { title: 'an authority that is not ours', change: () => ({ ca: makeCertificate().ca }) },
      { title: 'another name', change: () => ({ url: peers.imapsUrl.replace('127.0.0.1', 'localhost') }) },
    ])('with a certificate from $title is not read', async ({ change }) => {
      inbox('one');

      const failed = read(open(change()));

      await expect(failed).rejects.toMatchObject({ name: 'MailboxError', retryable: false });
      await expect(failed).rejects.toThrow('its certificate is not trusted');
    });

    it('that is not there is named, and one that is away may be back another time', async () => {
      inbox('one');
      const url = `imaps://127.0.0.1:${await freePort()}`;

      await expect(read(open({ folder: 'Bounces' }))).rejects.toMatchObject({ retryable: false });
      await expect(read(open({ folder: 'Bounces' }))).rejects.toThrow('there is no such folder');
      await expect(read(open({ url }))).rejects.toMatchObject({ retryable: true });
      await expect(read(open({ url }))).rejects.toThrow('ECONNREFUSED');
    });

    /** What a watcher has heard; it ends with the test. */
    function watch(mailbox: Mailbox) {
      const heard = { told: 0, troubles: [] as string[] };
      const stop = new AbortController();
      const watching = mailbox.watch({
        tell: () => {
          heard.told += 1;
        },
        troubled: (why) => void heard.troubles.push(String(why)),
        signal: stop.signal,
      });
      onTestFinished(async () => {
        stop.abort();
        await watching;
      });
      return heard;
    }

    it('that is watched tells at once, and of each mail that comes', async () => {
      inbox('one');
      const heard = watch(open());
      await eventually('a first word', async () => heard.told === 1);

      put('two');
      await eventually('word of the second mail', async () => heard.told === 2);

      expect(heard.troubles).toEqual([]);
    });

    it('that is watched is asked beside what its server says by itself, and listened to again each time', async () => {
      inbox('one');
      const heard = watch(open({ pollMs: 10 }));
      await eventually('a first word', async () => heard.told === 1);

      for (let i = 2; i < 6; i += 1) {
        put(`mail ${i}`);
        await eventually(`word of mail ${i}`, async () => heard.told >= i);
      }

      expect(heard.troubles).toEqual([]);
    });

    it('that is watched is watched on when the server dies in the middle, and tells what came meanwhile', async () => {
      inbox('one');
      const heard = watch(open());
      await eventually('a first word', async () => heard.told === 1);

      await peers.restartDovecot();
      put('two');
      await eventually('word after the restart', async () => heard.told >= 2, 60_000);
      const told = heard.told;
      put('three');
      await eventually('word of the third mail', async () => heard.told > told, 60_000);

      expect(heard.troubles.length).toBeGreaterThan(0);
      expect(heard.troubles.join()).toContain('mailbox bounces (');
    }, 120_000);
  },
);

describe('settings of a mailbox', () => {
  it.each([
    { url: 'https://imap.example.org', says: 'write imaps://host' },
    { url: 'imaps://kim:hunter2@imap.example.org', says: 'do not belong into the URL' },
  ])('that cannot work are refused beforehand: $says', ({ url, says }) => {
    const open = () => imapMailbox({ name: 'bounces', url, user: 'kim', password: 'x' });
    expect(open).toThrow(says);
    expect(open).not.toThrow('hunter2');
  });
});
