/** The log of a run: whole, a range of its bytes, or followed as it grows. */
import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { isOver } from '../engine/runs.ts';
import { type ByteRange, parseRange } from './byte-range.ts';
import { type App, type Desk, OR_PROBLEM } from './desk.ts';
import { couldBeRun, noRun } from './find-run.ts';
import { followLog } from './follow-log.ts';
import { Problem } from './problem.ts';
import { RunParams } from './shapes.ts';

const NDJSON = 'application/x-ndjson';
const EVENTS = 'text/event-stream';
const CHUNK_BYTES = 256 * 1024;
/** Who reads slowly is waited for after so many bytes, not after so many chunks. */
const BY_BYTES = { objectMode: false, highWaterMark: CHUNK_BYTES };

const LogHeaders = z.looseObject({
  range: z.string().optional().describe('`bytes=1000-`: what came since; 416 as long as nothing did'),
  'last-event-id': z
    .string()
    .regex(/^\d{1,15}$/)
    .optional()
    .describe('Follow from this byte on: the id of the last event that came'),
});

const LOG = {
  [NDJSON]: { schema: z.string().describe('One JSON object a line') },
  [EVENTS]: {
    schema: z
      .string()
      .describe('One event a line, its id the byte behind it; an event `end` when the run is over'),
  },
};

export function addLogRoute(app: App, desk: Desk): void {
  const { engine, ask, limits } = desk;
  let followers = 0;

  function follow(id: string, from: number, reply: FastifyReply): FastifyReply {
    // Who left while Redis was asked will not be heard leaving.
    if (reply.raw.destroyed) return reply.code(204).send();
    if (followers >= limits.followers) {
      throw new Problem(
        'too-many-requests',
        `${limits.followers} logs are followed already; try again later`,
      );
    }
    followers += 1;
    const gone = new AbortController();
    reply.raw.once('close', () => {
      followers -= 1;
      gone.abort();
    });
    const signal = AbortSignal.any([gone.signal, desk.closing]);
    reply.headers({ 'cache-control': 'no-store', 'x-accel-buffering': 'no' }).type(EVENTS);
    return reply.send(Readable.from(followLog(desk, { run: id, from, signal }), BY_BYTES));
  }

  function sendBytes(id: string, range: ByteRange, reply: FastifyReply): FastifyReply {
    reply.headers({ 'accept-ranges': 'bytes', 'content-length': range.end - range.start }).type(NDJSON);
    return reply.send(Readable.from(bytesOf(desk, id, range), BY_BYTES));
  }

  app.route({
    method: 'GET',
    url: '/api/v1/runs/:id/log',
    schema: {
      operationId: 'getRunLog',
      summary:
        'Read the log of a run as far as it was worked on this machine, or follow it (Accept: text/event-stream)',
      params: RunParams,
      headers: LogHeaders,
      response: {
        200: { description: 'The whole log, or the log as it grows', content: LOG },
        204: z.null().describe('The run is over and all of its log was sent: do not come back'),
        206: { description: 'The bytes that Range wants', content: { [NDJSON]: LOG[NDJSON] } },
        ...OR_PROBLEM,
      },
    },
    handler: async (request, reply) => {
      const { id } = request.params;
      const state = couldBeRun(id) ? await ask(() => engine.runs.state(id)) : undefined;
      if (state === undefined) throw noRun(engine, id);
      const { size } = engine.logs.read(id, 0, 0);
      reply.header('vary', 'accept');

      if (request.headers.accept?.includes(EVENTS)) {
        const from = Number(request.headers['last-event-id'] ?? 0);
        if (from > 0 && from >= size && isOver(state)) return reply.code(204).send(null);
        return follow(id, from, reply);
      }

      const range = parseRange(request.headers.range, size);
      if (range === 'none') {
        throw new Problem('no-such-bytes', `The log has ${size} bytes now`, {
          headers: { 'content-range': `bytes */${size}` },
        });
      }
      if (range !== undefined) {
        reply.code(206).header('content-range', `bytes ${range.start}-${range.end - 1}/${size}`);
      }
      return sendBytes(id, range ?? { start: 0, end: size }, reply);
    },
  });
}

/** A file that shrinks meanwhile ends the answer before its length: whoever reads notices. */
async function* bytesOf({ engine }: Desk, run: string, { start, end }: ByteRange): AsyncGenerator<Buffer> {
  for (let at = start; at < end; ) {
    const { text, next } = engine.logs.read(run, at, Math.min(CHUNK_BYTES, end - at));
    if (text.length === 0) return;
    yield text;
    at = next;
  }
}
