/** A real OpenSSH server for one test: own host keys, own authorized key, a free port on the loopback. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export interface Sshd {
  readonly port: number;
  /** Whom it lets in, with `userKey`. */
  readonly user: string;
  /** A private key in OpenSSH's format. */
  readonly userKey: string;
  /** Path of `userKey`. */
  readonly userKeyFile: string;
  /** Its own directory, for known_hosts files and what else a test writes; gone after `stop`. */
  readonly dir: string;
  /** `ssh-ed25519 AAAA…` */
  readonly hostKey: string;
  /** Writes a known_hosts file, by default one that knows this server, and says where. */
  knownHosts(text?: string): string;
  /** How many processes its sessions have. */
  sessionCount(): number;
  /** Sends a signal to its sessions and all that runs in them, not to the server itself. */
  signalSessions(signal: NodeJS.Signals): void;
  stop(): void;
}

export async function startSshd(options: { hostKeyTypes?: string[]; config?: string[] } = {}): Promise<Sshd> {
  const dir = mkdtempSync(join(tmpdir(), 'nightshift-sshd-'));
  const port = await freePort();
  const types = options.hostKeyTypes ?? ['ed25519'];
  for (const type of types) generateKey(join(dir, `host_${type}`), type);
  const userKeyFile = join(dir, 'user');
  generateKey(userKeyFile, 'ed25519');
  writeFileSync(
    join(dir, 'sshd_config'),
    [
      `ListenAddress 127.0.0.1:${port}`,
      ...types.map((type) => `HostKey ${join(dir, `host_${type}`)}`),
      `AuthorizedKeysFile ${userKeyFile}.pub`,
      'PidFile none',
      'StrictModes no',
      'UsePAM no',
      'PasswordAuthentication no',
      ...(options.config ?? []),
    ].join('\n'),
  );
  if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true });
  const child = spawn('/usr/sbin/sshd', ['-D', '-e', '-f', join(dir, 'sshd_config')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  await listening(child.stderr);

  const pid = child.pid ?? 0;
  const hostKey = readFileSync(join(dir, `host_${types[0]}.pub`), 'utf8')
    .split(' ', 2)
    .join(' ');
  let files = 0;
  const signalSessions = (signal: NodeJS.Signals) => {
    for (const descendant of descendantsOf(pid)) unlessGone(() => process.kill(descendant, signal));
  };
  return {
    port,
    user: userInfo().username,
    userKey: readFileSync(userKeyFile, 'utf8'),
    userKeyFile,
    dir,
    hostKey,
    knownHosts(text = `[127.0.0.1]:${port} ${hostKey}\n`) {
      const file = join(dir, `known_hosts.${files++}`);
      writeFileSync(file, text);
      return file;
    },
    sessionCount: () => descendantsOf(pid).length,
    signalSessions,
    stop() {
      signalSessions('SIGKILL');
      child.kill('SIGKILL');
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

export function generateKey(file: string, type: string, passphrase = ''): void {
  execFileSync('ssh-keygen', ['-q', '-t', type, '-N', passphrase, '-C', '', '-f', file]);
}

/** A port on which nobody listens, for sshd takes none of its own choice. */
export async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Resolves once sshd says so; rejects with all that it said if it ends before. */
async function listening(stderr: NodeJS.ReadableStream): Promise<void> {
  const said: string[] = [];
  for await (const line of createInterface({ input: stderr })) {
    said.push(line);
    if (line.startsWith('Server listening')) {
      stderr.resume(); // A full pipe would stop the server.
      return;
    }
  }
  throw new Error(`sshd did not start: ${said.join('\n')}`);
}

function descendantsOf(pid: number): number[] {
  const children = unlessGone(() => readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')) ?? '';
  return children
    .split(' ')
    .filter(Boolean)
    .map(Number)
    .flatMap((child) => [child, ...descendantsOf(child)]);
}

/** A process may end while one looks at it. */
function unlessGone<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH'))
      return undefined;
    throw error;
  }
}
