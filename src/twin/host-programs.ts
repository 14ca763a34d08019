/** The programs that a simulated hypervisor has, each with the options that scripts use. */
import { type Program, type Session, type Streams, say, unknown } from './program.ts';
import { TEXT_PROGRAMS, unlines } from './text-programs.ts';

export const PROGRAMS: Readonly<Record<string, Program>> = {
  ...TEXT_PROGRAMS,
  ':': () => 0,
  '[': ({ machine, args }) => test(machine.files(), args.slice(0, -1)),
  df,
  false: () => 1,
  hostname: ({ args, machine, streams }) =>
    say(streams, `${args[0] === '-s' ? machine.name.split('.')[0] : machine.name}\n`),
  id: ({ args, user, streams }) =>
    say(streams, `${args.includes('-u') && !args.includes('-n') ? user.id : user.name}\n`),
  ls,
  reboot: power,
  shutdown: power,
  sleep,
  systemctl,
  timedatectl: ({ args, streams }) =>
    args.join(' ') === 'show -p NTPSynchronized --value'
      ? say(streams, 'yes\n')
      : unknown(streams, 'timedatectl', args),
  test: ({ machine, args }) => test(machine.files(), args),
  true: () => 0,
  uname: ({ args, machine, streams }) => say(streams, `${unameOf(args, machine)}\n`),
  uptime: ({ args, machine, streams }) =>
    args[0] === '-s' ? say(streams, `${since(machine.bootedAt)}\n`) : unknown(streams, 'uptime', args),
  virsh,
};

function since(at: number): string {
  return new Date(at).toISOString().slice(0, 19).replace('T', ' ');
}

function unameOf(args: readonly string[], { kernel, name }: Session['machine']): string {
  const all = { s: 'Linux', n: name.split('.')[0] ?? '', r: kernel, m: 'x86_64' };
  const asked = args.join('').replaceAll('-', '') || 's';
  const shown = Object.entries(all).filter(([letter]) => asked.includes(letter) || asked === 'a');
  return shown.map(([, value]) => value).join(' ');
}

/** As much space as there ever is. */
function df({ args, streams }: Session): number {
  if (args[0] !== '-Pk' || args[1]?.startsWith('/boot') !== true) return unknown(streams, 'df', args);
  const head = 'Filesystem     1024-blocks   Used Available Capacity Mounted on';
  return say(streams, unlines([head, '/dev/sda2           499656 211468    251492      46% /boot']));
}

function ls({ args, machine, streams }: Session): number {
  const files = [...machine.files().keys()];
  let status = 0;
  for (const path of args.filter((arg) => !arg.startsWith('-'))) {
    const inside = files.filter((file) => file.startsWith(`${path.replace(/\/$/, '')}/`));
    const entries = new Set(
      inside.map((file) => file.slice(path.replace(/\/$/, '').length + 1).split('/')[0] ?? ''),
    );
    if (files.includes(path)) say(streams, `${path}\n`);
    else if (entries.size > 0) say(streams, unlines([...entries].toSorted()));
    else {
      streams.err(`ls: cannot access '${path}': No such file or directory\n`);
      status = 2;
    }
  }
  return status;
}

function test(files: ReadonlyMap<string, string>, args: readonly string[]): number {
  if (args[0] === '!') return Number(test(files, args.slice(1)) === 0);
  const [left = '', operator = '', right = ''] = args;
  if (args.length <= 1) return Number(left === '');
  if (args.length === 2) {
    const isThere = [...files.keys()].some((file) => file === operator || file.startsWith(`${operator}/`));
    const answers: Record<string, boolean> = {
      '-e': isThere,
      '-f': files.has(operator),
      '-r': isThere,
      '-s': (files.get(operator) ?? '') !== '',
      '-d': isThere && !files.has(operator),
      '-n': operator !== '',
      '-z': operator === '',
    };
    return left in answers ? Number(!answers[left]) : 2;
  }
  const compared: Record<string, boolean> = {
    '=': left === right,
    '!=': left !== right,
    '-eq': Number(left) === Number(right),
    '-ne': Number(left) !== Number(right),
    '-gt': Number(left) > Number(right),
    '-ge': Number(left) >= Number(right),
    '-lt': Number(left) < Number(right),
    '-le': Number(left) <= Number(right),
  };
  return operator in compared ? Number(!compared[operator]) : 2;
}

async function sleep({ args: [seconds = '0'], machine, signal }: Session): Promise<number> {
  await machine.sleep(Number(seconds) * 1000, signal);
  return 0;
}

/** libvirt shows a user who is not root his own domains only, and he has none. */
function virsh({ args, user, machine, streams }: Session): number {
  if (args[0] !== 'list') return unknown(streams, 'virsh', args);
  const domains = user.id === 0 ? machine.domains() : [];
  const shown = domains.filter(({ running }) => running || args.includes('--all'));
  if (args.includes('--name')) return say(streams, `${unlines(shown.map(({ name }) => name))}\n`);
  if (args.includes('--uuid')) return say(streams, `${unlines(shown.map(({ id }) => id))}\n`);
  const rows = shown.map(
    ({ name, running }, index) => ` ${index + 1}    ${name}   ${running ? 'running' : 'shut off'}`,
  );
  return say(streams, unlines([' Id   Name   State', '---', ...rows, '']));
}

function systemctl(session: Session): number {
  const { args, user, machine, streams } = session;
  const [verb = '', unit = ''] = args.filter((arg) => !arg.startsWith('-'));
  if (verb === 'reboot') return power(session);
  if (verb === 'list-units') return listFailed(session);
  if (verb === 'is-system-running') {
    const failed = machine.failedUnits().length > 0;
    say(streams, failed ? 'degraded\n' : 'running\n');
    return Number(failed);
  }
  const service = unit.replace(/\.service$/, '');
  const state = machine.service(service);
  if (verb === 'is-active') {
    say(streams, `${state ?? 'inactive'}\n`);
    return state === 'active' ? 0 : 3;
  }
  if (!['start', 'stop', 'restart'].includes(verb)) return unknown(streams, 'systemctl', args);
  if (user.id !== 0) return denied(streams, `Failed to ${verb} ${unit}`);
  if (state === undefined) {
    streams.err(`Failed to ${verb} ${unit}: Unit ${unit} not found.\n`);
    return 5;
  }
  if (verb !== 'start') machine.stop(service);
  if (verb !== 'stop') machine.start(service);
  return 0;
}

function listFailed({ args, machine, streams }: Session): number {
  if (!args.includes('--state=failed') || !args.includes('--plain'))
    return unknown(streams, 'systemctl', args);
  return say(streams, unlines(machine.failedUnits().map((unit) => `${unit} loaded failed failed ${unit}`)));
}

function power({ user, machine, streams }: Session): number {
  if (user.id === 0 && machine.reboot()) return 0;
  return denied(streams, 'Failed to reboot system via logind');
}

function denied(streams: Streams, what: string): number {
  streams.err(`${what}: Access denied\n`);
  return 1;
}
