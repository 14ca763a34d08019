/** What is known of runs: their records as people and programs read them. Reads only, never fenced. */
import type { Redis } from 'ioredis';
import type { Effect, Json, Note, Report, Trigger } from './job.ts';
import { parseJournal, type StepState } from './journal.ts';

export const RUN_STATES = [
  'queued',
  'running',
  'waiting',
  'needs-decision',
  'succeeded',
  'failed',
  'cancelled',
  'quarantined',
] as const;
export type RunState = (typeof RUN_STATES)[number];

const TERMINAL: ReadonlySet<RunState> = new Set(['succeeded', 'failed', 'cancelled', 'quarantined']);

/** True when nothing more will happen to the run by itself. */
export function isOver(state: RunState): boolean {
  return TERMINAL.has(state);
}

export interface StepView {
  readonly key: string;
  readonly state: StepState;
  readonly effect: Effect;
  readonly tries: number;
  readonly startedAt: string;
  readonly endedAt?: string;
  readonly why?: string;
}

/** A run as lists show it. Times are ISO 8601 in UTC. */
export interface RunSummary {
  readonly id: string;
  readonly job: string;
  readonly state: RunState;
  readonly trigger: Trigger;
  readonly options: Json;
  readonly acting: boolean;
  readonly createdAt: string;
  readonly startedAt?: string;
  readonly endedAt?: string;
  readonly progress?: { readonly done: number; readonly total: number; readonly unit: string };
  /** What it waits for, completing "waits for …", and since when. */
  readonly waiting?: { readonly for: string; readonly since: string; readonly until?: string };
  /** The run that started it. */
  readonly parent?: string;
  /** Who asked it to stop, and why. */
  readonly cancel?: string;
  readonly error?: string;
  readonly failedStep?: string;
  /** The process that works it, while one does. */
  readonly owner?: string;
  readonly definition: string;
}

/** A run that another one started, in short. */
export interface ChildView {
  readonly id: string;
  readonly state: RunState;
  /** What it waits for, completing "waits for …"; null while it does not. */
  readonly for: string | null;
  /** Since when it has been in its state. */
  readonly since: string;
  /** Until when it waits, where it said so. */
  readonly until: string | null;
}

/** A run, whole. */
export interface RunRecord extends RunSummary {
  /** The runs that it started, in that order. */
  readonly children: readonly ChildView[];
  /** What its job returned. */
  readonly result?: Json;
  readonly report?: Report;
  readonly notes: readonly Note[];
  /** In the order in which they were begun. */
  readonly steps: readonly StepView[];
  /** How often owners took it, and how often a person resumed it. */
  readonly claims: number;
  readonly resumes: number;
}

export interface RunFilter {
  readonly job?: string | undefined;
  readonly state?: RunState | undefined;
  readonly limit?: number;
}

/** A run's place among all: when it was made, in ms since the epoch, and its id. */
export interface RunPlace {
  readonly atMs: number;
  readonly id: string;
}

/** Some runs; `next` is where to go on, and missing at the end. A page may be short, or empty, and not the last. */
export interface RunPage {
  readonly runs: readonly RunSummary[];
  readonly next?: RunPlace;
}

/** A run that has the lease of a subject, or waits for it. */
export interface LeaseTurn {
  readonly run: string;
  /** What for. */
  readonly why: string;
  readonly since: string;
}

/** The latest word on a subject, and who has it in hand. */
export interface SubjectNote {
  readonly run: string;
  readonly at: string;
  readonly note: Note;
  /** The run that has the lease of that name; absent while none has. */
  readonly held?: LeaseTurn;
  /** The runs that wait for it, first come first. */
  readonly queue: readonly LeaseTurn[];
}

/** Records read at once for a page, and for one page at most. */
const LOOK_AT = 100;
const MOST_LOOKS = 2000;

export class Runs {
  readonly #redis: Redis;
  readonly #prefix: string;

  constructor(redis: Redis, prefix: string) {
    this.#redis = redis;
    this.#prefix = prefix;
  }

  /** One run, whole, as it stood while those that it started were looked at; undefined when there is none of that id. */
  async get(id: string): Promise<RunRecord | undefined> {
    for (;;) {
      const run = await this.#look(id);
      if (run === undefined || run.children.length === 0) return run;
      // The end of a child wakes it: read before and after, it may seem to wait for one that has ended.
      const [state, claims] = await this.#redis.hmget(`${this.#prefix}:run:${id}`, 'state', 'claims');
      if (state === run.state && Number(claims) === run.claims) return run;
    }
  }

  async #look(id: string): Promise<RunRecord | undefined> {
    const key = `${this.#prefix}:run:${id}`;
    const [fields, journal, notes, children] = await Promise.all([
      this.#redis.hgetall(key),
      this.#redis.hgetall(`${key}:journal`),
      this.#redis.hgetall(`${key}:notes`),
      this.#redis.lrange(`${key}:children`, '0', '-1'),
    ]);
    if (fields.state === undefined) return undefined;
    const started = children.map(async (child) =>
      childOf(child, await this.#redis.hgetall(`${this.#prefix}:run:${child}`)),
    );
    const steps = [...parseJournal(Object.entries(journal).flat())].toSorted(([, a], [, b]) => a.n - b.n);
    return {
      ...summaryOf(id, fields),
      ...(fields.result === undefined ? {} : { result: JSON.parse(fields.result) as Json }),
      ...(fields.report === undefined ? {} : { report: JSON.parse(fields.report) as Report }),
      children: (await Promise.all(started)).flat(),
      notes: Object.values(notes).map((note) => JSON.parse(note) as Note),
      steps: steps.map(([key, { state, effect, tries, startedAt, endedAt, why }]) => ({
        key,
        state,
        effect,
        tries,
        startedAt,
        ...(endedAt === undefined ? {} : { endedAt }),
        ...(why === undefined ? {} : { why }),
      })),
      claims: Number(fields.claims),
      resumes: Number(fields.resumes ?? 0),
    };
  }

  /** How the run stands; undefined when there is none of that id. */
  async state(id: string): Promise<RunState | undefined> {
    return ((await this.#redis.hget(`${this.#prefix}:run:${id}`, 'state')) ?? undefined) as
      | RunState
      | undefined;
  }

  /** Newest first. */
  async list({ limit = 50, ...filter }: RunFilter): Promise<RunSummary[]> {
    const found: RunSummary[] = [];
    let after: RunPlace | undefined;
    do {
      const page = await this.page({ ...filter, limit: limit - found.length }, after);
      found.push(...page.runs);
      after = page.next;
    } while (after !== undefined && found.length < limit);
    return found;
  }

  /** Newest first, from behind a place on. Looks at a bounded number of runs, however few match. */
  async page({ job, state, limit = 50 }: RunFilter, after?: RunPlace): Promise<RunPage> {
    const index = job === undefined ? `${this.#prefix}:runs` : `${this.#prefix}:runs:${job}`;
    const runs: RunSummary[] = [];
    let place = after;
    const atOnce = state === undefined ? Math.min(limit, LOOK_AT) : LOOK_AT;
    for (let looks = 0; looks < MOST_LOOKS; looks += atOnce) {
      const places = await this.#behind(index, place, atOnce);
      const rows = await Promise.all(
        places.map((one) => this.#redis.hgetall(`${this.#prefix}:run:${one.id}`)),
      );
      for (const [i, { id }] of places.entries()) {
        const fields = rows[i] ?? {};
        place = places[i];
        if (fields.state === undefined || (state !== undefined && fields.state !== state)) continue;
        runs.push(summaryOf(id, fields));
        if (runs.length === limit) return withNext(runs, place);
      }
      if (places.length < atOnce) return { runs };
    }
    return withNext(runs, place);
  }

  async #behind(index: string, place: RunPlace | undefined, most: number): Promise<RunPlace[]> {
    const top = place?.atMs ?? '+inf';
    // Runs made within the same millisecond may lie on both sides of the place.
    const same = place === undefined ? 0 : await this.#redis.zcount(index, top, top);
    const limit = ['LIMIT', 0, most + same] as const;
    const flat = await this.#redis.zrevrangebyscore(index, top, '-inf', 'WITHSCORES', ...limit);
    const places = flat.flatMap((id, i) => (i % 2 === 0 ? [{ id, atMs: Number(flat[i + 1]) }] : []));
    const isBehind = (one: RunPlace): boolean =>
      place === undefined || one.atMs < place.atMs || one.id < place.id;
    return places.filter(isBehind).slice(0, most);
  }

  /** The latest note on a subject such as `hypervisor hv19`, from any run. */
  async why(subject: string): Promise<SubjectNote | undefined> {
    const text = await this.#redis.hget(`${this.#prefix}:why`, subject);
    if (text === null) return undefined;
    const { run, note, at } = JSON.parse(text) as { run: string; note: string; at: number };
    return { run, at: iso(at), note: JSON.parse(note) as Note, ...(await this.#turns(subject)) };
  }

  /** Who has a lease, and who waits for it; runs that have ended count no more. */
  async #turns(lease: string): Promise<Pick<SubjectNote, 'held' | 'queue'>> {
    const key = `${this.#prefix}:lease:${lease}`;
    const [held, whys, flat] = await Promise.all([
      this.#redis.hgetall(key),
      this.#redis.hgetall(`${key}:why`),
      this.#redis.zrange(`${key}:queue`, '0', '-1', 'WITHSCORES'),
    ]);
    const turns = flat.flatMap((run, i) =>
      i % 2 === 0 ? [{ run, why: whys[run] ?? '', since: iso(Number(flat[i + 1]) / 1000) }] : [],
    );
    if (held.run !== undefined)
      turns.unshift({ run: held.run, why: held.why ?? '', since: iso(held.since ?? 0) });
    const states = await Promise.all(turns.map(({ run }) => this.state(run)));
    const isOpen = ({ run }: LeaseTurn) => {
      const state = states[turns.findIndex((turn) => turn.run === run)];
      return state !== undefined && !isOver(state);
    };
    const [first, ...rest] = turns;
    const queue = (held.run === undefined ? turns : rest).filter(isOpen);
    return held.run !== undefined && first !== undefined && isOpen(first)
      ? { held: first, queue }
      : { queue };
  }

  /** Every subject that somebody said something about. */
  async subjects(): Promise<string[]> {
    return (await this.#redis.hkeys(`${this.#prefix}:why`)).toSorted();
  }

  /** Id of a run, given it whole or any beginning that only one run has. */
  async find(idOrBeginning: string): Promise<string | undefined> {
    if ((await this.#redis.exists(`${this.#prefix}:run:${idOrBeginning}`)) === 1) return idOrBeginning;
    const ids = await this.#redis.zrevrange(`${this.#prefix}:runs`, 0, -1);
    const matches = ids.filter((id) => id.startsWith(idOrBeginning));
    return matches.length === 1 ? matches[0] : undefined;
  }
}

function withNext(runs: RunSummary[], next: RunPlace | undefined): RunPage {
  return next === undefined ? { runs } : { runs, next };
}

function iso(ms: string | number): string {
  return new Date(Number(ms)).toISOString();
}

function waitingOf({
  waitingFor,
  waitingSince,
  waitingUntil,
}: Record<string, string>): Pick<RunSummary, 'waiting'> {
  if (waitingFor === undefined) return {};
  const until = waitingUntil === undefined ? {} : { until: iso(waitingUntil) };
  return { waiting: { for: waitingFor, since: iso(waitingSince ?? 0), ...until } };
}

/** Nothing, should it be gone. */
function childOf(id: string, fields: Record<string, string>): ChildView[] {
  if (fields.state === undefined) return [];
  const { state, waiting, createdAt, startedAt, endedAt } = summaryOf(id, fields);
  const begun = state === 'running' ? startedAt : undefined;
  const since = waiting?.since ?? endedAt ?? begun ?? createdAt;
  return [{ id, state, for: waiting?.for ?? null, since, until: waiting?.until ?? null }];
}

function summaryOf(id: string, fields: Record<string, string>): RunSummary {
  const { startedAt, endedAt, progress, cancel, error, failedStep, owner, parent } = fields;
  return {
    id,
    job: fields.job ?? '',
    state: fields.state as RunState,
    trigger: JSON.parse(fields.trigger ?? '{}') as Trigger,
    options: JSON.parse(fields.options ?? '{}') as Json,
    acting: fields.acting === '1',
    createdAt: iso(fields.createdAt ?? 0),
    ...(startedAt === undefined ? {} : { startedAt: iso(startedAt) }),
    ...(endedAt === undefined ? {} : { endedAt: iso(endedAt) }),
    ...(progress === undefined
      ? {}
      : { progress: JSON.parse(progress) as NonNullable<RunSummary['progress']> }),
    ...waitingOf(fields),
    ...(parent === undefined ? {} : { parent }),
    ...(cancel === undefined ? {} : { cancel }),
    ...(error === undefined ? {} : { error }),
    ...(failedStep === undefined ? {} : { failedStep }),
    ...(owner === undefined ? {} : { owner }),
    definition: fields.definition ?? '',
  };
}
