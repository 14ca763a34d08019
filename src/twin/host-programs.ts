/** The programs that a simulated hypervisor has, each with the options that scripts use. */
import { basic, literal } from './patterns.ts';
import type { Session } from './shell.ts';

export interface Streams {
  readonly in: string;
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
}

/** Answers its exit status. */
export type Program = (session: Session) => number | Promise<number>;

export const PROGRAMS: Readonly<Record<string, Program>> = {
  ':': () => 0,
  '[': ({ machine, args }) => test(machine.files(), args.slice(0, -1)),
  cat,
  echo: ({ args, streams }) =>
    say(streams, args[0] === '-n' ? args.slice(1).join(' ') : `${args.join(' ')}\n`),
  false: () => 1,
  grep,
  head: ({ args, streams }) => say(streams, unlines(lines(streams.in).slice(0, count(args)))),
  hostname: ({ args, machine, streams }) =>
    say(streams, `${args[0] === '-s' ? machine.name.split('.')[0] : machine.name}\n`),
  id: ({ args, user, streams }) =>
    say(streams, `${args.includes('-u') && !args.includes('-n') ? user.id : user.name}\n`),
  ls,
  printf,
  reboot: (session) => power(session),
  sed,
  shutdown: (session) => power(session),
  sleep,
  sort,
  systemctl,
  tail: ({ args, streams }) => say(streams, unlines(lines(streams.in).slice(-count(args)))),
  test: ({ machine, args }) => test(machine.files(), args),
  tr,
  true: () => 0,
  uname: ({ args, machine, streams }) => say(streams, `${unameOf(args, machine)}\n`),
  uptime: ({ args, machine, streams }) =>
    say(streams, args.includes('-s') ? `${since(machine.bootedAt)}\n` : ' up\n'),
  virsh,
  wc: ({ args, streams }) =>
    args[0] === '-l' ? say(streams, `${lines(streams.in).length}\n`) : unknown(streams, 'wc', args),
};

function say(streams: Streams, text: string): number {
  if (text !== '') streams.out(text);
  return 0;
}

function unknown(streams: Streams, program: string, args: readonly string[]): number {
  streams.err(`${program}: ${args.join(' ')}: not known to the simulated host\n`);
  return 2;
}

function lines(text: string): string[] {
  return text === '' ? [] : text.replace(/\n$/, '').split('\n');
}

function unlines(rows: readonly string[]): string {
  return rows.map((row) => `${row}\n`).join('');
}

/** `-n 3`, `-n3` or `-3`. */
function count(args: readonly string[]): number {
  return Number(/\d+/.exec(args.join(' '))?.[0] ?? 10);
}

function since(at: number): string {
  return new Date(at).toISOString().slice(0, 19).replace('T', ' ');
}

function unameOf(args: readonly string[], { kernel, name }: Session['machine']): string {
  const all = { s: 'Linux', n: name.split('.')[0] ?? '', r: kernel, m: 'x86_64' };
  const asked = args.join('').replaceAll('-', '') || 's';
  const shown = Object.entries(all).filter(([letter]) => asked.includes(letter) || asked === 'a');
  return shown.map(([, value]) => value).join(' ');
}

function cat({ args, machine, streams }: Session): number {
  if (args.length === 0) return say(streams, streams.in);
  const files = machine.files();
  let status = 0;
  for (const file of args) {
    const content = files.get(file);
    if (content !== undefined) say(streams, content);
    else {
      streams.err(`cat: ${file}: No such file or directory\n`);
      status = 1;
    }
  }
  return status;
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

function printf({ args: [format = '', ...values], streams }: Session): number {
  const escapes: Record<string, string> = { '\\n': '\n', '\\t': '\t', '\\\\': '\\' };
  const plain = format.replaceAll(/\\[nt\\]/g, (escape) => escapes[escape] ?? escape);
  const left = [...values];
  let text = '';
  // The format is used again until there are no values left.
  do text += plain.replaceAll(/%[sd%]/g, (spec) => (spec === '%%' ? '%' : (left.shift() ?? '')));
  while (left.length > 0 && /%[sd]/.test(plain));
  return say(streams, text);
}

function grep({ args, streams }: Session): number {
  const flags = args.filter((arg) => /^-[vcEqFi]+$/.test(arg)).join('');
  const [pattern = '', ...rest] = args.filter((arg) => !/^-[vcEqFi]+$/.test(arg));
  if (rest.length > 0 || pattern.startsWith('-')) return unknown(streams, 'grep', args);
  const source = flags.includes('F') ? literal(pattern) : flags.includes('E') ? pattern : basic(pattern);
  const fits = new RegExp(source, flags.includes('i') ? 'i' : '');
  const found = lines(streams.in).filter((line) => fits.test(line) !== flags.includes('v'));
  if (flags.includes('c')) say(streams, `${found.length}\n`);
  else if (!flags.includes('q')) say(streams, unlines(found));
  return Number(found.length === 0);
}

/** `sed -n 's/…/…/p'` and `sed 's/…/…/'`. */
function sed({ args, streams }: Session): number {
  const quiet = args[0] === '-n';
  const [, pattern, by, flags = ''] =
    /^s\/((?:\\.|[^/\\])*)\/((?:\\.|[^/\\])*)\/([gp]*)$/.exec(args.at(-1) ?? '') ?? [];
  if (pattern === undefined || by === undefined || args.length !== (quiet ? 2 : 1))
    return unknown(streams, 'sed', args);
  const fits = new RegExp(basic(pattern.replaceAll('\\/', '/')), flags.includes('g') ? 'g' : '');
  const replacement = by
    .replaceAll('$', '$$$$')
    .replaceAll('\\/', '/')
    .replaceAll(/\\(\d)/g, '$$$1');
  for (const line of lines(streams.in)) {
    const changed = line.replace(fits, replacement);
    if (!quiet) say(streams, `${changed}\n`);
    if (flags.includes('p') && line.search(fits) >= 0) say(streams, `${changed}\n`);
  }
  return 0;
}

function sort({ args, machine, streams }: Session): number {
  const flags = args.filter((arg) => arg.startsWith('-')).join('');
  if (/[^-Vunr]/.test(flags)) return unknown(streams, 'sort', args);
  const files = args.filter((arg) => !arg.startsWith('-'));
  const missing = files.find((file) => !machine.files().has(file));
  if (missing !== undefined) {
    streams.err(`sort: cannot read: ${missing}: No such file or directory\n`);
    return 2;
  }
  const text = files.length === 0 ? streams.in : files.map((file) => machine.files().get(file)).join('');
  const numeric = /[Vn]/.test(flags);
  const rows = lines(text).toSorted((a, b) =>
    numeric ? a.localeCompare(b, 'en', { numeric: true }) : a < b ? -1 : Number(a > b),
  );
  const once = flags.includes('u') ? [...new Set(rows)] : rows;
  return say(streams, unlines(flags.includes('r') ? once.toReversed() : once));
}

/** `tr FROM TO` and `tr -d SET`, character by character. */
function tr({ args, streams }: Session): number {
  const plain = (set = '') => set.replaceAll('\\n', '\n').replaceAll('\\t', '\t').split('');
  if (args.length !== 2) return unknown(streams, 'tr', args);
  const [from, to] = args[0] === '-d' ? [plain(args[1]), []] : [plain(args[0]), plain(args[1])];
  const by = (letter: string) => {
    const place = from.indexOf(letter);
    return place === -1 ? letter : (to[Math.min(place, to.length - 1)] ?? '');
  };
  return say(streams, streams.in.split('').map(by).join(''));
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

function power({ user, machine, streams }: Session): number {
  if (user.id === 0 && machine.reboot()) return 0;
  return denied(streams, 'Failed to reboot system via logind');
}

function denied(streams: Streams, what: string): number {
  streams.err(`${what}: Access denied\n`);
  return 1;
}
