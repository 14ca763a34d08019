import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import ssh2, { type Connection, type ServerChannel } from 'ssh2';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { type SshError, type SshHosts, type SshSettings, sshHosts } from '../../src/clients/ssh.ts';
import { freePort, generateKey, type Sshd, startSshd } from '../support/sshd.ts';

let sshd: Sshd;
beforeAll(async () => {
  sshd = await startSshd();
});
afterAll(() => sshd.stop());

describe('a command', () => {
  it.each([
    ['printf', '%s\\n', '$(touch pwned)'],
    ['printf', '%s\\n', '`id`; id && id | id > /dev/null &'],
    ['printf', '%s\\n', "it's", '"quoted"', "''", '\\', '\\n'],
    ['printf', '%s|', '', ' ', '\t', 'two\nlines', '*', '~', '#', '!', '{a,b}', '$HOME', 'A=b'],
    ['printf', '%s\n', 'ü', '漢字', '🌙'],
  ])('reaches the host word for word: %j', async (...argv) => {
    const here = execFileSync(argv[0] ?? '', argv.slice(1), { encoding: 'utf8' });

    const there = await connected().host('hv01').run(argv, { timeoutMs: 10_000 });

    expect(there).toEqual({ exit: 0, stdout: here, stderr: '' });
  });

  it('is never taken for a word of the shell', async () => {
    const { exit, stderr } = await connected().host('hv01').run(['if'], { timeoutMs: 10_000 });

    expect(exit).toBe(127);
    expect(stderr).toContain('not found');
  });

  it.each([0, 1, 3, 255])('ends with its exit code: %i', async (exit) => {
    const result = await shell(`echo out; echo err >&2; exit ${exit}`);

    expect(result).toEqual({ exit, stdout: 'out\n', stderr: 'err\n' });
  });

  it('that a signal ends has the exit code that a shell would give it', async () => {
    const result = await shell('kill -KILL $$');

    expect(result).toEqual({ exit: 137, signal: 'SIGKILL', stdout: '', stderr: '' });
  });

  it('finds nothing on its standard input', async () => {
    await expect(shell('cat; echo over')).resolves.toMatchObject({ stdout: 'over\n' });
  });

  it('hands its lines on while it runs', async () => {
    const flag = join(sshd.dir, 'go-on');
    const lines: string[] = [];
    const onLine = (stream: string, line: string) => lines.push(`${stream}: ${line}`);

    const running = shell(
      `echo one; until [ -e ${flag} ]; do sleep 0.05; done; printf 'two\\r\\nthree' >&2`,
      { onLine },
    );
    await vi.waitFor(() => expect(lines).toEqual(['stdout: one']), 10_000);
    execFileSync('touch', [flag]);
    await running;

    expect(lines).toEqual(['stdout: one', 'stderr: two', 'stderr: three']);
  });

  it('may cut its characters anywhere', async () => {
    const bytes = [...Buffer.from('🌙ü\n')].map((byte) => `\\${byte.toString(8)}`);
    const lines: string[] = [];

    const { stdout } = await shell(bytes.map((byte) => `printf '${byte}'; sleep 0.02`).join('; '), {
      onLine: (_, line) => lines.push(line),
    });

    expect(stdout).toBe('🌙ü\n');
    expect(lines).toEqual(['🌙ü']);
  });

  it('may print more than is kept: every line is handed on, of the text both ends stay', async () => {
    let count = 0;

    const { stdout } = await shell('seq 1 600000; echo the end', { onLine: () => count++ });

    expect(count).toBe(600_001);
    expect(stdout.length).toBeLessThan(1.1 * 1024 * 1024);
    expect(stdout).toMatch(/^1\n2\n[^]*\n… \d+ characters cut …\n[^]*600000\nthe end\n$/);
  });

  it('runs beside others', async () => {
    const hosts = connected();

    const all = await Promise.all(
      ['a', 'b', 'c', 'd', 'e', 'f'].map((word) =>
        hosts.host('hv01').run(['echo', word], { timeoutMs: 20_000 }),
      ),
    );

    expect(all.map((result) => result.stdout).join('')).toBe('a\nb\nc\nd\ne\nf\n');
  });

  it('with a NUL character is refused', async () => {
    await expect(connected().host('hv01').run(['echo', 'a\0b'], { timeoutMs: 10_000 })).rejects.toMatchObject(
      {
        name: 'SshError',
        retryable: false,
        sent: false,
      },
    );
  });
});

describe('a command whose end is not seen', () => {
  const outOfSight = { name: 'SshError', retryable: true, sent: true };

  it('fails when its time is over', async () => {
    const failed = shell('sleep 60', { timeoutMs: 1500 });

    await expect(failed).rejects.toMatchObject(outOfSight);
    await expect(failed).rejects.toThrow(
      /hv01: `sh -c sleep 60` was sent .* timed out after 1\.5 s.* may still run/,
    );
  });

  it('fails when it is called off', async () => {
    const off = new AbortController();

    const failed = shell('echo begun; sleep 60', { signal: off.signal, onLine: () => off.abort() });

    await expect(failed).rejects.toMatchObject(outOfSight);
    await expect(failed).rejects.toThrow('called off');
  });

  it('fails when the client is closed', async () => {
    const hosts = connected();

    const failed = hosts
      .host('hv01')
      .run(['sh', '-c', 'echo begun; sleep 60'], { timeoutMs: 60_000, onLine: () => hosts.close() });

    await expect(failed).rejects.toMatchObject(outOfSight);
  });

  it('fails when the server dies', async () => {
    const failed = shell('echo begun; sleep 60', { onLine: () => sshd.signalSessions('SIGKILL') });

    await expect(failed).rejects.toMatchObject(outOfSight);
    await expect(failed).rejects.toThrow('the connection broke');
  });

  it.each([
    { title: 'ends it without an exit code', end: (channel: ServerChannel) => channel.close() },
    {
      title: 'vanishes between its exit code and the end of its output',
      end: (channel: ServerChannel, client: Connection) => {
        channel.exit(0);
        channel.write('half a li', () => setImmediate(() => client.end()));
      },
    },
  ])('fails when the server $title', async ({ end }) => {
    const port = await answerCommands(end);

    const failed = connected({ port, knownHosts: [sshd.knownHosts(`127.0.0.1 ${sshd.hostKey}`)] })
      .host('hv01')
      .run(['true'], { timeoutMs: 10_000 });

    await expect(failed).rejects.toMatchObject(outOfSight);
  });

  it('fails when the server falls silent', async () => {
    const hosts = connected({ keepaliveMs: 100 });

    const failed = hosts.host('hv01').run(['sh', '-c', 'echo begun; sleep 60'], {
      timeoutMs: 60_000,
      onLine: () => sshd.signalSessions('SIGSTOP'),
    });

    await expect(failed).rejects.toMatchObject({ ...outOfSight, cause: { message: 'Keepalive timeout' } });
    sshd.signalSessions('SIGKILL');
  });

  // OpenSSH before 9.8 passes no signal on to what root runs.
  it.skipIf(process.getuid?.() === 0)('is told to end', async () => {
    const flag = join(sshd.dir, 'told');

    const failed = shell(`trap 'touch ${flag}; exit' TERM; echo begun; while :; do sleep 0.1; done`, {
      timeoutMs: 1500,
    });

    await expect(failed).rejects.toMatchObject(outOfSight);
    await vi.waitFor(() => expect(existsSync(flag)).toBe(true), 10_000);
  });
});

describe('a command that is not sent', () => {
  it('is called off already', async () => {
    const failed = shell('echo never', { signal: AbortSignal.abort() });

    await expect(failed).rejects.toMatchObject({ name: 'SshError', retryable: true, sent: false });
  });

  it('goes to nobody: trying again may help', async () => {
    const failed = connected({ port: await freePort() })
      .host('hv01')
      .run(['true'], { timeoutMs: 10_000 });

    await expect(failed).rejects.toMatchObject({ name: 'SshError', retryable: true, sent: false });
    await expect(failed).rejects.toThrow(/^hv01 \(127\.0\.0\.1:\d+\) cannot be reached: .*ECONNREFUSED/);
  });

  it('goes to somebody who says nothing', async () => {
    const port = await listenAndDo((socket) => socket.resume());

    const failed = connected({ port, connectTimeoutMs: 300 })
      .host('hv01')
      .run(['true'], { timeoutMs: 10_000 });

    await expect(failed).rejects.toMatchObject({ retryable: true, sent: false });
    await expect(failed).rejects.toThrow('within 0.3 s');
  });

  it('goes to somebody who hangs up', async () => {
    const port = await listenAndDo((socket) => socket.destroy());

    await expect(connected({ port }).host('hv01').run(['true'], { timeoutMs: 10_000 })).rejects.toMatchObject(
      {
        retryable: true,
        sent: false,
      },
    );
  });

  it('goes to a host that opens no session', async () => {
    const full = await startSshd({ config: ['MaxSessions 0'] });
    onTestFinished(() => full.stop());

    const failed = connected({}, full).host('hv01').run(['true'], { timeoutMs: 10_000 });

    await expect(failed).rejects.toMatchObject({ name: 'SshError', retryable: true, sent: false });
  });

  it('goes to a name that does not resolve: somebody must correct it', async () => {
    const failed = connected({ addresses: {} }).host('hv01.invalid').run(['true'], { timeoutMs: 10_000 });

    await expect(failed).rejects.toMatchObject({ retryable: false, sent: false });
    await expect(failed).rejects.toThrow('ssh.addresses');
  });
});

describe('a client', () => {
  it('lets its process end: when all is run, and when it is closed before', async () => {
    const settings = { user: sshd.user, key: sshd.userKey, knownHosts: [sshd.knownHosts()], port: sshd.port };
    const script = `
      import { sshHosts } from ${JSON.stringify(new URL('../../src/clients/ssh.ts', import.meta.url))};
      const host = sshHosts(${JSON.stringify(settings)}).host('127.0.0.1');
      console.log((await host.run(['echo', 'there'], { timeoutMs: 600_000 })).stdout);
      const closed = sshHosts(${JSON.stringify(settings)});
      const run = closed.host('127.0.0.1').run(['sleep', '60'], { timeoutMs: 600_000 });
      setTimeout(() => closed.close(), 500);
      await run.catch((error) => console.log(error.name));`;

    const { stdout, stderr } = await promisify(execFile)(process.execPath, [
      '--input-type=module',
      '-e',
      script,
    ]);

    expect(stderr).toBe('');
    expect(stdout).toBe('there\n\nSshError\n');
  });
});

describe('host keys', () => {
  it('that are unknown are refused with the line to add, after which all is well', async () => {
    const file = sshd.knownHosts('');
    const hosts = connected({ knownHosts: [file] });

    const error = await refused(hosts);
    const fingerprint = execFileSync('ssh-keygen', ['-lf', join(sshd.dir, 'host_ed25519.pub')], {
      encoding: 'utf8',
    }).split(' ')[1];
    expect(error.message).toContain(`hv01 (127.0.0.1:${sshd.port}) is unknown`);
    expect(error.message).toContain(fingerprint);
    execFileSync('sh', ['-c', /echo .* >> .*$/.exec(error.message)?.[0] ?? 'false']);

    await expect(hosts.host('hv01').run(['true'], { timeoutMs: 10_000 })).resolves.toMatchObject({ exit: 0 });
  });

  it('are unknown while the file is not there', async () => {
    const file = join(sshd.dir, 'not-there');

    expect((await refused(connected({ knownHosts: [file] }))).message).toContain(`${file} has none`);
  });

  it.each([
    {
      title: 'have changed',
      lines: (key: string) => `# comment\n[127.0.0.1]:${sshd.port} ${key}`,
      says: /has changed: .* line 2 has .*SHA256:.*SHA256:/,
    },
    {
      title: 'are revoked',
      lines: () => `127.0.0.1 ${sshd.hostKey}\n@revoked * ${sshd.hostKey}`,
      says: /is revoked by .* line 2/,
    },
    {
      title: 'only an authority vouches for',
      lines: () => `@cert-authority * ${sshd.hostKey}`,
      says: /line 1 names a certificate authority .* not supported/,
    },
  ])('that $title are refused', async ({ lines, says }) => {
    generateKey(join(sshd.dir, `other ${lines.length} ${says.source.length}`), 'ed25519');
    const other = readFileSync(
      join(sshd.dir, `other ${lines.length} ${says.source.length}.pub`),
      'utf8',
    ).trim();

    const error = await refused(connected({ knownHosts: [sshd.knownHosts(lines(other))] }));

    expect(error.message).toMatch(says);
  });

  it('are found in a file that ssh-keygen has hashed', async () => {
    const file = sshd.knownHosts();
    execFileSync('ssh-keygen', ['-q', '-H', '-f', file], { stdio: 'ignore' });
    expect(readFileSync(file, 'utf8')).toMatch(/^\|1\|/);

    await expect(
      connected({ knownHosts: [file] })
        .host('hv01')
        .run(['true'], { timeoutMs: 10_000 }),
    ).resolves.toMatchObject({ exit: 0 });
  });

  it.each([
    { title: 'a wildcard', hosts: () => `[127.0.0.*]:${sshd.port}` },
    { title: 'the hypervisor’s name', hosts: () => `[hv01]:${sshd.port}` },
    { title: 'the address without a port', hosts: () => '127.0.0.1' },
  ])('may be listed under $title', async ({ hosts }) => {
    const file = sshd.knownHosts(`${hosts()} ${sshd.hostKey}\n`);

    await expect(
      connected({ knownHosts: [file] })
        .host('hv01')
        .run(['true'], { timeoutMs: 10_000 }),
    ).resolves.toMatchObject({ exit: 0 });
  });

  it('are asked for by the type that is listed', async () => {
    const many = await startSshd({ hostKeyTypes: ['rsa', 'ecdsa', 'ed25519'] });
    onTestFinished(() => many.stop());

    for (const type of ['rsa', 'ecdsa', 'ed25519']) {
      const key = readFileSync(join(many.dir, `host_${type}.pub`), 'utf8');
      const hosts = connected({ knownHosts: [many.knownHosts(`127.0.0.1 ${key}`)] }, many);

      await expect(hosts.host('hv01').run(['echo', type], { timeoutMs: 10_000 })).resolves.toMatchObject({
        stdout: `${type}\n`,
      });
    }
  });
});

describe('logging in', () => {
  it('needs a key that the host accepts', async () => {
    const file = join(sshd.dir, 'stranger');
    generateKey(file, 'ed25519');
    const fingerprint = execFileSync('ssh-keygen', ['-lf', file], { encoding: 'utf8' }).split(' ')[1];

    const error = await refused(connected({ key: readFileSync(file) }));

    expect(error.message).toContain(`does not let ${sshd.user} in with the key ${fingerprint}`);
    expect(error.message).toContain('authorized_keys');
  });

  it('works with an encrypted key and its passphrase', async () => {
    const server = await startSshd();
    onTestFinished(() => server.stop());
    execFileSync('ssh-keygen', ['-q', '-p', '-N', 'open sesame', '-f', server.userKeyFile]);
    const settings = { key: readFileSync(server.userKeyFile), passphrase: 'open sesame' };

    await expect(
      connected(settings, server).host('hv01').run(['true'], { timeoutMs: 20_000 }),
    ).resolves.toMatchObject({ exit: 0 });
    expect(() => connected({ key: settings.key }, server)).toThrow(
      /private key cannot be read: .*passphrase/,
    );
    expect(() => connected({ ...settings, passphrase: 'sesame' }, server)).toThrow(
      /private key cannot be read: .*passphrase/,
    );
  });

  it('works with an agent, also when the key that was tried first is refused', async () => {
    const agent = await startAgent(sshd);
    const stranger = join(sshd.dir, 'another-stranger');
    generateKey(stranger, 'ed25519');

    for (const key of [undefined, readFileSync(stranger)]) {
      const hosts = connected({ key, agent });

      await expect(hosts.host('hv01').run(['true'], { timeoutMs: 10_000 })).resolves.toMatchObject({
        exit: 0,
      });
    }
  });

  it('names an agent that is not there', async () => {
    const agent = join(sshd.dir, 'no-agent');

    expect((await refused(connected({ key: undefined, agent }))).message).toContain(
      `the agent at ${agent}, which failed: Failed to connect`,
    );
  });

  it.each([
    { title: 'neither key nor agent', settings: { key: undefined }, says: 'no way to log in' },
    {
      title: 'what is no key',
      settings: { key: 'secret words' },
      says: 'cannot be read: Unsupported key format',
    },
    {
      title: 'a public key',
      settings: { key: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f' },
      says: 'private one is needed',
    },
    {
      title: 'a jump host that is no address',
      settings: { jump: 'bastion:port' },
      says: '"bastion:port" is no address',
    },
  ])('is refused beforehand with $title', ({ settings, says }) => {
    expect(() => connected(settings)).toThrow(says);
    expect(() => connected(settings)).not.toThrow('secret words');
  });
});

describe('a jump host', () => {
  let bastion: Sshd;
  beforeAll(async () => {
    bastion = await startSshd();
  });
  afterAll(() => bastion.stop());

  function through(settings: Changes = {}): SshHosts {
    return connected({
      key: undefined,
      jump: `${bastion.user}@127.0.0.1:${bastion.port}`,
      knownHosts: [sshd.knownHosts(), bastion.knownHosts()],
      ...settings,
    });
  }

  it('is passed on the way, and the command runs behind it', async () => {
    const agent = await startAgent(sshd, bastion);

    const { stdout } = await through({ agent })
      .host('hv01')
      .run(['sh', '-c', 'echo $SSH_CONNECTION'], { timeoutMs: 10_000 });

    expect(stdout).toMatch(new RegExp(`127\\.0\\.0\\.1 ${sshd.port}\n$`));
  });

  it.each([
    {
      title: 'its own host key',
      listed: () => sshd.knownHosts(),
      says: () => `key of 127.0.0.1:${bastion.port} is unknown`,
    },
    {
      title: 'the host key behind it',
      listed: () => bastion.knownHosts(),
      says: () => `hv01 (127.0.0.1:${sshd.port}) is unknown`,
    },
  ])('is of no use without $title', async ({ listed, says }) => {
    const agent = await startAgent(sshd, bastion);

    const error = await refused(through({ agent, knownHosts: [listed()] }));

    expect(error.message).toContain(says());
  });

  it('cannot reach every host', async () => {
    const agent = await startAgent(sshd, bastion);

    const failed = through({ agent, port: await freePort() })
      .host('hv01')
      .run(['true'], { timeoutMs: 10_000 });

    await expect(failed).rejects.toMatchObject({ name: 'SshError', retryable: true, sent: false });
    await expect(failed).rejects.toThrow(/did not connect us to hv01 .*Connection refused/);
  });

  it('may not forward', async () => {
    const strict = await startSshd({ config: ['AllowTcpForwarding no'] });
    onTestFinished(() => strict.stop());
    const agent = await startAgent(sshd, strict);

    const error = await refused(
      through({
        agent,
        jump: `127.0.0.1:${strict.port}`,
        knownHosts: [sshd.knownHosts(), strict.knownHosts()],
      }),
    );

    expect(error.message).toContain('AllowTcpForwarding');
  });

  it('is let go when the host behind it dies', async () => {
    const agent = await startAgent(sshd, bastion);

    const failed = through({ agent })
      .host('hv01')
      .run(['sh', '-c', 'echo begun; sleep 60'], {
        timeoutMs: 60_000,
        onLine: () => sshd.signalSessions('SIGKILL'),
      });

    await expect(failed).rejects.toMatchObject({ name: 'SshError', retryable: true, sent: true });
    await vi.waitFor(() => expect(bastion.sessionCount()).toBe(0), 10_000);
  });

  it('that dies leaves the end of the command unseen', async () => {
    const agent = await startAgent(sshd, bastion);

    const failed = through({ agent })
      .host('hv01')
      .run(['sh', '-c', 'echo begun; sleep 60'], {
        timeoutMs: 60_000,
        onLine: () => bastion.signalSessions('SIGKILL'),
      });

    await expect(failed).rejects.toMatchObject({ name: 'SshError', retryable: true, sent: true });
    sshd.signalSessions('SIGKILL');
  });
});

type Changes = { [Key in keyof SshSettings]?: SshSettings[Key] | undefined };

/** A client of `server`, where hv01 is; closed after the test. */
function connected(changes: Changes = {}, server = sshd): SshHosts {
  const settings = {
    user: server.user,
    key: server.userKey,
    knownHosts: [server.knownHosts()],
    port: server.port,
    addresses: { hv01: '127.0.0.1' },
    ...changes,
  };
  const set = Object.entries(settings).filter(([, value]) => value !== undefined);
  const hosts = sshHosts(Object.fromEntries(set) as unknown as SshSettings);
  onTestFinished(() => hosts.close());
  return hosts;
}

function shell(script: string, options: Partial<Parameters<ReturnType<SshHosts['host']>['run']>[1]> = {}) {
  return connected()
    .host('hv01')
    .run(['sh', '-c', script], { timeoutMs: 20_000, ...options });
}

/** The error of a command that cannot succeed until a person has done something. */
async function refused(hosts: SshHosts): Promise<SshError> {
  const error: unknown = await hosts
    .host('hv01')
    .run(['true'], { timeoutMs: 10_000 })
    .catch((error: unknown) => error);
  expect(error).toMatchObject({ name: 'SshError', retryable: false, sent: false });
  return error as SshError;
}

/** A real ssh-agent that holds the keys of these servers; its socket's path. */
async function startAgent(...servers: Sshd[]): Promise<string> {
  const socket = join(sshd.dir, `agent.${await freePort()}`);
  const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' });
  onTestFinished(() => void agent.kill());
  const keys = servers.map((server) => server.userKeyFile);
  const addKeys = () =>
    execFileSync('ssh-add', ['-q', ...keys], {
      env: { ...process.env, SSH_AUTH_SOCK: socket },
      stdio: 'ignore',
    });
  await vi.waitFor(addKeys, 10_000); // its socket is there a moment before it listens
  return socket;
}

/** An SSH server with the host key of `sshd` that lets everybody in and does with commands what OpenSSH would not. */
async function answerCommands(answer: (channel: ServerChannel, client: Connection) => void): Promise<number> {
  const hostKey = readFileSync(join(sshd.dir, 'host_ed25519'));
  const server = new ssh2.Server({ hostKeys: [hostKey] }, (client) => {
    client.on('error', () => {});
    client.on('authentication', (request) => request.accept());
    client.on('session', (accept) => {
      accept().on('exec', (accept) => answer(accept(), client));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return (server.address() as net.AddressInfo).port;
}

async function listenAndDo(what: (socket: net.Socket) => void): Promise<number> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    what(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as net.AddressInfo).port;
}
