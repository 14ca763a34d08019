import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type BounceMailbox, type Reading, readBounce } from '../../src/domain/bounces.ts';

const MAILBOX: BounceMailbox = { address: 'patchd@example.org', host: 'nightshift.example.org' };
const ID = '<patch-compliance.alice.first.20261127@nightshift.example.org>';
const CAME = new Date('2026-11-27T10:00:00Z');

interface Report {
  readonly deliveredTo?: string;
  readonly kind?: string;
  readonly status?: string;
  readonly original?: string;
  readonly date?: string;
}

const STATUS = `Reporting-MTA: dns; mx.site.example
Arrival-Date: Fri, 27 Nov 2026 09:00:00 +0000

Original-Recipient: rfc822;alice@site.example
Final-Recipient: rfc822; alice@mailbox.elsewhere.example
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 <alice@mailbox.elsewhere.example>: no
    such user
`;

/** A report as Postfix writes one; without an original, the mail's third part is left out. */
function report({
  deliveredTo = 'patchd@example.org',
  kind = 'delivery-status',
  status = STATUS,
  original = `From: Cloud patching <patching@example.org>\nMessage-ID: ${ID}\nSubject: x\n`,
  date = 'Fri, 27 Nov 2026 09:30:00 +0000',
}: Report = {}): string {
  const type = kind === 'delivery-status' ? kind : 'feedback-report';
  const third =
    original === ''
      ? ''
      : `--=_b/1\nContent-Description: Undelivered Message\nContent-Type: message/rfc822\n\n${original}\nThe text.\n\n`;
  return `Return-Path: <>
Delivered-To: ${deliveredTo}
Received: from mx.site.example
Date: ${date}
From: Mail Delivery System <MAILER-DAEMON@site.example>
To: ${deliveredTo}
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=${kind};
	boundary="=_b/1"

This is a MIME-encapsulated message.

--=_b/1
Content-Type: text/plain; charset=utf-8

Your mail did not arrive.
--this is no boundary

--=_b/1
Content-Description: Delivery report
Content-Type: message/${type}

${status}
${third}--=_b/1--
`;
}

function read(raw: string, receivedAt = CAME): Reading {
  return readBounce({ raw: new TextEncoder().encode(raw), receivedAt }, MAILBOX);
}

const VERP = 'patchd+b=alice=site.example@example.org';

describe('a report that a mail failed', () => {
  it('marks the reader to whom it was first sent, with what was said and which mail it was', () => {
    expect(read(report())).toEqual({
      seen: [
        {
          address: 'alice@site.example',
          state: 'bounced',
          at: '2026-11-27T09:30:00.000Z',
          why: '5.1.1 550 5.1.1 <alice@mailbox.elsewhere.example>: no such user',
          source: 'bounce',
          mail: ID,
        },
      ],
    });
  });

  it('reads the same whatever ends its lines, and however its parts are encoded', () => {
    const encoded = report()
      .replace(
        'Content-Type: message/delivery-status\n',
        'Content-Type: message/delivery-status\nContent-Transfer-Encoding: base64\n',
      )
      .replace(STATUS, `${Buffer.from(STATUS).toString('base64')}\n`);
    const printable = report()
      .replace(
        'Content-Type: message/delivery-status\n',
        'Content-Type: Message/Delivery-Status\nContent-Transfer-Encoding: quoted-printable\n',
      )
      .replace('Status: 5.1.1', 'Status: =35.1.=\n1');
    for (const other of [report().replaceAll('\n', '\r\n'), encoded, printable]) {
      expect(read(other)).toEqual(read(report()));
    }
  });

  it.each([
    { title: 'its sender, where no original came with it', change: { deliveredTo: VERP, original: '' } },
    {
      title: 'its sender, where the report names another',
      change: { deliveredTo: VERP, status: STATUS.replaceAll('alice@', 'postmaster@') },
    },
    { title: 'the report, where its sender names none', change: {} },
    {
      title: 'the report in UTF-8 (RFC 6533)',
      change: { status: STATUS.replace('rfc822;alice', 'utf-8; alice') },
    },
  ])('knows the reader by $title', ({ change }) => {
    expect(read(report(change))).toMatchObject({
      seen: [{ address: 'alice@site.example', state: 'bounced' }],
    });
  });

  it('is of the final recipient where no other is named', () => {
    const status = STATUS.replace(/^Original-Recipient.*\n/m, '');

    expect(read(report({ status }))).toMatchObject({
      seen: [{ address: 'alice@mailbox.elsewhere.example' }],
    });
  });

  it('is of each reader that failed, where the mail had several', () => {
    const status = `Reporting-MTA: dns; mx.site.example

Final-Recipient: rfc822; ann@site.example
Action: failed
Status: 5.1.1

Final-Recipient: rfc822; bob@site.example
Action: relayed
Status: 2.0.0

Final-Recipient: rfc822; eve@site.example
Action: Failed
Status: 5.2.2
Diagnostic-Code: smtp; 552 5.2.2 mailbox full
`;

    expect(read(report({ status }))).toMatchObject({
      seen: [
        { address: 'ann@site.example', state: 'bounced', why: '5.1.1 the mail bounced' },
        { address: 'eve@site.example', state: 'doubtful', why: '5.2.2 552 5.2.2 mailbox full' },
      ],
    });
  });

  it('happened when it says so, and not in the future', () => {
    const dated = (date: string) => {
      const reading = read(report({ date }));
      return 'seen' in reading ? reading.seen[0]?.at : undefined;
    };
    expect(dated('Fri, 27 Nov 2026 09:59:00 +0000')).toBe('2026-11-27T09:59:00.000Z');
    expect(dated('Fri, 27 Nov 2099 09:59:00 +0000')).toBe(CAME.toISOString());
    expect(dated('the day before')).toBe(CAME.toISOString());
  });
});

describe('a mail that marks nobody', () => {
  const ours = 'Message-ID: <x@elsewhere.example>\n';
  it.each([
    {
      title: 'a delay',
      raw: report({ status: STATUS.replace('failed', 'delayed').replaceAll('5.1.1', '4.2.1') }),
      why: 'nothing failed (delayed)',
    },
    {
      title: 'a success',
      raw: report({ status: STATUS.replace('failed', 'delivered') }),
      why: 'nothing failed (delivered)',
    },
    {
      title: 'a failure after days of trying',
      raw: report({ status: STATUS.replaceAll('5.1.1', '4.4.1').replaceAll('550', '450') }),
      why: 'what failed may go well another time, or names no reader',
    },
    {
      title: 'a report without a status',
      raw: report({ status: '' }),
      why: 'nothing failed (it names no reader)',
    },
    {
      title: "a report about somebody else's mail",
      raw: report({ original: ours }),
      why: 'it names no mail of ours',
    },
    {
      title: 'a mail of a person',
      raw: `From: ann@site.example\nTo: ${VERP}\nSubject: I am ill\n\nHello\n`,
      why: 'it is no report',
    },
    {
      title: 'a receipt',
      raw: report({ kind: 'disposition-notification' }),
      why: 'it is a report of another kind (disposition-notification)',
    },
    { title: 'nothing', raw: '', why: 'it is no report' },
  ])('is $title', ({ raw, why }) => {
    expect(read(raw)).toEqual({ ignored: why });
  });
});

describe('a complaint', () => {
  const feedback = `Feedback-Type: abuse
User-Agent: SomeGenerator/1.0
Version: 1
Original-Mail-From: <${VERP}>
Original-Rcpt-To: <hidden@site.example>
`;

  it('is of the reader whom the sender of the mail named', () => {
    expect(read(report({ kind: 'feedback-report', status: feedback }))).toEqual({
      seen: [
        {
          address: 'alice@site.example',
          state: 'complained',
          at: '2026-11-27T09:30:00.000Z',
          why: 'a complaint (abuse) came through SomeGenerator/1.0',
          source: 'complaint',
          mail: ID,
        },
      ],
    });
  });

  it('is of the reader whom it names, where the sender names none', () => {
    const status = feedback.replace(VERP, 'patchd@example.org');

    expect(read(report({ kind: 'feedback-report', status }))).toMatchObject({
      seen: [{ address: 'hidden@site.example' }],
    });
  });

  it('is none when it says that the mail was welcome', () => {
    const status = feedback.replace('abuse', 'not-spam');

    expect(read(report({ kind: 'feedback-report', status }))).toEqual({
      ignored: 'it is feedback, but no complaint (not-spam)',
    });
  });
});

describe('a hostile mail', () => {
  it.each([
    ['a reader that ends its line', 'rfc822; a@b.example\u0000\u202Ex'],
    ['a reader that is a list', 'rfc822; a@b.example, c@d.example'],
    ['a reader that is none', 'rfc822; nobody'],
    ['a reader of any length', `rfc822; ${'a'.repeat(100_000)}@b.example`],
  ])('with %s marks nobody', (_, recipient) => {
    const status = `Reporting-MTA: dns; x\n\nFinal-Recipient: ${recipient}\nAction: failed\nStatus: 5.1.1\n`;

    expect(read(report({ status }))).toHaveProperty('ignored');
  });

  it('marks no more readers than a mail of ours has, and quotes no more than people read', () => {
    const block = (i: number) =>
      `\nFinal-Recipient: rfc822; r${i}@b.example\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: x; ${'y\u001B '.repeat(5000)}\n`;
    const status = `Reporting-MTA: dns; x\n${Array.from({ length: 5000 }, (_, i) => block(i)).join('')}`;

    const reading = read(report({ status }));

    const seen = 'seen' in reading ? reading.seen : [];
    expect(seen).toHaveLength(50);
    expect(Math.max(...seen.map(({ why }) => why.length))).toBeLessThan(310);
    expect(seen[0]?.why).not.toContain('\u001B');
  });

  it.each([
    ['of boundaries', (n: number) => report().replace(STATUS, '--=_b/1\n'.repeat(n))],
    ['of empty lines', (n: number) => report({ status: '\n \t'.repeat(n) })],
    ['of folded lines', (n: number) => report({ status: `Status: 5\n${' \n'.repeat(n)}` })],
    ['of fields', (n: number) => 'X: y\n'.repeat(n) + report()],
    [
      'of blanks behind a sign of equality',
      (n: number) => `Content-Transfer-Encoding: quoted-printable\n\n${'= '.repeat(n)}`,
    ],
    ['of parameters', (n: number) => `Content-Type: multipart/report;${' a=b;'.repeat(n)}\n\n--`],
  ])('made %s is read to its end, which work that grows with its square would never see', (_, make) => {
    expect(Object.keys(read(make(500_000)))).toHaveLength(1);
  });

  it('of any bytes is read without an error', () => {
    const words = fc.constantFrom(
      '\n',
      '\r\n',
      '--=_b/1',
      ';',
      '=',
      '"',
      'Content-Type: ',
      'multipart/report',
      'Action: failed',
      ' ',
      ID,
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(words, fc.string()), { maxLength: 60 }), fc.nat(2000), (parts, at) => {
        const raw = `${report().slice(0, at)}${parts.join('')}${report().slice(at)}`;
        expect(Object.keys(read(raw))).toHaveLength(1);
      }),
    );
  });
});
