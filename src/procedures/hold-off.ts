/**
 * Holds other actors off while a hypervisor is rebooted: silences in Alertmanager, which end by themselves whatever
 * becomes of us, and commands of the site, which the hand-back file says how to take back.
 */
import { z } from 'zod';
import type { Context, StepScope } from '../context.ts';
import { type Deadlines, longestBack } from '../domain/back-within.ts';
import { messageOf, PermanentError } from '../domain/failure.ts';
import {
  actFor,
  actLines,
  type FilledAct,
  fillMatchers,
  namesHypervisor,
  type SiteAct,
  silenceLines,
  silenceMark,
  whyFailed,
} from '../domain/hold-off.ts';
import { sayInstant, sayList } from '../domain/say.ts';
import { attempt } from './attempt.ts';
import { Argv, Matchers, Template, uniqueNames } from './site-shapes.ts';

const SilenceShape = z.strictObject({
  matchers: Matchers.refine((matchers) => Object.values(matchers).some(namesHypervisor), {
    error: 'would silence more than one hypervisor: a value must hold {{ hypervisor }} or {{ shortname }}',
  }).describe('Label: regular expression for its whole value, in which {{ hypervisor }} stands for itself'),
});

const ActShape = z.strictObject({
  name: z.string().min(1),
  on: Template.describe('The host on which its commands run'),
  before: Argv.describe('Command before the reboot; may run twice, and where it fails it has done nothing'),
  after: Argv.describe('Command that takes it back; may run twice'),
  unless: Argv.optional().describe('Exit 0: somebody else has done it, so neither of them runs'),
  undo: Template.optional().describe('How a person takes it back; left out, `after` by ssh'),
});

export const holdOffSettings = {
  silences: z
    .array(SilenceShape)
    .default([])
    .describe(
      'Alerts that Alertmanager keeps quiet between empty and proved, as [{ matchers: { instance: "{{ hypervisor }}(:.*)?" } }]',
    ),
  holdOff: z
    .array(ActShape)
    .superRefine(uniqueNames)
    .default([])
    .describe(
      'Commands of the site between empty and proved, as [{ name: noout, on: ceph1, before: [ceph, osd, set, noout], after: [ceph, osd, unset, noout] }]',
    ),
};

export interface HoldOffSettings extends Deadlines {
  readonly silences: readonly z.output<typeof SilenceShape>[];
  readonly holdOff: readonly SiteAct[];
}

/** What a run holds off now; empty before `holdOff` began. */
export interface HeldOff {
  silenced: boolean;
  acts: FilledAct[];
}

const MINUTE_MS = 60_000;
/** `hypervisor act` → `Row`, and one row for what is shared, without words. Gone once it was taken back. */
const HELD_OFF = 'held-off';
type Row = { readonly words: string; readonly since: string };
/** No reboot takes so long: what is still there then was left by a run that somebody killed. */
const LOST_MS = 12 * 60 * MINUTE_MS;
/** A silence outlives a reboot that takes all its time, and what comes between; a night that died it does not outlive long. */
const MARGIN_MINUTES = 30;
const LEAST_MARGIN_MINUTES = 10;
const COMMAND_MS = 2 * MINUTE_MS;
const MOST_TURNS = 5;
const REACH_TRIES = 3;
const REACH_PAUSE_MS = 2000;

/**
 * Why it is not all held off; undefined when it is. Whatever is begun is added to `held` before, so that whoever lets
 * go knows it also when this throws.
 */
export async function holdOff(
  ctx: Context<HoldOffSettings>,
  name: string,
  held: HeldOff,
): Promise<string | undefined> {
  if (ctx.options.silences.length > 0) {
    held.silenced = true;
    const options = { effect: 'idempotent', disruptive: true } as const;
    const silenced = await attempt(() =>
      ctx.step(`silence ${name}`, options, async (scope) =>
        silence(ctx, name, { scope, margin: MARGIN_MINUTES }),
      ),
    );
    if (!silenced.ok) return `its alerts cannot be silenced: ${messageOf(silenced.error)}`;
  }
  for (const act of ctx.options.holdOff.map((each) => actFor(each, name))) {
    const begun = await attempt(() => begin(ctx, name, { act, held }));
    const why = begun.ok ? begun.value : messageOf(begun.error);
    if (why !== undefined) return `${act.name} is not held off: ${why}`;
  }
  return undefined;
}

/**
 * For the step that reboots: silences last long enough, and what was taken back since (a resumed run) is done again.
 * Why not; undefined when all is held off.
 */
export async function stillHeldOff(
  ctx: Context<HoldOffSettings>,
  name: string,
  { held, scope }: { held: HeldOff; scope: StepScope },
): Promise<string | undefined> {
  try {
    if (held.silenced) await silence(ctx, name, { scope, margin: LEAST_MARGIN_MINUTES });
    for (const act of held.acts) {
      if ((await scope.table(HELD_OFF).get(rowOf(name, act))) !== undefined) continue;
      const why = await runBefore(ctx, name, { act, scope });
      if (why !== undefined) return `${act.name} is not held off: ${why}`;
    }
    return undefined;
  } catch (error) {
    scope.signal.throwIfAborted();
    return `what was held off for it is not any more: ${messageOf(error)}`;
  }
}

/** Lets go in reverse order, all of it that can be; the first failure, which a person must see to. */
export async function letGo(
  ctx: Context<HoldOffSettings>,
  name: string,
  held: HeldOff,
): Promise<Error | undefined> {
  const failures: Error[] = [];
  const { acts, silenced } = held;
  // Whoever comes here again has nothing left to do.
  Object.assign(held, { acts: [], silenced: false });
  for (const act of acts.toReversed()) {
    const gone = await attempt(() => takeBack(ctx, name, act));
    if (!gone.ok) failures.push(gone.error);
  }
  if (silenced) {
    const ended = await attempt(() => endSilences(ctx, name));
    // They end by themselves.
    if (!ended.ok)
      ctx.note({
        subject: `silences of ${name}`,
        verdict: 'left',
        why: `they end by themselves: ${ended.error.message}`,
      });
  }
  return failures[0];
}

async function silence(
  ctx: Context<HoldOffSettings>,
  name: string,
  { scope, margin }: { scope: StepScope; margin: number },
): Promise<void> {
  const manager = alertmanagerOf(ctx);
  const mark = silenceMark(ctx.runId, name);
  const until = new Date(scope.now().getTime() + (longestBack(ctx.options) + margin) * MINUTE_MS);
  const commands = await manager.expireCommands(mark);
  await ctx.handback.write(silencesOf(name), silenceLines(name, until, commands));
  let ends = until;
  for (const { matchers } of ctx.options.silences) {
    const end = await manager.silence({ mark, matchers: fillMatchers(matchers, name), until });
    if (end > ends) ends = end;
  }
  await ctx.handback.write(silencesOf(name), silenceLines(name, ends, commands));
  scope.log.info('alerts are silenced', { until: sayInstant(ends, 'UTC') });
}

async function endSilences(ctx: Context<HoldOffSettings>, name: string): Promise<void> {
  await ctx.step(`unsilence ${name}`, { effect: 'idempotent' }, async () => {
    await alertmanagerOf(ctx).expire(silenceMark(ctx.runId, name));
    await ctx.handback.clear(silencesOf(name));
  });
}

/** Does one act, unless somebody else has; why not, or undefined. */
async function begin(
  ctx: Context<HoldOffSettings>,
  name: string,
  { act, held }: { act: FilledAct; held: HeldOff },
): Promise<string | undefined> {
  if (act.unless !== undefined && (await isDoneAlready(ctx, name, { act, unless: act.unless }))) {
    ctx.note({
      subject: `${act.name} for ${name}`,
      verdict: 'left',
      why: 'somebody else has done it already',
    });
    return undefined;
  }
  held.acts.push(act);
  const key = `hold off ${act.name} for ${name}`;
  const options = { effect: 'idempotent', disruptive: true, timeoutMs: COMMAND_MS * 4 } as const;
  // Whoever lets go of what is shared looks who else is counted, so that comes first.
  if (act.shared)
    await ctx.step(
      `count ${name} in for ${act.name}`,
      { effect: 'idempotent', disruptive: true },
      async (scope) => {
        scope.table(HELD_OFF).set(rowOf(name, act), rowFor(act, scope));
        scope.table(HELD_OFF).set(sharedRow(act), { ...rowFor(act, scope), words: '' });
      },
    );
  const refused = await ctx.step(key, options, async (scope) => {
    const why = await runBefore(ctx, name, { act, scope });
    if (why === undefined) return null;
    scope.skipped(why);
    // Only of a first try is it known that nothing was done.
    const undone = scope.attempt === 1;
    if (undone) scope.table(HELD_OFF).delete(rowOf(name, act));
    return { why, undone };
  });
  if (refused === null) return undefined;
  if (refused.undone) held.acts.pop();
  return refused.why;
}

async function isDoneAlready(
  ctx: Context<HoldOffSettings>,
  name: string,
  { act, unless }: { act: FilledAct; unless: readonly string[] },
): Promise<boolean> {
  const key = `look whether ${act.name} is done before ${name}`;
  return ctx.step(key, { effect: 'read' }, async ({ signal, table, now }) => {
    const ours = act.shared ? await table(HELD_OFF).get<Row>(sharedRow(act)) : undefined;
    if (ours !== undefined && !isLost(ours, now())) return false;
    const { exit } = await ctx.host(act.on).run(unless, { timeoutMs: COMMAND_MS, signal });
    return exit === 0;
  });
}

/** Writes down the way back, then runs `before`; why it has done nothing, or undefined when it is done. */
async function runBefore(
  ctx: Context<HoldOffSettings>,
  name: string,
  { act, scope }: { act: FilledAct; scope: StepScope },
): Promise<string | undefined> {
  await ctx.handback.write(subjectOf(name, act), actLines(act, name));
  const why = await run(ctx, act, scope);
  if (why === undefined) scope.table(HELD_OFF).set(rowOf(name, act), rowFor(act, scope));
  else if (scope.attempt === 1) await ctx.handback.clear(subjectOf(name, act));
  return why;
}

/** Why `before` did nothing. Throws where nobody knows how far it came. */
async function run(
  ctx: Context<HoldOffSettings>,
  { on, before }: FilledAct,
  scope: StepScope,
): Promise<string | undefined> {
  for (let tries = 1; ; tries += 1) {
    try {
      const result = await ctx.host(on).run(before, { timeoutMs: COMMAND_MS, signal: scope.signal });
      return whyFailed(on, before, result);
    } catch (error) {
      scope.signal.throwIfAborted();
      const wasSent = !(error instanceof Error && 'sent' in error && error.sent === false);
      if (wasSent) throw error;
      if (tries === REACH_TRIES) return messageOf(error);
      await scope.timers.pause(REACH_PAUSE_MS, scope.signal);
    }
  }
}

/** What is shared is taken back by the last of those for whom it is held off. */
async function takeBack(ctx: Context<HoldOffSettings>, name: string, act: FilledAct): Promise<void> {
  const row = rowOf(name, act);
  if (act.shared)
    await ctx.step(`count ${name} out for ${act.name}`, { effect: 'idempotent' }, async ({ table }) => {
      table(HELD_OFF).delete(row);
    });
  const options = { effect: 'idempotent', timeoutMs: MOST_TURNS * COMMAND_MS } as const;
  await ctx.step(`let go ${act.name} for ${name}`, options, async (scope) => {
    const others = async () => {
      const rows = await scope.table(HELD_OFF).all<Row>();
      return heldForOthers(rows, { name, act, now: scope.now() });
    };
    let isHeld = true;
    let wanted = await others();
    // Others may come while `after` runs, and go while `before` does: what is done follows who is counted.
    for (let turn = 1; isHeld !== wanted.length > 0 && turn <= MOST_TURNS; turn += 1) {
      await turnTo(ctx, { act, isHeld: !isHeld }, scope.signal);
      isHeld = !isHeld;
      wanted = await others();
    }
    if (isHeld) scope.skipped(`still held off for ${sayList(wanted)}`);
    else for (const each of [row, sharedRow(act)]) scope.table(HELD_OFF).delete(each);
    await ctx.handback.clear(subjectOf(name, act));
  });
}

async function turnTo(
  ctx: Context<HoldOffSettings>,
  { act, isHeld }: { act: FilledAct; isHeld: boolean },
  signal: AbortSignal,
): Promise<void> {
  const argv = isHeld ? act.before : act.after;
  const result = await ctx.host(act.on).run(argv, { timeoutMs: COMMAND_MS, signal });
  const why = whyFailed(act.on, argv, result);
  if (why !== undefined) throw new PermanentError(`${act.name} was not taken back: ${why}`);
}

/** Other hypervisors for which the same, to the word, is held off now. */
function heldForOthers(
  rows: ReadonlyMap<string, Row>,
  { name, act, now }: { name: string; act: FilledAct; now: Date },
): string[] {
  return [...rows].flatMap(([row, held]) =>
    row === rowOf(name, act) || isLost(held, now) || held.words !== wordsOf(act)
      ? []
      : [row.split(' ', 1)[0]!],
  );
}

function isLost({ since }: Row, now: Date): boolean {
  return now.getTime() - Date.parse(since) > LOST_MS;
}

function rowFor(act: FilledAct, { now }: StepScope): Row {
  return { words: wordsOf(act), since: now().toISOString() };
}

/** Says that it is ours, whoever of us did it first. */
function sharedRow(act: FilledAct): string {
  return `all ${wordsOf(act)}`;
}

/** Two acts of the same words are one. */
function wordsOf({ on, before, after }: FilledAct): string {
  return JSON.stringify([on, before, after]);
}

function alertmanagerOf({ alertmanager }: Context<unknown>) {
  if (alertmanager === undefined) throw new PermanentError('`alertmanager` is not configured any more');
  return alertmanager;
}

function rowOf(name: string, act: FilledAct): string {
  return `${name} ${act.name}`;
}

function subjectOf(name: string, act: FilledAct): string {
  return `${act.name} for ${name}`;
}

function silencesOf(name: string): string {
  return `silences for ${name}`;
}
