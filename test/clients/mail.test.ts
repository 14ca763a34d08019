import { createHash, createVerify, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SMTPServerOptions } from 'smtp-server';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import {
  type MailSink,
  mailFolder,
  type OutgoingMail,
  type SmtpSettings,
  smtpTransport,
} from '../../src/clients/mail.ts';
import { type Certificate, makeCertificate, reply, type Smtp, startSmtp } from '../support/smtp.ts';
import { freePort } from '../support/sshd.ts';

let certificate: Certificate;
beforeAll(() => {
  certificate = makeCertificate();
});

const mail: OutgoingMail = {
  messageId: 'reboot-hypervisors~20261124T224100Z.report@nightshift.example.org',
  to: ['Ann <ann@example.org>', 'bob@example.org'],
  subject: '2 hypervisors rebooted – alles gut',
  text: 'Line one\n.a line that begins with a dot\nGrüße\n',
  headers: {
    'X-Nightshift-Run': 'reboot-hypervisors~20261124T224100Z',
    Date: 'Tue, 24 Nov 2026 22:41:00 +0000',
  },
};

describe('a mail', () => {
  it('arrives with its headers, its text and its recipients', async () => {
    const { sink, smtp } = await relay();

    await sink.send(mail);

    expect(smtp.received).toHaveLength(1);
    const { from, to, raw } = smtp.received[0]!;
    expect({ from, to }).toEqual({
      from: 'patching@example.org',
      to: ['ann@example.org', 'bob@example.org'],
    });
    const { headers, body } = parsed(raw);
    expect(headers).toMatchObject({
      'message-id': '<reboot-hypervisors~20261124T224100Z.report@nightshift.example.org>',
      'auto-submitted': 'auto-generated',
      'x-auto-response-suppress': 'OOF, AutoReply',
      date: 'Tue, 24 Nov 2026 22:41:00 +0000',
      from: 'Cloud patching <patching@example.org>',
      to: 'Ann <ann@example.org>, bob@example.org',
      'x-nightshift-run': 'reboot-hypervisors~20261124T224100Z',
    });
    expect(decodedWords(headers.subject ?? '')).toBe(mail.subject);
    expect(decodedText(headers, body)).toBe('Line one\r\n.a line that begins with a dot\r\nGrüße\r\n');
  });

  it('may have a sender of its own, a thread and a second form in HTML', async () => {
    const { sink, smtp } = await relay();

    await sink.send({
      ...mail,
      from: 'ops@example.org',
      html: '<p>Grüße</p>',
      headers: { References: '<thread@example.org>' },
    });

    const { from, raw } = smtp.received[0]!;
    expect(from).toBe('ops@example.org');
    const { headers, body } = parsed(raw);
    expect(headers).toMatchObject({ from: 'ops@example.org', references: '<thread@example.org>' });
    const boundary = /^multipart\/alternative; boundary="([^"]+)"$/.exec(headers['content-type'] ?? '')?.[1];
    const parts = body
      .split(`--${boundary}`)
      .slice(1, 3)
      .map((part) => parsed(part.trimStart()).headers['content-type']);
    expect(parts).toEqual(['text/plain; charset=utf-8', 'text/html; charset=utf-8']);
  });

  it('says by what its readers may sort it, where the site says so', async () => {
    const { sink, smtp } = await relay({ settings: { listId: 'Cloud patching <patching.example.org>' } });

    await sink.send(mail);

    expect(parsed(smtp.received[0]!.raw).headers['list-id']).toBe('Cloud patching <patching.example.org>');
  });

  it('is dated when it is sent, unless it says otherwise', async () => {
    const { sink, smtp } = await relay();
    const before = Date.now();

    await sink.send({ ...mail, headers: {} });

    const date = Date.parse(parsed(smtp.received[0]!.raw).headers.date ?? '');
    expect(date).toBeGreaterThanOrEqual(before - 1000);
    expect(date).toBeLessThanOrEqual(Date.now());
  });

  it.each([
    { fault: 'a Message-ID without a host', change: { messageId: 'report' }, says: 'Message-ID' },
    {
      fault: 'a Message-ID that ends its line',
      change: { messageId: '<a@b>\r\nBcc: eve@example.org' },
      says: 'Message-ID',
    },
    { fault: 'nobody to go to', change: { to: [] }, says: 'it goes to nobody' },
    {
      fault: 'a recipient that ends its line',
      change: { to: ['ann@example.org\r\nBcc: eve@example.org'] },
      says: 'is not one address',
    },
    {
      fault: 'two recipients in one',
      change: { to: ['ann@example.org, eve@example.org'] },
      says: 'is not one address',
    },
    { fault: 'a recipient without a host', change: { to: ['ann'] }, says: 'to "ann" is not one address' },
    {
      fault: 'a sender that ends its line',
      change: { from: 'a@example.org\nX: y' },
      says: 'from "a@example.org\\nX: y"',
    },
    {
      fault: 'a subject that ends its line',
      change: { subject: 'a\r\nBcc: eve@example.org' },
      says: 'its subject has a line break',
    },
    {
      fault: 'a header that ends its line',
      change: { headers: { 'X-Run': 'a\r\n\r\nbody' } },
      says: 'header X-Run has a line break',
    },
    { fault: 'a header without a name', change: { headers: { 'X: y\r\nBcc': 'z' } }, says: 'is no name' },
    {
      fault: 'recipients among its headers',
      change: { headers: { bcc: 'eve@example.org' } },
      says: 'header bcc is not free',
    },
  ])('with $fault is refused before anybody is asked', async ({ change, says }) => {
    const { sink, smtp } = await relay();

    const failed = sink.send({ ...mail, ...change });

    await expect(failed).rejects.toMatchObject({ name: 'MailError', retryable: false, outcome: 'not sent' });
    await expect(failed).rejects.toThrow(says);
    expect(smtp.received).toEqual([]);
  });
});

describe('a relay', () => {
  it.each([
    {
      answer: '421 to the connection',
      options: { onConnect: (_, done) => done(reply(421, 'too busy')) },
      retryable: true,
    },
    {
      answer: '554 to the connection',
      options: { onConnect: (_, done) => done(reply(554, 'go away')) },
      retryable: false,
    },
    {
      answer: '451 to the sender',
      options: { onMailFrom: (_, __, done) => done(reply(451, 'later')) },
      retryable: true,
    },
    {
      answer: '550 to the sender',
      options: { onMailFrom: (_, __, done) => done(reply(550, 'who')) },
      retryable: false,
    },
    {
      answer: '451 to every recipient',
      options: { onRcptTo: everybody(reply(451, 'greylisted')) },
      retryable: true,
    },
    {
      answer: '550 to every recipient',
      options: { onRcptTo: everybody(reply(550, 'no such user')) },
      retryable: false,
    },
    {
      answer: '421 to the mail',
      options: { onData: afterData(reply(421, 'shutting down')) },
      retryable: true,
    },
    {
      answer: '451 to the mail',
      options: { onData: afterData(reply(451, 'scanner away')) },
      retryable: true,
    },
    { answer: '552 to the mail', options: { onData: afterData(reply(552, 'too much')) }, retryable: false },
    { answer: 'a size that the mail exceeds', options: { size: 10 }, retryable: false },
  ] satisfies { answer: string; options: SMTPServerOptions; retryable: boolean }[])(
    'that answers $answer: sending again helps = $retryable',
    async ({ options, retryable }) => {
      const { sink, smtp } = await relay({ options });

      const failed = sink.send(mail);

      await expect(failed).rejects.toMatchObject({ name: 'MailError', retryable, outcome: 'not sent' });
      await expect(failed).rejects.toThrow(
        `mail reboot-hypervisors~20261124T224100Z.report@nightshift.example.org to ann@example.org, bob@example.org: 127.0.0.1:${smtp.port}: `,
      );
    },
  );

  it('that refuses a recipient is quoted', async () => {
    const { sink } = await relay({ options: { onRcptTo: everybody(reply(550, 'no such user')) } });

    await expect(sink.send(mail)).rejects.toThrow(
      'refused ann@example.org (550 no such user), bob@example.org (550 no such user)',
    );
  });

  it('that refuses one recipient has given it to the others', async () => {
    const { sink, smtp } = await relay({
      options: { onRcptTo: onRcpt({ 'bob@example.org': reply(550, 'no such user') }) },
    });

    const failed = sink.send(mail);

    await expect(failed).rejects.toMatchObject({ retryable: false, outcome: 'partly sent' });
    await expect(failed).rejects.toThrow(
      'took it for ann@example.org but not for bob@example.org (550 no such user)',
    );
    expect(smtp.received.map(({ to }) => to)).toEqual([['ann@example.org']]);
  });

  it('that puts one recipient off is asked again for that one alone', async () => {
    const answers: Record<string, Error> = { 'bob@example.org': reply(451, 'greylisted') };
    const { sink, smtp } = await relay({ options: { onRcptTo: onRcpt(answers) } });

    await expect(sink.send(mail)).rejects.toMatchObject({
      retryable: true,
      outcome: 'partly sent',
      taken: ['ann@example.org'],
      refused: [],
    });
    await expect(sink.send(mail, ['ann@example.org'])).rejects.toMatchObject({
      retryable: true,
      outcome: 'not sent',
      taken: [],
    });
    delete answers['bob@example.org'];
    await sink.send(mail, ['ann@example.org']);
    await sink.send({ ...mail, messageId: 'another@example.org' });

    expect(smtp.received.map(({ to }) => to)).toEqual([
      ['ann@example.org'],
      ['bob@example.org'],
      ['ann@example.org', 'bob@example.org'],
    ]);
    expect(parsed(smtp.received[1]!.raw).headers.to).toBe('Ann <ann@example.org>, bob@example.org');
  });

  it('that is away may be back another time', async () => {
    const sink = transport({ url: `smtp://127.0.0.1:${await freePort()}` });

    await expect(sink.send(mail)).rejects.toMatchObject({ retryable: true, outcome: 'not sent' });
    await expect(sink.send(mail)).rejects.toThrow('ECONNREFUSED');
  });

  it('whose name does not resolve may get one', async () => {
    await expect(transport({ url: 'smtp://relay.invalid' }).send(mail)).rejects.toMatchObject({
      retryable: true,
      outcome: 'not sent',
    });
  });

  it.each([
    { when: 'before the greeting', options: { onConnect: cutIt }, outcome: 'not sent' },
    { when: 'at the sender', options: { onMailFrom: cutIt }, outcome: 'not sent' },
    { when: 'at a recipient', options: { onRcptTo: cutIt }, outcome: 'not sent' },
    { when: 'when it has the mail', options: { onData: cutAtEnd }, outcome: 'unknown' },
  ])('that vanishes $when: $outcome, and sending again is right', async ({ options, outcome }) => {
    const { sink } = await relay({ options });

    await expect(sink.send(mail)).rejects.toMatchObject({ name: 'MailError', retryable: true, outcome });
  });

  it.each([
    { title: 'says nothing at all', options: { onConnect: () => {} }, outcome: 'not sent' },
    {
      title: 'says nothing to the mail',
      options: { onData: (stream: NodeJS.ReadableStream) => void stream.resume() },
      outcome: 'unknown',
    },
  ])('that $title is not waited for for ever', async ({ options, outcome }) => {
    const { sink } = await relay({ options, settings: { timeoutMs: 500 } });

    const failed = sink.send(mail);

    await expect(failed).rejects.toMatchObject({ retryable: true, outcome });
    await expect(failed).rejects.toThrow(/within 0.5 s/);
  });

  it('that speaks something else must be corrected', async () => {
    const server = net
      .createServer((socket) => socket.on('error', () => {}).end('SSH-2.0-OpenSSH_9.2\r\n'))
      .listen(0, '127.0.0.1');
    onTestFinished(() => void server.close());
    await once(server, 'listening');

    const failed = transport({ url: `smtp://127.0.0.1:${(server.address() as AddressInfo).port}` }).send(
      mail,
    );

    await expect(failed).rejects.toMatchObject({ retryable: false });
    await expect(failed).rejects.toThrow('SSH-2.0');
  });
});

describe('connections', () => {
  /** A relay that counts those that come. */
  async function counting(options: SMTPServerOptions = {}, settings: Changes = {}) {
    const count = { connections: 0 };
    const { sink, smtp } = await relay({
      settings,
      options: {
        ...options,
        onConnect(_, done) {
          count.connections += 1;
          done();
        },
      },
    });
    const send = (n: number) => sink.send({ ...mail, messageId: `mail${n}@example.org` });
    return { sink, smtp, send, count };
  }

  it('carry mail after mail', async () => {
    const { send, smtp, count } = await counting();

    for (let n = 0; n < 5; n += 1) await send(n);

    expect(smtp.received).toHaveLength(5);
    expect(count.connections).toBe(1);
  });

  it('are as many as mails are sent at once, and carry the next ones', async () => {
    const { send, smtp, count } = await counting();

    await Promise.all([0, 1, 2].map(send));
    await Promise.all([3, 4, 5].map(send));

    expect(smtp.received).toHaveLength(6);
    expect(count.connections).toBe(3);
  });

  it('are given up after a hundred mails, as relays want it', async () => {
    const { send, smtp, count } = await counting();

    for (let n = 0; n < 101; n += 1) await send(n);

    expect(smtp.received).toHaveLength(101);
    expect(count.connections).toBe(2);
  });

  it('that the relay closed meanwhile are replaced, and nobody notices', async () => {
    const { send, smtp, count } = await counting();
    await Promise.all([0, 1].map(send));

    smtp.cut();
    await send(2);
    await Promise.all([3, 4].map(send));

    expect(smtp.received).toHaveLength(5);
    expect(count.connections).toBeGreaterThan(2);
  });

  it('that the relay gives up with 421 are replaced, too', async () => {
    let mails = 0;
    const { send, smtp } = await counting({
      onMailFrom(_, __, done) {
        mails += 1;
        done(mails === 2 ? reply(421, 'idle for too long') : null);
      },
    });

    await send(0);
    await send(1);

    expect(smtp.received).toHaveLength(2);
    expect(mails).toBe(3);
  });

  it('carry the next mail after one whose readers were refused', async () => {
    const { sink, send, smtp, count } = await counting({
      onRcptTo: onRcpt({ 'gone@example.org': reply(550, 'no such user') }),
    });

    await expect(sink.send({ ...mail, to: ['gone@example.org'] })).rejects.toThrow('no such user');
    await send(1);

    expect(smtp.received.map(({ to }) => to)).toEqual([['ann@example.org', 'bob@example.org']]);
    expect(count.connections).toBe(1);
  });

  it('that break once the mail is on its way are not tried again behind the back of the caller', async () => {
    let mails = 0;
    const { send, smtp } = await counting({
      onData(stream, _, done) {
        mails += 1;
        stream.resume().on('end', () => (mails === 2 ? smtpOfTest?.cut() : done()));
      },
    });
    await send(0);

    await expect(send(1)).rejects.toMatchObject({ outcome: 'unknown', retryable: true, forAll: false });

    expect(mails).toBe(2);
    expect(smtp.received).toEqual([]);
  });
});

describe('a relay that takes nothing from anybody', () => {
  it.each([
    { title: 'because it is away', how: {}, change: { url: 'smtp://127.0.0.1:9' }, forAll: true },
    {
      title: 'because it greets nobody',
      how: { options: { onConnect: (_, done) => done(reply(554, 'go away')) } },
      forAll: true,
    },
    {
      title: 'because the login is refused',
      how: { scheme: 'smtps', settings: { user: 'kim', password: 'x' }, options: { secure: true, onAuth } },
      forAll: true,
    },
    {
      title: 'because it is not the one that it should be',
      how: { scheme: 'smtps', settings: { ca: undefined }, options: { secure: true } },
      forAll: true,
    },
    {
      title: 'because it has had enough of the sender for now',
      how: { options: { onMailFrom: (_, __, done) => done(reply(451, 'too many')) } },
      forAll: true,
    },
    {
      title: 'but only refuses this mail for its readers',
      how: { options: { onRcptTo: everybody(reply(451, 'greylisted')) } },
      forAll: false,
    },
    {
      title: 'but only refuses this mail',
      how: { options: { onData: afterData(reply(451, 'scanner away')) } },
      forAll: false,
    },
  ] satisfies { title: string; how: Parameters<typeof relay>[0]; change?: Changes; forAll: boolean }[])(
    '$title says so: $forAll',
    async ({ how, change, forAll }) => {
      const { sink } = change === undefined ? await relay(how) : { sink: transport(change) };

      await expect(sink.send(mail)).rejects.toMatchObject({ forAll });
    },
  );
});

describe('the sender on the envelope', () => {
  const bounces = { address: 'patchd@example.org', verp: true };

  it('names each reader, so that a bounce tells whom it did not reach, and no reader sees it', async () => {
    const { sink, smtp } = await relay({ settings: { bounces } });

    await sink.send(mail);

    expect(smtp.received.map(({ from, to }) => [from, ...to])).toEqual([
      ['patchd+b=ann=example.org@example.org', 'ann@example.org'],
      ['patchd+b=bob=example.org@example.org', 'bob@example.org'],
    ]);
    expect(new Set(smtp.received.map(({ raw }) => raw)).size).toBe(1);
    expect(smtp.received[0]?.raw).not.toContain('patchd');
    expect(parsed(smtp.received[0]!.raw).headers.from).toBe('Cloud patching <patching@example.org>');
  });

  it('is one for all where it is to name none', async () => {
    const { sink, smtp } = await relay({ settings: { bounces: { ...bounces, verp: false } } });

    await sink.send(mail);

    expect(smtp.received.map(({ from, to }) => [from, ...to])).toEqual([
      ['patchd@example.org', 'ann@example.org', 'bob@example.org'],
    ]);
  });

  it('tells, where one of two is refused and the line then breaks, who has it', async () => {
    let mails = 0;
    const { sink } = await relay({
      settings: { bounces },
      options: {
        onRcptTo: onRcpt({ 'bob@example.org': reply(550, '5.1.1 no such user') }),
        onMailFrom(_, __, done) {
          mails += 1;
          if (mails >= 3) smtpOfTest?.cut();
          else done();
        },
      },
    });

    const failed = sink.send({ ...mail, to: ['ann@example.org', 'bob@example.org', 'eve@example.org'] });

    // The connection that was kept is replaced once, and the new one breaks as well.
    await expect(failed).rejects.toMatchObject({
      retryable: true,
      outcome: 'partly sent',
      taken: ['ann@example.org'],
      refused: [{ address: 'bob@example.org', reply: '550 5.1.1 no such user' }],
    });
    expect(mails).toBe(4);
  });
});

describe('a signed mail', () => {
  it('carries a signature by DKIM that holds, the same each time', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const { sink, smtp } = await relay({
      settings: { dkim: { domain: 'example.org', selector: 'night', key } },
    });

    await sink.send(mail);
    await sink.send(mail);

    const [first = '', second] = smtp.received.map(({ raw }) => raw);
    expect(second).toBe(first);
    const { tags, bodyHash, isSigned } = checkDkim(first, publicKey);
    expect(tags).toMatchObject({ d: 'example.org', s: 'night', a: 'rsa-sha256', bh: bodyHash });
    expect(tags.h?.split(':').map((name) => name.toLowerCase())).toEqual(
      expect.arrayContaining(['from', 'to', 'subject', 'date', 'message-id']),
    );
    expect(isSigned).toBe(true);
    const changed = first.replace('2_hyp', '3_hyp');
    expect(changed).not.toBe(first);
    expect(checkDkim(changed, publicKey).isSigned).toBe(false);
  });

  it('is not sent unsigned when its key signs nothing', async () => {
    const { sink, smtp } = await relay({
      settings: { dkim: { domain: 'example.org', selector: 'night', key: 'no key' } },
    });

    await expect(sink.send(mail)).rejects.toMatchObject({ retryable: false, forAll: true });
    expect(smtp.received).toEqual([]);
  });
});

describe('TLS', () => {
  it('is spoken from the start on smtps', async () => {
    const { sink, smtp } = await relay({ scheme: 'smtps', options: { secure: true } });

    await sink.send(mail);

    expect(smtp.received[0]?.secure).toBe(true);
  });

  it('is begun by STARTTLS on smtp', async () => {
    const { sink, smtp } = await relay({ settings: { insecure: false } });

    await sink.send(mail);

    expect(smtp.received[0]?.secure).toBe(true);
  });

  it('is left out on the loopback and where plain text is asked for', async () => {
    for (const insecure of [undefined, true]) {
      const { sink, smtp } = await relay({ settings: { insecure } });

      await sink.send(mail);

      expect(smtp.received[0]?.secure).toBe(false);
    }
  });

  it('that is refused ends it: no mail goes in plain text', async () => {
    const { sink, smtp } = await relay({
      settings: { insecure: false },
      options: { disabledCommands: ['STARTTLS'] },
    });

    const failed = sink.send(mail);

    await expect(failed).rejects.toMatchObject({ retryable: false, outcome: 'not sent' });
    await expect(failed).rejects.toThrow(/no STARTTLS \(50\d .*\): use smtps:, or insecure: true/);
    expect(smtp.received).toEqual([]);
  });

  it.each([
    {
      title: 'an authority that is not ours',
      scheme: 'smtps',
      change: { ca: undefined },
      says: /certificate is not trusted: .*(self-signed|issuer|verify)/,
    },
    {
      title: 'an authority that is not ours, by STARTTLS',
      scheme: 'smtp',
      change: { ca: undefined, insecure: false },
      says: /certificate is not trusted: .*(self-signed|issuer|verify)/,
    },
    {
      title: 'another name',
      scheme: 'smtps',
      change: { host: 'localhost' },
      says: /certificate is not trusted: .*localhost/,
    },
  ] as const)('with a certificate from $title is refused', async ({ scheme, change, says }) => {
    const { sink, smtp } = await relay({ scheme, settings: change, options: { secure: scheme === 'smtps' } });

    const failed = sink.send(mail);

    await expect(failed).rejects.toMatchObject({ retryable: false, outcome: 'not sent' });
    await expect(failed).rejects.toThrow(says);
    expect(smtp.received).toEqual([]);
  });
});

describe('a login', () => {
  const login = { user: 'nightshift', password: 'pa:ss' };

  it('is made before the mail', async () => {
    const { sink, smtp } = await relay({
      scheme: 'smtps',
      settings: login,
      options: { secure: true, authOptional: false, onAuth },
    });

    await sink.send(mail);

    expect(smtp.received[0]?.user).toBe('nightshift');
  });

  it('that is refused needs a person, who is not told the password', async () => {
    const { sink } = await relay({
      scheme: 'smtps',
      settings: { ...login, password: 'hunter2' },
      options: { secure: true, onAuth },
    });

    const error: unknown = await sink.send(mail).catch((error: unknown) => error);

    expect(error).toMatchObject({ name: 'MailError', retryable: false });
    expect(String(error)).toContain('535');
    expect(everythingIn(error)).not.toContain('hunter2');
    expect(everythingIn(error)).not.toContain(Buffer.from('\0nightshift\0hunter2').toString('base64'));
  });

  it('that is not offered ends it', async () => {
    const { sink, smtp } = await relay({ settings: login, options: { disabledCommands: ['AUTH'] } });

    await expect(sink.send(mail)).rejects.toThrow('it offers no login');
    expect(smtp.received).toEqual([]);
  });
});

describe('settings', () => {
  it.each([
    { change: { url: 'http://relay.example.org' }, says: 'write smtps://host' },
    { change: { url: 'relay.example.org' }, says: 'write smtps://host' },
    { change: { url: 'smtps://kim:secret@relay.example.org' }, says: 'do not belong into the URL' },
    { change: { user: 'kim' }, says: 'user and password go together' },
  ])('that cannot work are refused beforehand: $change', ({ change, says }) => {
    expect(() => transport(change)).toThrow(says);
    expect(() => transport(change)).not.toThrow('secret');
  });

  it('of a closed client: what was being sent is broken off', async () => {
    const { sink } = await relay({ options: { onConnect: () => sink.close() } });

    await expect(sink.send(mail)).rejects.toMatchObject({ retryable: true, outcome: 'not sent' });
  });
});

describe('a folder', () => {
  it('keeps the mail as a relay would have got it', async () => {
    const dir = folder();
    const { sink, smtp } = await relay();

    await mailFolder(dir, { from: 'Cloud patching <patching@example.org>' }).send(mail);
    await sink.send(mail);

    expect(readdirSync(dir)).toEqual([`${mail.messageId}.eml`]);
    expect(readFileSync(join(dir, `${mail.messageId}.eml`), 'utf8')).toBe(smtp.received[0]?.raw);
  });

  it('keeps one file of a mail that is sent twice, byte for byte the same', async () => {
    const dir = folder();
    const twoForms = { ...mail, html: '<p>x</p>' };

    await mailFolder(dir).send(twoForms);
    const [file = ''] = readdirSync(dir);
    const first = readFileSync(join(dir, file));
    await mailFolder(dir).send({ ...twoForms, messageId: `<${mail.messageId}>` });

    expect(readdirSync(dir)).toEqual([file]);
    expect(readFileSync(join(dir, file))).toEqual(first);
  });

  it('is never left by the name of a mail', async () => {
    const dir = folder();

    await mailFolder(dir).send({ ...mail, messageId: '../../etc/passwd%00@host' });

    expect(readdirSync(dir)).toEqual(['..%2F..%2Fetc%2Fpasswd%2500@host.eml']);
  });

  it('that cannot be made is an error, and nothing is left half written', async () => {
    const dir = folder();
    writeFileSync(dir, 'a file');

    await expect(mailFolder(dir).send(mail)).rejects.toMatchObject({
      name: 'MailError',
      outcome: 'not sent',
    });
    expect(existsSync(join(dir, '..', `${mail.messageId}.eml`))).toBe(false);
  });
});

type Handler<Name extends keyof SMTPServerOptions> = NonNullable<SMTPServerOptions[Name]>;
type Changes = { [Key in keyof SmtpSettings]?: SmtpSettings[Key] | undefined };

let smtpOfTest: Smtp | undefined;

/** A running relay and a transport to it; both end with the test. */
async function relay(
  how: {
    scheme?: 'smtp' | 'smtps';
    options?: SMTPServerOptions;
    settings?: Changes & { host?: string };
  } = {},
): Promise<{ smtp: Smtp; sink: MailSink }> {
  const smtp = await startSmtp({ key: certificate.key, cert: certificate.cert, ...how.options });
  smtpOfTest = smtp;
  onTestFinished(() => smtp.close());
  const { host = '127.0.0.1', ...settings } = how.settings ?? {};
  return {
    smtp,
    sink: transport({
      url: `${how.scheme ?? 'smtp'}://${host}:${smtp.port}`,
      ca: certificate.ca,
      ...settings,
    }),
  };
}

function transport(changes: Changes): MailSink {
  const settings = { url: 'smtp://127.0.0.1', from: 'Cloud patching <patching@example.org>', ...changes };
  const set = Object.entries(settings).filter(([, value]) => value !== undefined);
  const sink = smtpTransport(Object.fromEntries(set) as unknown as SmtpSettings);
  onTestFinished(() => sink.close());
  return sink;
}

function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'nightshift-mail-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  return join(dir, 'mail');
}

function onRcpt(answers: Record<string, Error>): Handler<'onRcptTo'> {
  return ({ address }, _, done) => done(answers[address]);
}

function everybody(error: Error): Handler<'onRcptTo'> {
  return onRcpt({ 'ann@example.org': error, 'bob@example.org': error });
}

function afterData(error: Error): Handler<'onData'> {
  return (stream, _, done) => void stream.resume().on('end', () => done(error));
}

const onAuth: Handler<'onAuth'> = ({ username, password }, _, done) =>
  username === 'nightshift' && password === 'pa:ss'
    ? done(null, { user: username })
    : done(null, { message: 'wrong', responseCode: 535 });

/** Cuts the connection instead of an answer. */
function cutIt(): void {
  smtpOfTest?.cut();
}

function cutAtEnd(stream: NodeJS.ReadableStream): void {
  stream.resume().on('end', () => smtpOfTest?.cut());
}

function parsed(raw: string): { headers: Record<string, string>; body: string } {
  const end = raw.indexOf('\r\n\r\n');
  const lines = raw
    .slice(0, end)
    .replaceAll(/\r\n[ \t]+/g, ' ')
    .split('\r\n');
  const headers = lines.map((line) => [
    line.slice(0, line.indexOf(':')).toLowerCase(),
    line.slice(line.indexOf(':') + 1).trim(),
  ]);
  return { headers: Object.fromEntries(headers), body: raw.slice(end + 4) };
}

/** RFC 2047, Q encoding in UTF-8. */
function decodedWords(value: string): string {
  return value
    .replaceAll(/\?=\s+=\?/g, '?==?')
    .replaceAll(/=\?UTF-8\?Q\?([^?]*)\?=/gi, (_, words: string) =>
      quotedPrintable(words.replaceAll('_', ' ')),
    );
}

function decodedText(headers: Record<string, string>, body: string): string {
  expect(headers['content-type']).toBe('text/plain; charset=utf-8');
  expect(headers['content-transfer-encoding']).toBe('quoted-printable');
  return quotedPrintable(body.replaceAll('=\r\n', ''));
}

function quotedPrintable(text: string): string {
  const bytes = text.replaceAll(/=([0-9A-F]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

/** RFC 6376 with relaxed canonicalization: the tags of the signature, the hash of the body, and whether it holds. */
function checkDkim(raw: string, key: KeyObject) {
  const end = raw.indexOf('\r\n\r\n');
  const fields = raw.slice(0, end).split(/\r\n(?![ \t])/);
  const relaxed = (field: string) => {
    const [name = '', ...value] = field.split(':');
    const unfolded = value
      .join(':')
      .replaceAll(/\r\n/g, '')
      .replaceAll(/[ \t]+/g, ' ');
    return `${name.toLowerCase().trim()}:${unfolded.trim()}`;
  };
  const signature = fields.find((field) => /^DKIM-Signature:/i.test(field)) ?? '';
  const tags: Record<string, string> = Object.fromEntries(
    signature
      .slice('DKIM-Signature:'.length)
      .split(';')
      .map((tag) => [
        tag.slice(0, tag.indexOf('=')).trim(),
        tag.slice(tag.indexOf('=') + 1).replaceAll(/\s/g, ''),
      ]),
  );
  const body = raw
    .slice(end + 4)
    .replaceAll(/[ \t]+(?=\r\n)/g, '')
    .replaceAll(/[ \t]+/g, ' ')
    .replace(/(\r\n)*$/, '\r\n');
  const signed = (tags.h ?? '').split(':').map((name) => {
    const field = fields.findLast((one) => one.toLowerCase().startsWith(`${name.toLowerCase()}:`));
    return field === undefined ? '' : `${relaxed(field)}\r\n`;
  });
  const unsigned = relaxed(signature.replace(/([;\s]b=)[^;]*/, '$1'));
  return {
    tags,
    bodyHash: createHash('sha256').update(body, 'latin1').digest('base64'),
    isSigned: createVerify('RSA-SHA256')
      .update(signed.join('') + unsigned, 'latin1')
      .verify(key, tags.b ?? '', 'base64'),
  };
}

/** Message, stack, fields and causes of an error. */
function everythingIn(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return `${error.stack} ${JSON.stringify(error)} ${everythingIn(error.cause)}`;
}
