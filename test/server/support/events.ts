/** Reads server-sent events as a client does: everything, or until it has seen enough and hangs up. */

export interface SentEvent {
  readonly id?: string;
  readonly event?: string;
  readonly data?: string;
}

export interface EventStream {
  readonly status: number;
  /** The next event, a comment as `{}`; undefined when the server has ended. */
  next(): Promise<SentEvent | undefined>;
  hangUp(): void;
}

export async function openEvents(url: string, headers: Record<string, string>): Promise<EventStream> {
  const leaving = new AbortController();
  const answer = await fetch(url, {
    headers: { accept: 'text/event-stream', ...headers },
    signal: leaving.signal,
  });
  const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  return {
    status: answer.status,
    async next() {
      for (;;) {
        const end = text.indexOf('\n\n');
        if (end >= 0) {
          const block = text.slice(0, end);
          text = text.slice(end + 2);
          if (block.startsWith('retry:')) continue;
          return parse(block);
        }
        const chunk = await reader?.read();
        if (chunk === undefined || chunk.done) return undefined;
        text += chunk.value;
      }
    },
    hangUp: () => leaving.abort(),
  };
}

function parse(block: string): SentEvent {
  const fields = block.split('\n').filter((line) => !line.startsWith(':'));
  return Object.fromEntries(fields.map((line) => line.split(/: (.*)/s, 2)));
}
