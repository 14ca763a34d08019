/** What has become of servers and hypervisors in a night that empties some: said as it comes, and summed up in the end. */

import type { EmptiedNight } from '../domain/defragment-report.ts';
import { decideDrain } from '../domain/drain-policy.ts';
import type { Server } from '../domain/fleet.ts';
import { serverName } from '../domain/names.ts';
import type { Moved } from './cordon.ts';
import type { Defragmenting } from './defragment-settings.ts';
import type { Guest, Migrated } from './guest.ts';
import type { Ended } from './reserve.ts';

type Why = { readonly name: string; readonly why: string };

/** Holds nothing that a replay would not find again. */
export class Emptied {
  /** Hypervisors that are disabled by this run. */
  readonly closed = new Set<string>();
  /** Hypervisors that are not to be emptied any more, and why. */
  readonly spoilt = new Map<string, string>();
  /** Servers whose migration failed, by id. */
  readonly failed = new Map<string, Why>();
  readonly dropped: Why[] = [];
  readonly back: Why[] = [];
  readonly needYou: Why[] = [];
  /** Migrations that were asked for, and those of them that are over or not needed any more. */
  asked = 0;
  done = 0;
  moved = 0;
  movedMb = 0;
  #total = 0;
  readonly #touched = new Map<string, Moved[]>();

  /** So many migrations will have been done, as things stand. */
  expect(total: number): void {
    this.#total = total;
  }

  tell(ctx: Defragmenting): void {
    ctx.progress(this.done, Math.max(this.done, this.#total), 'moves');
  }

  /** Why servers stay, by id. */
  stay(): Record<string, string> {
    return Object.fromEntries([...this.failed].map(([id, { why }]) => [id, why]));
  }

  /** Before it is asked to move, so that whoever puts things back knows of it. */
  ask(from: string, { id, name, by, action }: Guest): void {
    this.asked += 1;
    this.#touched.set(from, [...this.movedOff(from), { id, name, by, action }]);
  }

  movedOff(hypervisor: string): readonly Moved[] {
    return this.#touched.get(hypervisor) ?? [];
  }

  finish(ctx: Defragmenting, guest: Guest, { how }: Migrated): void {
    this.done += 1;
    if (how === 'moved') {
      this.moved += 1;
      this.movedMb += guest.ramMb;
    } else this.#leave(ctx, { name: serverName(guest), why: `it was ${how} meanwhile` });
    this.tell(ctx);
  }

  fail(ctx: Defragmenting, guest: Guest, why: string): void {
    this.failed.set(guest.id, { name: serverName(guest), why });
    ctx.note({ subject: `server ${guest.name}`, verdict: 'stays', why });
    this.tell(ctx);
  }

  /** Those for which nothing was left to do. */
  drop(ctx: Defragmenting, left: readonly Why[]): void {
    this.done += left.length;
    for (const one of left) this.#leave(ctx, one);
  }

  giveBack(
    ctx: Defragmenting,
    name: string,
    { ended, why, verdict = 'given back' }: { ended: Ended; why: string; verdict?: string },
  ): void {
    this.closed.delete(name);
    this.spoilt.set(name, why);
    const said = 'why' in ended ? `${why}; ${ended.why}` : why;
    if (ended.to === 'a person') this.needYou.push({ name, why: said });
    else this.back.push({ name, why: ended.to === 'taken' ? `${why}; another run has it now` : said });
    const about = { subject: `hypervisor ${name}`, why: said };
    ctx.note({ ...about, verdict: ended.to === 'a person' ? 'needs you' : verdict });
  }

  /** It keeps its hypervisor from being empty. */
  isInTheWay({ options }: Defragmenting, server: Server): boolean {
    return decideDrain(server, options).does !== 'stays';
  }

  /** `emptied`: those that this run has emptied; `kept`: those that stay disabled for the campaign. */
  sum(
    more: Pick<EmptiedNight, 'planned' | 'emptied' | 'kept' | 'until' | 'at'> & Partial<EmptiedNight>,
  ): EmptiedNight {
    const { moved, movedMb, dropped, back, needYou } = this;
    return { moved, movedMb, failed: [...this.failed.values()], dropped, back, needYou, ...more };
  }

  #leave(ctx: Defragmenting, { name, why }: Why): void {
    this.dropped.push({ name, why });
    ctx.note({ subject: `server ${name.split(' ')[0]}`, verdict: 'not moved', why });
  }
}
