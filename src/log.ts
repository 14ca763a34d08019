/** Where do the daemon's own lines go, and what do they look like? One JSON object a line, as in the logs of runs. */
import {
  type DestinationStream,
  type Level,
  type Logger,
  destination as openDestination,
  pino,
  stdSerializers,
  stdTimeFunctions,
} from 'pino';
import type { Secret } from './config/secret.ts';
import type { Log } from './engine/job.ts';
import { redactor } from './redact.ts';

/** A log whose lines can be given common fields. */
export interface DaemonLog extends Log {
  debug(message: string, fields?: object): void;
  /** The same log; each line carries `fields` as well. */
  with(fields: object): DaemonLog;
}

export interface LogOptions {
  /** The least that is written; `info` if left out. */
  readonly level?: Level;
  /** Standard error if left out, written at once so that a crash loses nothing. */
  readonly destination?: DestinationStream;
  /** What must not be seen in any line. */
  readonly secrets?: readonly Secret[];
}

export function createLog({ level = 'info', destination, secrets = [] }: LogOptions): DaemonLog {
  const redact = redactor(secrets);
  const options = {
    level,
    base: {},
    messageKey: 'message',
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { error: stdSerializers.err },
    hooks: { streamWrite: (line: string) => `${redact(line)}\n` },
  };
  return wrap(pino(options, destination ?? openDestination({ dest: 2, sync: true })));
}

/** The message first, as the engine has it; pino wants the fields first. */
function wrap(logger: Logger): DaemonLog {
  return {
    debug: (message, fields) => logger.debug(fields, message),
    info: (message, fields) => logger.info(fields, message),
    warn: (message, fields) => logger.warn(fields, message),
    error: (message, fields) => logger.error(fields, message),
    with: (fields) => wrap(logger.child(fields)),
  };
}
