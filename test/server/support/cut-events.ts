/** Follows server-sent events over connections that break at any byte, as a client that comes back each time. */
import { get } from 'node:http';

export interface CutEvents {
  /** What came in whole events, in order. */
  readonly lines: string[];
  /** Id of the last whole event. */
  last: string;
  /** What the event `end` said, once it came. */
  end: string | undefined;
}

/**
 * Reads the body on from the last whole event and hangs up after `mostBytes` of it. What came of an event that
 * was cut is thrown away. Resolves when the connection has ended, however it did.
 */
export async function readCut(
  url: string,
  headers: Readonly<Record<string, string>>,
  { events, mostBytes }: { events: CutEvents; mostBytes: number },
): Promise<void> {
  const came: Buffer[] = [];
  await new Promise<void>((over) => {
    const asked = {
      accept: 'text/event-stream',
      ...headers,
      ...(events.last === '' ? {} : { 'last-event-id': events.last }),
    };
    const request = get(url, { headers: asked, agent: false }, (answer) => {
      let left = mostBytes;
      answer.on('data', (chunk: Buffer) => {
        came.push(chunk.subarray(0, left));
        left -= chunk.length;
        if (left <= 0) request.destroy();
      });
      answer.on('close', over);
      answer.on('error', over);
    });
    request.on('error', () => over());
  });
  const text = Buffer.concat(came).toString('utf8');
  for (const block of text.split('\n\n').slice(0, -1)) {
    const fields = new Map(block.split('\n').map((line) => line.split(/: ?(.*)/s, 2) as [string, string]));
    if (fields.get('event') === 'end') events.end = fields.get('data');
    else if (fields.has('id')) {
      events.lines.push(fields.get('data') ?? '');
      events.last = fields.get('id') ?? events.last;
    }
  }
}
