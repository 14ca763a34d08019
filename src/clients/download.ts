/** One GET whose answer is read as it comes, however long it is. */
import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import { text } from 'node:stream/consumers';
import { getCACertificates } from 'node:tls';

export interface SourceSettings {
  readonly token?: string;
  readonly login?: { readonly user: string; readonly password: string };
  /** Certificates (PEM) that are trusted beside the public authorities. */
  readonly ca?: string;
  /** What we show of ourselves (PEM). */
  readonly certificate?: { readonly cert: string; readonly key: string };
  /** For how long the other side may say nothing. Default 5 min: it may have to look up much before it begins. */
  readonly silentMs?: number;
  /** For a whole answer. Default 30 min. */
  readonly wholeMs?: number;
}

export interface Download {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  /** Has the network's error, or ETIMEDOUT, when it breaks off. Whoever does not read it destroys it. */
  readonly body: http.IncomingMessage;
}

export interface Source {
  /** Throws the network's error, ETIMEDOUT, or the signal's reason. Redirects are not followed. */
  get(url: URL, signal: AbortSignal): Promise<Download>;
  /** Ends the connections that were kept for the next call. */
  close(): void;
}

const SILENT_MS = 5 * 60_000;
const WHOLE_MS = 30 * 60_000;
const MOST_WORDS = 200;

/** Connects to nobody before the first call. */
export function openSource(settings: SourceSettings): Source {
  const { ca, certificate, silentMs = SILENT_MS, wholeMs = WHOLE_MS } = settings;
  const trust = ca === undefined ? {} : { ca: [...getCACertificates(), ca] };
  const agents = {
    'http:': new http.Agent({ keepAlive: true }),
    'https:': new https.Agent({ keepAlive: true, ...trust, ...certificate }),
  };
  const headers = { accept: '*/*', 'user-agent': 'nightshift', ...authorization(settings) };

  return {
    async get(url, signal) {
      const isPlain = url.protocol === 'http:';
      const options = { headers, agent: agents[isPlain ? 'http:' : 'https:'], timeout: silentMs, signal };
      const request = isPlain ? http.request(url, options) : https.request(url, options);
      let body: http.IncomingMessage | undefined;
      const giveUp = (message: string) => {
        const reason = Object.assign(new Error(message), { code: 'ETIMEDOUT' });
        body?.destroy(reason);
        request.destroy(reason);
      };
      request.on('timeout', () => giveUp(`nothing was heard for ${silentMs / 1000} s`));
      const whole = setTimeout(() => giveUp(`it took longer than ${wholeMs / 1000} s`), wholeMs);
      request.once('close', () => clearTimeout(whole));
      try {
        const answered = once(request, 'response');
        request.end();
        [body] = (await answered) as [http.IncomingMessage];
      } catch (error) {
        signal.throwIfAborted();
        throw error;
      }
      // From here on the answer's stream has the errors; the request must not throw them as well.
      request.on('error', () => undefined);
      return { status: body.statusCode ?? 0, headers: body.headers, body };
    },
    close() {
      for (const agent of Object.values(agents)) agent.destroy();
    },
  };
}

/** The beginning of an answer, in one line. Reads no more than that. */
export async function firstWords({ body }: Download): Promise<string> {
  let words = '';
  try {
    for await (const chunk of body.setEncoding('utf8')) {
      words += String(chunk);
      if (words.length > MOST_WORDS) break;
    }
  } catch {
    // It broke off: what came is what there is to say.
  }
  return inOneLine(words);
}

/** What others wrote, as it may stand in an error: short, and without characters that steer a terminal. */
export function inOneLine(words: string, most = MOST_WORDS): string {
  return words
    .replaceAll(/[\s\p{C}]+/gu, ' ')
    .trim()
    .slice(0, most);
}

/** All of it. Throws where it is longer than that. */
export async function wholeText({ body }: Download, mostCharacters: number): Promise<string> {
  let length = 0;
  body.on('data', (chunk: Buffer) => {
    length += chunk.length;
    if (length > mostCharacters) body.destroy(new Error(`it is longer than ${mostCharacters} characters`));
  });
  return text(body);
}

function authorization({ token, login }: SourceSettings): Record<string, string> {
  if (token !== undefined) return { authorization: `Bearer ${token}` };
  if (login === undefined) return {};
  const basic = Buffer.from(`${login.user}:${login.password}`).toString('base64');
  return { authorization: `Basic ${basic}` };
}
