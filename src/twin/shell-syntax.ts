/** What a shell script says: the part of the POSIX shell that scripts for hypervisors are written in. */

type Part =
  | { readonly text: string; readonly quoted: boolean }
  /** `$name`, `$1`, `$?` … */
  | { readonly variable: string; readonly quoted: boolean }
  /** `$(…)` */
  | { readonly script: Script; readonly quoted: boolean };

export type Word = readonly Part[];

export interface Redirect {
  readonly fd: 0 | 1 | 2;
  /** A file, or the other of the two outputs. */
  readonly to: { readonly file: Word } | { readonly fd: 1 | 2 };
}

export type Command =
  | {
      readonly kind: 'simple';
      readonly assigns: readonly { readonly name: string; readonly value: Word }[];
      readonly words: readonly Word[];
      readonly redirects: readonly Redirect[];
    }
  | {
      readonly kind: 'if';
      readonly branches: readonly { readonly when: Script; readonly run: Script }[];
      readonly otherwise: Script;
      readonly redirects: readonly Redirect[];
    }
  | { readonly kind: 'for'; readonly name: string; readonly words: readonly Word[]; readonly body: Script }
  /** In braces; `apart` in parentheses, which is a shell of its own. */
  | { readonly kind: 'group' | 'apart'; readonly script: Script; readonly redirects: readonly Redirect[] };

export interface Pipeline {
  readonly negated: boolean;
  readonly commands: readonly Command[];
  /** What decides whether it runs at all: how the one before ended. */
  readonly after: ';' | '&&' | '||';
}

export type Script = readonly Pipeline[];

/** The script says something that the simulated shell does not know, or is none. */
export class SyntaxFault extends Error {
  override readonly name = 'SyntaxFault';
}

export function parseScript(text: string): Script {
  const parser = new Parser(text);
  const script = parser.script();
  if (!parser.atEnd) throw new SyntaxFault(`unexpected "${parser.rest(10)}"`);
  return script;
}

const RESERVED = /(?:then|elif|else|fi|do|done|\})(?=[\s;|&)]|$)/y;
const REDIRECT = /([012]?)(>&|>|<)/y;

class Parser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get atEnd(): boolean {
    return this.#at >= this.#text.length;
  }

  rest(length: number): string {
    return this.#text.slice(this.#at, this.#at + length);
  }

  /** Until the end, a closing parenthesis or a reserved word. */
  script(): Script {
    const script: Pipeline[] = [];
    let after: Pipeline['after'] = ';';
    for (;;) {
      this.#skip(/(?:\s|\\\n|;(?!;)|#[^\n]*)*/y);
      if (this.atEnd || this.#sees(/\)/y) || this.#sees(RESERVED)) return script;
      script.push(this.#pipeline(after));
      this.#blanks();
      const joined = this.#take(/&&|\|\|/y);
      if (joined === undefined && this.#sees(/&/y))
        throw new SyntaxFault('"&": nothing runs in the background');
      if (joined === undefined && !this.atEnd && !this.#sees(/[;\n)#]/y)) return script;
      after = joined === '&&' || joined === '||' ? joined : ';';
    }
  }

  #pipeline(after: Pipeline['after']): Pipeline {
    const negated = this.#take(/!(?=\s)/y) !== undefined;
    const commands = [this.#command()];
    for (this.#blanks(); this.#take(/\|(?!\|)/y) !== undefined; this.#blanks()) {
      this.#skip(/(?:\s|\\\n)*/y);
      commands.push(this.#command());
    }
    return { negated, commands, after };
  }

  #command(): Command {
    this.#blanks();
    if (this.#word('if')) return this.#if();
    if (this.#word('for')) return this.#for();
    if (this.#sees(/(?:while|until|case|function)\s/y))
      throw new SyntaxFault(`unknown here: ${this.rest(8)}`);
    if (this.#word('{')) return this.#group('group', '}');
    if (this.#take(/\(/y) !== undefined) return this.#group('apart', ')');
    return this.#simple();
  }

  #group(kind: 'group' | 'apart', end: string): Command {
    const script = this.script();
    this.#need(end);
    return { kind, script, redirects: this.#redirects() };
  }

  #if(): Command {
    const branches: { when: Script; run: Script }[] = [];
    do {
      const when = this.script();
      this.#need('then');
      branches.push({ when, run: this.script() });
    } while (this.#word('elif'));
    const otherwise = this.#word('else') ? this.script() : [];
    this.#need('fi');
    return { kind: 'if', branches, otherwise, redirects: this.#redirects() };
  }

  #for(): Command {
    this.#blanks();
    const name = this.#take(/[A-Za-z_]\w*/y);
    this.#blanks();
    if (name === undefined || !this.#word('in')) throw new SyntaxFault('for wants `for NAME in WORDS`');
    const words: Word[] = [];
    for (this.#blanks(); !this.atEnd && !this.#sees(/[;\n]/y); this.#blanks()) words.push(this.#needWord());
    this.#skip(/[\s;]*/y);
    this.#need('do');
    const body = this.script();
    this.#need('done');
    return { kind: 'for', name, words, body };
  }

  #simple(): Command {
    const assigns: { name: string; value: Word }[] = [];
    const words: Word[] = [];
    const redirects: Redirect[] = [];
    for (;;) {
      this.#blanks();
      const redirect = this.#redirect();
      if (redirect !== undefined) {
        redirects.push(redirect);
        continue;
      }
      const name = words.length === 0 ? this.#take(/[A-Za-z_]\w*(?==)/y) : undefined;
      if (name !== undefined) {
        this.#at += 1;
        assigns.push({ name, value: this.#readWord() ?? [] });
        continue;
      }
      const word = this.#readWord();
      if (word === undefined) break;
      words.push(word);
    }
    if (assigns.length + words.length + redirects.length === 0) {
      throw new SyntaxFault(this.atEnd ? 'it ends too early' : `unexpected "${this.rest(10)}"`);
    }
    return { kind: 'simple', assigns, words, redirects };
  }

  #redirects(): Redirect[] {
    const redirects: Redirect[] = [];
    for (this.#blanks(); ; this.#blanks()) {
      const redirect = this.#redirect();
      if (redirect === undefined) return redirects;
      redirects.push(redirect);
    }
  }

  #redirect(): Redirect | undefined {
    if (this.#sees(/[012]?(?:<<|>>|<>)/y)) throw new SyntaxFault(`unknown here: ${this.rest(3)}`);
    REDIRECT.lastIndex = this.#at;
    const found = REDIRECT.exec(this.#text);
    if (found === null) return undefined;
    this.#at = REDIRECT.lastIndex;
    const [, number = '', sign] = found;
    const fd = number === '' ? (sign === '<' ? 0 : 1) : (Number(number) as 0 | 1 | 2);
    this.#blanks();
    if (sign !== '>&') return { fd, to: { file: this.#needWord() } };
    const other = this.#take(/[12]/y);
    if (other === undefined) throw new SyntaxFault('">&" wants 1 or 2');
    return { fd, to: { fd: other === '1' ? 1 : 2 } };
  }

  #needWord(): Word {
    const word = this.#readWord();
    if (word === undefined) throw new SyntaxFault(`unexpected "${this.rest(10)}"`);
    return word;
  }

  #readWord(): Word | undefined {
    const parts: Part[] = [];
    for (;;) {
      const plain = this.#take(/[^\s;&|<>()'"\\$`]+/y);
      if (plain !== undefined) parts.push({ text: plain, quoted: false });
      else if (this.#take(/\\\n/y) === undefined) {
        const part = this.#special();
        if (part === undefined) return parts.length === 0 ? undefined : parts;
        parts.push(...part);
      }
    }
  }

  #special(): Part[] | undefined {
    const escaped = this.#take(/\\[^\n]/y);
    if (escaped !== undefined) return [{ text: escaped.slice(1), quoted: true }];
    const single = this.#take(/'[^']*'/y);
    if (single !== undefined) return [{ text: single.slice(1, -1), quoted: true }];
    if (this.#take(/"/y) !== undefined) return this.#quoted();
    if (this.#sees(/\$/y)) return [this.#dollar({ quoted: false })];
    if (this.#sees(/[`'"\\]/y)) throw new SyntaxFault(`unknown here: ${this.rest(10)}`);
    return undefined;
  }

  #quoted(): Part[] {
    const parts: Part[] = [{ text: '', quoted: true }];
    while (this.#take(/"/y) === undefined) {
      const plain = this.#take(/(?:[^"\\$`]|\\[^"\\$`\n])+/y);
      const escaped = plain ?? this.#take(/\\["\\$`]/y)?.slice(1);
      if (escaped !== undefined) parts.push({ text: escaped, quoted: true });
      else if (this.#take(/\\\n/y) !== undefined) continue;
      else if (this.#sees(/\$/y)) parts.push(this.#dollar({ quoted: true }));
      else throw new SyntaxFault('a quotation does not end');
    }
    return parts;
  }

  #dollar({ quoted }: { quoted: boolean }): Part {
    if (this.#sees(/\$\(\(/y)) throw new SyntaxFault('unknown here: $((');
    if (this.#take(/\$\(/y) !== undefined) {
      const script = this.script();
      this.#need(')');
      return { script, quoted };
    }
    const variable = this.#take(/\$(?:[A-Za-z_]\w*|[0-9?#@])/y)?.slice(1);
    if (variable !== undefined) return { variable, quoted };
    const braced = this.#take(/\$\{(?:[A-Za-z_]\w*|[0-9])\}/y)?.slice(2, -1);
    if (braced !== undefined) return { variable: braced, quoted };
    if (this.#sees(/\$[{]/y)) throw new SyntaxFault(`unknown here: ${this.rest(10)}`);
    this.#at += 1;
    return { text: '$', quoted };
  }

  #need(text: string): void {
    this.#skip(/[\s;]*/y);
    if (!this.#text.startsWith(text, this.#at)) throw new SyntaxFault(`"${text}" is missing`);
    this.#at += text.length;
  }

  /** A reserved word, taken if it stands here. */
  #word(word: string): boolean {
    const there =
      this.#text.startsWith(word, this.#at) &&
      /^(?:[\s;|&)]|$)/.test(this.rest(word.length + 1).slice(word.length));
    if (there) this.#at += word.length;
    return there;
  }

  #blanks(): void {
    this.#skip(/(?:[ \t]|\\\n)*(?:#[^\n]*)?/y);
  }

  #skip(pattern: RegExp): void {
    this.#take(pattern);
  }

  #sees(pattern: RegExp): boolean {
    pattern.lastIndex = this.#at;
    return pattern.test(this.#text);
  }

  #take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const [found] = pattern.exec(this.#text) ?? [];
    this.#at += found?.length ?? 0;
    return found;
  }
}
