/** How much of a campaign is the cloud's own work, and how much the tool's? */
import type { Happening } from '../../src/twin/log.ts';
import { whatWentWrong } from '../support/night-check.ts';
import { REBOOT_JOBS } from '../support/reboot-jobs.ts';
import { openRehearsal } from '../support/rehearsal.ts';
import { type Figure, median } from './figures.ts';
import { fleetBound } from './fleet-bound.ts';
import { type Span, sumOf, union } from './spans.ts';

export interface NightSize {
  readonly hypervisors: number;
  readonly servers: number;
}

/** Machines with a lot to check before they boot, five minutes, and services as fast as a small site's. */
const PACE = { apiMs: 50, stopMs: 5000, awayMs: 285_000, agentMs: 10_000 };
const MOST_OVERHEAD_S = 60;

/** `how`: in words, which options the campaign has beside the usual ones. */
export async function measureCampaign(how: string, size: NightSize, options: object): Promise<Figure[]> {
  const rehearsal = await openRehearsal(REBOOT_JOBS, { ...size, seed: 7, pace: PACE });
  try {
    const { world } = rehearsal.twin;
    for (const hypervisor of Object.values(world.state.hypervisors))
      hypervisor.kernels = [hypervisor.boot.kernel, '6.1.0-28-amd64'];
    const before = structuredClone(world.state);
    const began = performance.now();
    const given = {
      limit: size.hypervisors,
      maxGivenBack: size.hypervisors,
      outsideWindow: true,
      ...options,
    };
    const run = await rehearsal.play('reboot-hypervisors', given);
    const realS = (performance.now() - began) / 1000;

    const visits = visitsIn(world.log);
    if (visits.length === 0) throw new Error(`nothing was rebooted: ${run.error ?? run.report?.headline}`);
    const wrong = whatWentWrong({
      log: world.log,
      state: world.state,
      notes: run.notes,
      report: run.report,
      handback: [...rehearsal.handback.keys()],
      outAtOnce: 'parallelEmpty' in options ? 20 : 1,
    });
    const overheads = visits.map(overheadS);
    const makespanS = (visits.at(-1)!.back - visits[0]!.out) / 1000;
    const naiveS = visits.reduce((sum, { work }) => sum + sumOf(union(work)), 0) / 1000;
    const boundS = fleetBound(before, visits);
    const realEachS = realS / visits.length;
    const toolS = median(overheads) + realEachS;
    const name = `${size.hypervisors} hypervisors, ${how}`;
    return [
      {
        what: `${name}: overhead of the tool per hypervisor`,
        figure: `${toolS.toFixed(1)} s`,
        bar: `< ${MOST_OVERHEAD_S} s`,
        met: toolS < MOST_OVERHEAD_S,
        how: `n=${visits.length}, disabled to given back less drain and boot: ${spreadOf(overheads)} s of the night; ${realEachS.toFixed(2)} s of computing`,
      },
      {
        what: `${name}: makespan`,
        figure: hours(makespanS),
        how: `${(naiveS / makespanS).toFixed(2)} × as fast as drain and boot of one after the other (${hours(naiveS)}); ${(makespanS / boundS.seconds).toFixed(1)} × the lower bound (${hours(boundS.seconds)}, ${boundS.by})`,
      },
      {
        what: `${name}: rules broken`,
        figure: String(wrong.length),
        bar: '0',
        met: wrong.length === 0,
        how: wrong.length === 0 ? `${run.report?.headline}` : wrong.slice(0, 3).join('; '),
      },
      {
        what: `${name}: real time`,
        figure: `${realS.toFixed(0)} s`,
        how: `${Math.round(makespanS / realS)} × as fast as the night itself`,
      },
    ];
  } finally {
    await rehearsal.close();
  }
}

/** A hypervisor from its cordon until it was given back, having booted. */
export interface Visit {
  readonly hypervisor: string;
  readonly out: number;
  readonly back: number;
  /** Migrations off it, and its boot, in ms since 1970. */
  readonly work: readonly Span[];
  readonly migrations: readonly { readonly server: string; readonly ms: number }[];
  readonly bootMs: number;
}

function visitsIn(log: readonly Happening[]): Visit[] {
  const names = new Set(log.flatMap((each) => (each.what === 'booted' ? [each.hypervisor] : [])));
  const visits = [...names].flatMap((name) => visitOf(name, log) ?? []);
  return visits.toSorted((a, b) => a.back - b.back);
}

function visitOf(hypervisor: string, log: readonly Happening[]): Visit | undefined {
  const at = (what: Happening['what']) =>
    log.find((each) => each.what === what && 'hypervisor' in each && each.hypervisor === hypervisor)?.at;
  const [out, asked, up, back] = [at('cordoned'), at('reboot asked'), at('service up'), at('uncordoned')];
  if (out === undefined || asked === undefined || up === undefined || back === undefined) return undefined;
  const asks = log.filter((each) => each.what === 'migration asked' && each.from === hypervisor);
  const migrations = asks.flatMap((ask) => {
    if (ask.what !== 'migration asked') return [];
    const ended = log.find(
      (each) => each.at >= ask.at && each.what === 'migration ended' && each.server === ask.server,
    );
    return ended === undefined ? [] : [{ server: ask.server, from: ask.at, to: ended.at }];
  });
  return {
    hypervisor,
    out,
    back,
    work: [...migrations.map(({ from, to }): Span => [from, to]), [asked, up]],
    migrations: migrations.map(({ server, from, to }) => ({ server, ms: to - from })),
    bootMs: up - asked,
  };
}

function overheadS({ out, back, work }: Visit): number {
  return (back - out - sumOf(union(work))) / 1000;
}

function spreadOf(numbers: readonly number[]): string {
  const sorted = numbers.toSorted((a, b) => a - b);
  const at = (part: number) => sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? 0;
  return `${at(0).toFixed(0)} at least, ${at(0.9).toFixed(0)} for nine of ten, ${at(1).toFixed(0)} at most`;
}

function hours(seconds: number): string {
  return `${(seconds / 3600).toFixed(1)} h`;
}
