/** The programs of a simulated hypervisor that read text and write text. */
import { basic, literal } from './patterns.ts';
import { type Program, type Session, say, unknown } from './program.ts';

export const TEXT_PROGRAMS: Readonly<Record<string, Program>> = {
  cat,
  echo: ({ args, streams }) =>
    say(streams, args[0] === '-n' ? args.slice(1).join(' ') : `${args.join(' ')}\n`),
  grep,
  head: ({ args, streams }) => say(streams, unlines(lines(streams.in).slice(0, count(args)))),
  printf,
  sed,
  sort,
  tail: ({ args, streams }) => say(streams, unlines(lines(streams.in).slice(-count(args)))),
  tr,
  wc: ({ args, streams }) =>
    args[0] === '-l' ? say(streams, `${lines(streams.in).length}\n`) : unknown(streams, 'wc', args),
};

function lines(text: string): string[] {
  return text === '' ? [] : text.replace(/\n$/, '').split('\n');
}

export function unlines(rows: readonly string[]): string {
  return rows.map((row) => `${row}\n`).join('');
}

/** `-n 3`, `-n3` or `-3`. */
function count(args: readonly string[]): number {
  return Number(/\d+/.exec(args.join(' '))?.[0] ?? 10);
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

/** Files by `grep -sH` only, which names the file before each line and says nothing of those that are not there. */
function grep({ args, machine, streams }: Session): number {
  const flags = args.filter((arg) => /^-[vcEqFisH]+$/.test(arg)).join('');
  const [pattern = '', ...rest] = args.filter((arg) => !/^-[vcEqFisH]+$/.test(arg));
  if (flags.includes('s') && flags.includes('H')) {
    const files = machine.files();
    const found = rest.flatMap((file) =>
      lines(files.get(file) ?? '')
        .filter((line) => new RegExp(basic(pattern)).test(line))
        .map((line) => `${file}:${line}`),
    );
    say(streams, unlines(found));
    return Number(found.length === 0);
  }
  if (rest.length > 0 || /[sH]/.test(flags) || pattern.startsWith('-')) return unknown(streams, 'grep', args);
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
