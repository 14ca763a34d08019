/** A real SMTP server for one test, and a certificate authority that vouches for it. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';

interface Received {
  readonly from: string;
  readonly to: readonly string[];
  /** The mail as it came, with CRLF line ends. */
  readonly raw: string;
  readonly secure: boolean;
  readonly user: unknown;
}

export interface Smtp {
  readonly port: number;
  readonly received: readonly Received[];
  /** Cuts every connection as a crash would. */
  cut(): void;
  close(): Promise<void>;
}

/** Takes every mail unless `options` say otherwise. */
export async function startSmtp(options: SMTPServerOptions = {}): Promise<Smtp> {
  const received: Received[] = [];
  const server = new SMTPServer({
    authOptional: true,
    disableReverseLookup: true,
    onData(stream, session, callback) {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        const { mailFrom, rcptTo } = session.envelope;
        received.push({
          from: mailFrom ? mailFrom.address : '',
          to: rcptTo.map(({ address }) => address),
          raw: Buffer.concat(chunks).toString(),
          secure: session.secure,
          user: session.user,
        });
        callback();
      });
    },
    ...options,
  });
  // Clients that distrust our certificate or break off are errors to it.
  server.on('error', () => {});
  const cut = () => {
    for (const { _socket } of server.connections) _socket.destroy();
  };
  server.listen(0, '127.0.0.1');
  await once(server.server, 'listening');
  return {
    port: (server.server.address() as AddressInfo).port,
    received,
    cut,
    async close() {
      cut();
      await new Promise<void>((resolve) => server.close(resolve));
    },
  };
}

/** An SMTP reply that is no yes. */
export function reply(responseCode: number, words: string): Error {
  return Object.assign(new Error(words), { responseCode });
}

export interface Certificate {
  readonly ca: string;
  readonly key: string;
  readonly cert: string;
}

/** A certificate for 127.0.0.1 and the authority that signed it. */
export function makeCertificate(): Certificate {
  const dir = mkdtempSync(join(tmpdir(), 'nightshift-ca-'));
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: dir, stdio: 'ignore' });
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  try {
    openssl(
      'req',
      '-x509',
      ...newKey,
      '-keyout',
      'ca.key',
      '-out',
      'ca.pem',
      '-days',
      '2',
      '-subj',
      '/CN=Test CA',
    );
    openssl('req', ...newKey, '-keyout', 'key.pem', '-out', 'csr.pem', '-subj', '/CN=relay');
    writeFileSync(join(dir, 'san'), 'subjectAltName=IP:127.0.0.1\n');
    openssl(
      'x509',
      '-req',
      '-in',
      'csr.pem',
      '-CA',
      'ca.pem',
      '-CAkey',
      'ca.key',
      '-CAcreateserial',
      '-out',
      'cert.pem',
      '-days',
      '2',
      '-extfile',
      'san',
    );
    const read = (name: string) => readFileSync(join(dir, name), 'utf8');
    return { ca: read('ca.pem'), key: read('key.pem'), cert: read('cert.pem') };
  } finally {
    rmSync(dir, { recursive: true });
  }
}
