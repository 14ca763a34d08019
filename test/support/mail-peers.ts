/** A real Postfix and a real Dovecot for one test: free ports on the loopback, a folder of their own, nothing leaves them. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { eventually } from './engine.ts';
import { makeCertificate } from './smtp.ts';
import { freePort } from './sshd.ts';

/**
 * Any name is a mailbox of lab.example, `name+tag` is that of `name`; but at RCPT `gone…` is refused with 550 and
 * `busy…` put off with 451, and mail to `full…` is taken and bounces (5.2.2). Mail to bounce.example is taken and bounces
 * (5.1.1), mail to defer.example is taken, and a notice says soon that it is delayed (4.2.1).
 */
export interface MailPeers {
  /** Plain text and no login. */
  readonly smtpUrl: string;
  /** TLS and login. */
  readonly smtpsUrl: string;
  readonly imapsUrl: string;
  /** STARTTLS. */
  readonly imapUrl: string;
  readonly ca: string;
  readonly password: string;
  /** Ends Dovecot as a crash would, and starts it again at the same ports. */
  restartDovecot(): Promise<void>;
  /** Starts Postfix or ends it. */
  relay(state: 'up' | 'down'): Promise<void>;
  /** Puts a mail into an inbox as it is. */
  put(user: string, raw: string | Buffer): void;
  /** The mails of an inbox, as they are. */
  inbox(user: string): readonly string[];
  /** The flags of each mail of an inbox, as the server keeps them. */
  flags(user: string): readonly string[];
  /** Empties an inbox by making it anew, with another UIDVALIDITY. */
  renumber(user: string): void;
  stop(): Promise<void>;
}

/** Why they cannot be had here; undefined where they can. */
export const WHY_NO_MAIL_PEERS = whyNot();

const PASSWORD = 'lab-password';
const DOVEADM = '/usr/bin/doveadm';
const MAIL_UID = 65_534;
const MASTER = '/usr/lib/postfix/sbin';

function whyNot(): string | undefined {
  if (userInfo().uid !== 0) return 'Postfix and Dovecot need root';
  const missing = ['postfix', 'dovecot', '/usr/lib/dovecot/lmtp'].filter(
    (program) => spawnSync('sh', ['-c', `PATH=$PATH:/usr/sbin command -v ${program}`]).status !== 0,
  );
  return missing.length === 0 ? undefined : `${missing.join(', ')} is not installed`;
}

export async function startMailPeers(): Promise<MailPeers> {
  const dir = mkdtempSync(join(tmpdir(), 'ns-mail-'));
  chmodSync(dir, 0o755);
  const ports = await freePorts(['smtp', 'smtps', 'imap', 'imaps', 'lmtp', 'auth']);
  const { ca } = writeCertificate(dir);
  const dovecotConf = writeDovecot(dir, ports);
  const postfixDir = writePostfix(dir, ports);
  const dovecot = daemonOf(
    ['dovecot', '-F', '-c', dovecotConf],
    [ports.imap, ports.imaps, ports.lmtp],
    join(dir, 'dovecot', 'master.pid'),
  );
  const postfix = daemonOf(
    ['postfix', '-c', postfixDir, 'start-fg'],
    [ports.smtp, ports.smtps],
    join(dir, 'queue', 'pid', 'master.pid'),
  );
  await Promise.all([dovecot.start(), postfix.start()]);
  const doveadm = (args: readonly string[], input?: string | Buffer): Buffer =>
    execFileSync(DOVEADM, ['-c', dovecotConf, ...args], {
      input: input ?? '',
      stdio: ['pipe', 'pipe', 'ignore'],
    });
  const inbox = (user: string): string[] => {
    const uids = doveadm(['search', '-u', user, 'mailbox', 'INBOX', 'all']).toString().match(/\d+$/gm) ?? [];
    return uids.map((uid) => {
      const fetched = doveadm(['fetch', '-u', user, 'text', 'mailbox', 'INBOX', 'uid', uid]).toString();
      return fetched.slice(fetched.indexOf('\n') + 1);
    });
  };
  return {
    smtpUrl: `smtp://127.0.0.1:${ports.smtp}`,
    smtpsUrl: `smtps://127.0.0.1:${ports.smtps}`,
    imapUrl: `imap://127.0.0.1:${ports.imap}`,
    imapsUrl: `imaps://127.0.0.1:${ports.imaps}`,
    ca,
    password: PASSWORD,
    async restartDovecot() {
      await dovecot.end('SIGKILL');
      await dovecot.start();
    },
    relay: (state) => (state === 'up' ? postfix.start() : postfix.end('SIGTERM')),
    put: (user, raw) => void doveadm(['save', '-u', user], raw),
    inbox,
    flags: (user) =>
      doveadm(['fetch', '-u', user, 'flags', 'mailbox', 'INBOX', 'all'])
        .toString()
        .split('\n')
        .filter((line) => line.startsWith('flags:'))
        .map((line) => line.slice('flags:'.length).replace('\\Recent', '').trim()),
    renumber(user) {
      const home = join(dir, 'mail', user);
      rmSync(home, { recursive: true, force: true });
      // Dovecot numbers by the second, which may not have changed.
      mkdirSync(join(home, 'Maildir'), { recursive: true });
      const validity = Math.floor(Date.now() / 1000) + 1000;
      writeFileSync(join(home, 'Maildir', 'dovecot-uidlist'), `3 V${validity} N1\n`);
      execFileSync('chown', ['-R', `${MAIL_UID}:${MAIL_UID}`, home]);
    },
    async stop() {
      await Promise.all([postfix.end('SIGTERM'), dovecot.end('SIGTERM')]);
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** A daemon that stays in the foreground; its pid file says who leads it. */
function daemonOf([program = '', ...args]: readonly string[], ports: readonly number[], pidFile: string) {
  let ended: Promise<void> | undefined;
  return {
    async start(): Promise<void> {
      const path = `${process.env.PATH}:/usr/sbin:/sbin`;
      const child = spawn(program, args, {
        stdio: 'ignore',
        detached: true,
        env: { ...process.env, PATH: path },
      });
      ended = new Promise((resolve) => child.once('close', () => resolve()));
      for (const port of ports) await eventually(`${program} at ${port}`, () => answers(port), 60_000);
    },
    /** With all that it has started, which is one process group. */
    async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
      if (ended === undefined) return;
      process.kill(-Number(readFileSync(pidFile, 'utf8')), signal);
      await ended;
      ended = undefined;
      for (const port of ports)
        await eventually(`${program} gone`, async () => !(await answers(port)), 60_000);
    },
  };
}

function answers(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect(port, '127.0.0.1');
  socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
  return promise.finally(() => socket.destroy());
}

async function freePorts<Name extends string>(names: readonly Name[]): Promise<Record<Name, number>> {
  const ports = new Map<Name, number>();
  for (const name of names) {
    let port = await freePort();
    while ([...ports.values()].includes(port)) port = await freePort();
    ports.set(name, port);
  }
  return Object.fromEntries(ports) as Record<Name, number>;
}

function writeCertificate(dir: string): { ca: string } {
  const { ca, key, cert } = makeCertificate();
  writeFileSync(join(dir, 'key.pem'), key);
  writeFileSync(join(dir, 'cert.pem'), cert);
  return { ca };
}

function writeDovecot(dir: string, ports: Record<'imap' | 'imaps' | 'lmtp' | 'auth', number>): string {
  mkdirSync(join(dir, 'mail'));
  chownSync(join(dir, 'mail'), MAIL_UID, MAIL_UID);
  const listener = (name: string, port: number, more = '') =>
    `inet_listener ${name} {\n address = 127.0.0.1\n port = ${port}\n${more} }`;
  const conf = `
base_dir = ${dir}/dovecot
state_dir = ${dir}/dovecot
log_path = ${dir}/dovecot.log
protocols = imap lmtp
listen = 127.0.0.1
mail_uid = ${MAIL_UID}
mail_gid = ${MAIL_UID}
first_valid_uid = 1
first_valid_gid = 1
mail_location = maildir:~/Maildir
mail_max_userip_connections = 50
auth_username_format = %Ln
recipient_delimiter = +
auth_failure_delay = 0
disable_plaintext_auth = yes
ssl = required
ssl_cert = <${dir}/cert.pem
ssl_key = <${dir}/key.pem
passdb {
 driver = static
 args = password=${PASSWORD}
}
userdb {
 driver = static
 args = uid=${MAIL_UID} gid=${MAIL_UID} home=${dir}/mail/%n allow_all_users=yes
}
protocol lmtp {
 postmaster_address = postmaster@lab.example
}
service imap-login {
 ${listener('imap', ports.imap)}
 ${listener('imaps', ports.imaps, ' ssl = yes\n')}
}
service lmtp {
 ${listener('lmtp', ports.lmtp)}
}
service auth {
 ${listener('auth', ports.auth)}
}
service anvil {
 unix_listener anvil-auth-penalty {
  mode = 0
 }
}
namespace inbox {
 inbox = yes
}
`;
  const file = join(dir, 'dovecot.conf');
  writeFileSync(file, conf);
  return file;
}

function writePostfix(dir: string, ports: Record<'smtp' | 'smtps' | 'lmtp' | 'auth', number>): string {
  const config = join(dir, 'postfix');
  for (const folder of [config, join(dir, 'queue'), join(dir, 'data')]) mkdirSync(folder);
  execFileSync('chown', ['postfix', join(dir, 'data')]);
  const table = (name: string, lines: readonly string[]) => {
    writeFileSync(join(config, name), `${lines.join('\n')}\n`);
    return `regexp:${join(config, name)}`;
  };
  const mailboxes = table('mailboxes', ['if !/^gone/', '/@lab\\.example$/ ok', 'endif']);
  const access = table('access', ['/^busy.*@lab\\.example$/ 451 4.7.1 try again later']);
  const transport = table('transport', [
    '/^full.*@lab\\.example$/ full:',
    '/@bounce\\.example$/ unknown:',
    '/@defer\\.example$/ deferred:',
  ]);
  const main = {
    compatibility_level: '3.6',
    queue_directory: `${dir}/queue`,
    data_directory: `${dir}/data`,
    command_directory: '/usr/sbin',
    daemon_directory: MASTER,
    meta_directory: '/etc/postfix',
    mail_owner: 'postfix',
    setgid_group: 'postdrop',
    myhostname: 'mail.lab.example',
    mydomain: 'lab.example',
    myorigin: 'lab.example',
    mydestination: '',
    mynetworks: '127.0.0.0/8',
    inet_interfaces: '127.0.0.1',
    inet_protocols: 'ipv4',
    alias_maps: '',
    local_transport: 'error:5.1.1 no local mailboxes',
    virtual_mailbox_domains: 'lab.example',
    virtual_mailbox_maps: mailboxes,
    virtual_transport: `lmtp:inet:127.0.0.1:${ports.lmtp}`,
    default_transport: 'error:5.4.4 nothing leaves this machine',
    transport_maps: transport,
    recipient_delimiter: '+',
    smtpd_recipient_restrictions: `check_recipient_access ${access}, reject_unlisted_recipient, permit_mynetworks, reject`,
    smtpd_relay_restrictions: 'permit_mynetworks, reject',
    smtpd_sasl_type: 'dovecot',
    smtpd_sasl_path: `inet:127.0.0.1:${ports.auth}`,
    smtpd_tls_cert_file: `${dir}/cert.pem`,
    smtpd_tls_key_file: `${dir}/key.pem`,
    smtpd_tls_session_cache_database: '',
    smtp_tls_security_level: 'none',
    delay_warning_time: '1s',
    queue_run_delay: '2s',
    minimal_backoff_time: '2s',
    maximal_backoff_time: '3s',
    biff: 'no',
    in_flow_delay: '0s',
    maillog_file: `${dir}/postfix.log`,
    maillog_file_prefixes: dir,
  };
  const pipe = (words: string, code: number) =>
    `pipe user=nobody argv=/bin/sh -c {echo "${words}"; exit ${code}}`;
  const services = [
    `127.0.0.1:${ports.smtp} inet n - n - - smtpd`,
    `127.0.0.1:${ports.smtps} inet n - n - - smtpd -o smtpd_tls_wrappermode=yes -o smtpd_sasl_auth_enable=yes -o smtpd_client_restrictions=permit_sasl_authenticated,reject`,
    'cleanup unix n - n - 0 cleanup',
    'qmgr unix n - n 300 1 qmgr',
    'tlsmgr unix - - n 1000? 1 tlsmgr',
    'rewrite unix - - n - - trivial-rewrite',
    'bounce unix - - n - 0 bounce',
    'defer unix - - n - 0 bounce',
    'trace unix - - n - 0 bounce',
    'verify unix - - n - 1 verify',
    'proxymap unix - - n - - proxymap',
    'error unix - - n - - error',
    'retry unix - - n - - error',
    'lmtp unix - - n - - lmtp',
    'anvil unix - - n - 1 anvil',
    'postlog unix-dgram n - n - 1 postlogd',
    `full unix - n n - - ${pipe('5.2.2 mailbox is full', 65)}`,
    `unknown unix - n n - - ${pipe('5.1.1 no such mailbox', 67)}`,
    `deferred unix - n n - - ${pipe('4.2.1 mailbox is disabled for now', 75)}`,
  ];
  const lines = Object.entries(main).map(([name, value]) => `${name} = ${value}`);
  writeFileSync(join(config, 'main.cf'), `${lines.join('\n')}\n`);
  writeFileSync(join(config, 'master.cf'), `${services.join('\n')}\n`);
  return config;
}
