/**
 * A shell on a simulated machine: scripts are read and worked as written, and touch nothing but that
 * machine.
 *
 * Not the real /bin/sh with a PATH of stand-ins: a script that names `/sbin/reboot` would then reboot the
 * computer that the simulation runs on, and its answers would depend on what is installed there.
 */
import { PROGRAMS } from './host-programs.ts';
import { glob, literal } from './patterns.ts';
import type { Program, Session, Streams } from './program.ts';
import {
  type Command,
  type Pipeline,
  parseScript,
  type Redirect,
  type Script,
  SyntaxFault,
  type Word,
} from './shell-syntax.ts';

interface Scope extends Session {
  readonly shell: {
    readonly variables: Map<string, string>;
    /** `$?` */
    status: number;
  };
}

/** `exit`, on its way out of the script. */
class Exit extends Error {
  readonly status: number;
  constructor(status: number) {
    super(`exit ${status}`);
    this.status = status;
  }
}

/** The script's exit status; 2 when it says what this shell does not know, as a real one that cannot read it. */
export async function runShell(session: Session, text: string): Promise<number> {
  try {
    const script = parseScript(text);
    return await runApart({ ...session, shell: { variables: new Map(), status: 0 } }, script);
  } catch (error) {
    if (!(error instanceof SyntaxFault)) throw error;
    session.streams.err(`sh: syntax error: ${error.message}\n`);
    return 2;
  }
}

/** In a shell of its own, whose `exit` and variables end with it. */
async function runApart(scope: Scope, script: Script): Promise<number> {
  try {
    return await runScript({ ...scope, shell: copyOf(scope.shell) }, script);
  } catch (error) {
    if (error instanceof Exit) return error.status;
    throw error;
  }
}

function copyOf({ variables, status }: Scope['shell']): Scope['shell'] {
  return { variables: new Map(variables), status };
}

async function runScript(scope: Scope, script: Script): Promise<number> {
  const { shell, signal } = scope;
  for (const pipeline of script) {
    signal.throwIfAborted();
    if (pipeline.after === '&&' && shell.status !== 0) continue;
    if (pipeline.after === '||' && shell.status === 0) continue;
    shell.status = await runPipeline(scope, pipeline);
  }
  return shell.status;
}

async function runPipeline(scope: Scope, { commands, negated }: Pipeline): Promise<number> {
  const last = commands.length - 1;
  let input = scope.streams.in;
  let status = 0;
  for (const [place, command] of commands.entries()) {
    if (last === 0) status = await runCommand(scope, command);
    else {
      let output = '';
      const out = place === last ? scope.streams.out : (text: string) => void (output += text);
      const apart = { ...scope, shell: copyOf(scope.shell), streams: { ...scope.streams, in: input, out } };
      status = await runCommand(apart, command).catch((error: unknown) => {
        if (error instanceof Exit) return error.status;
        throw error;
      });
      input = output;
    }
  }
  return negated ? Number(status === 0) : status;
}

async function runCommand(scope: Scope, command: Command): Promise<number> {
  if (command.kind === 'for') {
    for (const value of await expandAll(scope, command.words)) {
      scope.shell.variables.set(command.name, value);
      scope.shell.status = await runScript(scope, command.body);
    }
    return scope.shell.status;
  }
  const streams = await redirected(scope, command.redirects);
  if (streams === undefined) return 2;
  const within = { ...scope, streams };
  switch (command.kind) {
    case 'simple':
      return runSimple(within, command);
    case 'group':
      return runScript(within, command.script);
    case 'apart':
      return runApart(within, command.script);
    case 'if':
      for (const { when, run } of command.branches) {
        if ((await runScript(within, when)) === 0) return run.length === 0 ? 0 : runScript(within, run);
      }
      scope.shell.status = 0;
      return runScript(within, command.otherwise);
  }
}

async function runSimple(
  scope: Scope,
  { words, assigns }: Extract<Command, { kind: 'simple' }>,
): Promise<number> {
  const before = scope.shell.status;
  const [name, ...args] = await expandAll(scope, words);
  if (name === undefined) scope.shell.status = 0;
  for (const { name: variable, value } of assigns) {
    scope.shell.variables.set(variable, (await expand(scope, value, { split: false })).join(''));
  }
  // An assignment ends as the last command in it did.
  if (name === undefined) return scope.shell.status;
  if (name === 'exit') throw new Exit(Number(args[0] ?? before) & 255);
  if (name === 'exec') {
    if (args.length === 0) return 0;
    throw new Exit(await runProgram(scope, args));
  }
  return runProgram(scope, [name, ...args]);
}

/** Also `sudo`, `sh` and `command`, which run others. */
async function runProgram(session: Session, argv: readonly string[]): Promise<number> {
  const [name = '', ...args] = argv;
  const { streams } = session;
  const program: Program | undefined = PROGRAMS[name.replace(/^(?:\/usr)?\/s?bin\//, '')];
  switch (name) {
    case 'sh':
    case '/bin/sh': {
      const [flag, script, ...rest] = args;
      if (flag === '-c' && script !== undefined) return runShell({ ...session, args: rest }, script);
      streams.err('sh: only `sh -c SCRIPT` is known here\n');
      return 2;
    }
    case 'sudo': {
      const command = args.filter((arg, place) => place > 0 || arg !== '-n');
      return runProgram({ ...session, user: { name: 'root', id: 0 } }, command);
    }
    case 'command':
      return args[0] === '-v' ? whichProgram(session, args.slice(1)) : runProgram(session, args);
  }
  if (program === undefined) {
    streams.err(`sh: ${name}: not found\n`);
    return 127;
  }
  return program({ ...session, args });
}

function whichProgram({ streams }: Session, names: readonly string[]): number {
  const found = names.filter(
    (name) => name in PROGRAMS || ['sh', 'sudo', 'exit', 'exec', 'command'].includes(name),
  );
  for (const name of found) streams.out(`/usr/bin/${name}\n`);
  return found.length > 0 ? 0 : 127;
}

async function redirected(scope: Scope, redirects: readonly Redirect[]): Promise<Streams | undefined> {
  const streams: { -readonly [Key in keyof Streams]: Streams[Key] } = { ...scope.streams };
  for (const { fd, to } of redirects) {
    if ('fd' in to) {
      if (fd === 1) streams.out = to.fd === 1 ? streams.out : streams.err;
      else streams.err = to.fd === 1 ? streams.out : streams.err;
      continue;
    }
    const [file = ''] = await expand(scope, to.file, { split: false });
    if (fd === 0) {
      const content = file === '/dev/null' ? '' : scope.machine.files().get(file);
      if (content === undefined) {
        scope.streams.err(`sh: cannot open ${file}: No such file\n`);
        return undefined;
      }
      streams.in = content;
    } else if (file === '/dev/null') {
      streams[fd === 1 ? 'out' : 'err'] = () => undefined;
    } else {
      scope.streams.err(`sh: cannot create ${file}: Read-only file system\n`);
      return undefined;
    }
  }
  return streams;
}

async function expandAll(scope: Scope, words: readonly Word[]): Promise<string[]> {
  const fields: string[] = [];
  for (const word of words) fields.push(...(await expand(scope, word, { split: true })));
  return fields;
}

/** A field while it is put together: its text, and the pattern of file names that it may stand for. */
interface Field {
  text: string;
  pattern: string;
  isPattern: boolean;
}

/** Fields of a word: what is not quoted is split at blanks, and stands for the files that it fits. */
async function expand(scope: Scope, word: Word, { split }: { split: boolean }): Promise<string[]> {
  const fields: Field[] = [];
  let open = false;
  const add = (text: string, { quoted }: { quoted: boolean }) => {
    if (!open) fields.push({ text: '', pattern: '', isPattern: false });
    open = true;
    const field = fields.at(-1) as Field;
    field.text += text;
    field.pattern += quoted ? literal(text) : glob(text);
    field.isPattern ||= !quoted && /[*?[]/.test(text);
  };
  for (const part of word) {
    if ('text' in part) {
      add(part.text, part);
      continue;
    }
    if ('variable' in part && part.variable === '@') {
      for (const [place, arg] of scope.args.slice(1).entries()) {
        if (place > 0) open = false;
        add(arg, { quoted: true });
      }
      continue;
    }
    const value = 'variable' in part ? valueOf(scope, part.variable) : await outputOf(scope, part.script);
    if (part.quoted || !split) add(value, { quoted: true });
    else {
      const [first = '', ...others] = value.split(/\s+/);
      if (first !== '') add(first, { quoted: false });
      for (const other of others) {
        open = false;
        if (other !== '') add(other, { quoted: false });
      }
    }
  }
  return fields.flatMap((field) => (split && field.isPattern ? filesLike(scope, field) : [field.text]));
}

function filesLike({ machine }: Scope, { text, pattern }: Field): string[] {
  const fits = new RegExp(`^${pattern}$`);
  const found = [...machine.files().keys()].filter((file) => fits.test(file)).toSorted();
  return found.length === 0 ? [text] : found;
}

function valueOf({ shell, args }: Scope, name: string): string {
  if (name === '?') return String(shell.status);
  if (name === '#') return String(Math.max(0, args.length - 1));
  if (/^\d$/.test(name)) return args[Number(name)] ?? '';
  return shell.variables.get(name) ?? '';
}

async function outputOf(scope: Scope, script: Script): Promise<string> {
  let output = '';
  const streams = { ...scope.streams, out: (text: string) => void (output += text) };
  scope.shell.status = await runApart({ ...scope, streams }, script);
  return output.replace(/\n+$/, '');
}
