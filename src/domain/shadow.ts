/** What a campaign that is not armed would have done night by night, beside what operators did with the same hypervisors. */
import { byName } from './names.ts';
import type { RebootNeed } from './reboot-need.ts';

/** A table of nights: run → `ShadowNight`. */
export const SHADOW = 'shadow';

type Said = { readonly name: string; readonly why: string };
type Boot = { readonly bootId: string; readonly running: string; readonly bootedAt?: string };
type Boots = Readonly<Record<string, Boot>>;

/** What one campaign would have done. */
export type ShadowNight = {
  readonly run: string;
  readonly at: string;
  /** In the order in which they would have been rebooted, with what that takes. */
  readonly order: readonly (Said & { readonly seconds: number })[];
  /** In the order in which they would follow another night. */
  readonly later: readonly string[];
  readonly waits: readonly Said[];
  readonly held: readonly Said[];
  /** Which boot each hypervisor was in that could be asked. */
  readonly boots: Boots;
};

/** As much of a campaign's plan as a night in the shadow remembers. */
export interface ShadowPlan {
  readonly order: readonly (Said & { readonly drainSeconds: number })[];
  readonly waits: readonly Said[];
  readonly held: readonly Said[];
  readonly later: readonly string[];
  /** Why nothing would have been begun. */
  readonly stopped: string | null;
}

type Needs = Readonly<Record<string, RebootNeed>>;

export function shadowNight(
  { order, waits, held, later, stopped }: ShadowPlan,
  needs: Needs,
  { run, at }: { readonly run: string; readonly at: string },
): ShadowNight {
  const said = ({ name, why }: Said) => ({ name, why });
  const stops = stopped === null ? [] : order.map(({ name }) => ({ name, why: stopped }));
  return {
    run,
    at,
    order:
      stopped === null ? order.map((one) => ({ ...said(one), seconds: Math.ceil(one.drainSeconds) })) : [],
    later,
    waits: waits.map(said),
    held: [...stops, ...held.map(said)],
    boots: bootsOf(needs),
  };
}

export function bootsOf(needs: Needs): Boots {
  const known = Object.entries(needs).flatMap(([name, need]) => {
    if (need.need === 'unclear') return [];
    const { bootId, running, bootedAt } = need;
    return [[name, { bootId, running, ...(bootedAt !== undefined && { bootedAt }) }] as const];
  });
  return Object.fromEntries(known);
}

/**
 * both: we would have, and they did · sooner: they did before its turn came · left: nobody wanted it
 * rebooted · only we, only they: here we differ · open: its turn had not come, and they did not either ·
 * unseen: it could not be asked, then or since.
 */
export const VERDICTS = ['both', 'sooner', 'left', 'only we', 'only they', 'open', 'unseen'] as const;
export type ShadowVerdict = (typeof VERDICTS)[number];

/** One boot of one hypervisor that we, or they, wanted to end. */
export type ShadowCase = {
  readonly name: string;
  readonly verdict: ShadowVerdict;
  /** Why we would have rebooted it, waited, or left it alone. */
  readonly why: string;
  readonly seconds?: number;
  /** The night on which it would have been rebooted. */
  readonly ours?: string;
  /** When they rebooted it: not before the one, and not after the other. */
  readonly theirs?: { readonly from: string; readonly to: string };
};

type Look = { readonly at: string; readonly boots: Boots };
type Opinion = {
  readonly says: 'do' | 'later' | 'wait' | 'hold';
  readonly why: string;
  readonly seconds?: number;
};
/** What was seen of a boot, from the first look that may have seen it to the last. */
interface Story {
  bootId: string | undefined;
  running: string | undefined;
  /** The first night that would have ended it, and what was said last of it. */
  ours?: { readonly at: string; readonly opinion: Opinion };
  last?: { readonly at: string; readonly opinion: Opinion };
  /** The last look that saw it. */
  seenAt: string | undefined;
}

/**
 * Each boot that a night spoke of, or that ended, in exactly one case, by name. A hypervisor that would have
 * been rebooted on one night leaves its place to the next one on those after it, as it would have.
 * `nights` in the order of time; `now` is the latest look.
 */
export function compareShadow(nights: readonly ShadowNight[], now?: Look): readonly ShadowCase[] {
  const stories = new Map<string, Story>();
  const cases: ShadowCase[] = [];
  const looks: (Look & Partial<ShadowNight>)[] = [...nights, ...(now === undefined ? [] : [now])];
  for (const look of looks) {
    for (const [name, boot] of Object.entries(look.boots)) {
      const story = stories.get(name);
      if (story !== undefined && story.bootId !== boot.bootId) {
        cases.push(
          ...(story.bootId === undefined ? stillOpen(name, story) : closed(name, story, { look, boot })),
        );
        stories.delete(name);
      }
      const going = stories.get(name) ?? { ...NEW };
      stories.set(name, Object.assign(going, { ...boot, seenAt: look.at }));
    }
    if (look.order !== undefined) hear(stories, look as ShadowNight);
  }
  for (const [name, story] of stories) cases.push(...stillOpen(name, story));
  return cases.toSorted((a, b) => byName(a.name, b.name) || (a.ours ?? '').localeCompare(b.ours ?? ''));
}

const NEW: Story = { bootId: undefined, running: undefined, seenAt: undefined };

/** Writes down what the night says of each hypervisor. */
function hear(stories: Map<string, Story>, night: ShadowNight): void {
  const { at, order, later, waits, held } = night;
  const say = (name: string, opinion: Opinion): void => {
    const story = stories.get(name) ?? { ...NEW };
    stories.set(name, story);
    story.last = { at, opinion };
    if (opinion.says === 'do') story.ours ??= { at, opinion };
  };
  const isDone = (name: string): boolean => stories.get(name)?.ours !== undefined;
  const freed = order.filter(({ name }) => isDone(name)).length;
  for (const { name, why, seconds } of order) say(name, { says: 'do', why, seconds });
  const next = later.filter((name) => !isDone(name));
  for (const [place, name] of next.entries())
    say(name, { says: place < freed ? 'do' : 'later', why: 'it needed a reboot' });
  for (const { name, why } of waits) say(name, { says: 'wait', why });
  for (const { name, why } of held) say(name, { says: 'hold', why });
}

/** They have rebooted it. */
function closed(
  name: string,
  { ours, last, running, seenAt }: Story,
  { look, boot }: { look: Look; boot: Boot },
): ShadowCase[] {
  const { bootedAt } = boot;
  const from = seenAt ?? look.at;
  // By the host's own clock, which is believed as far as it fits between the looks.
  const isExact = bootedAt !== undefined && bootedAt >= from && bootedAt <= look.at;
  const theirs = isExact ? { from: bootedAt, to: bootedAt } : { from, to: look.at };
  if (ours !== undefined) return [{ ...caseOf(name, 'both', ours.opinion), ours: ours.at, theirs }];
  if (last === undefined) {
    const why = `it needed no reboot, ${running ?? 'its kernel'} was to boot again`;
    return [{ name, verdict: 'only they', why, theirs }];
  }
  const verdict = last.opinion.says === 'later' ? 'sooner' : 'only they';
  return [{ ...caseOf(name, verdict, last.opinion), theirs }];
}

/** It is in the same boot still, as far as can be told. */
function stillOpen(name: string, { ours, last, seenAt }: Story): ShadowCase[] {
  const spoken = ours ?? last;
  if (spoken === undefined || last === undefined) return [];
  const { opinion, at } = spoken;
  const ourNight = ours === undefined ? {} : { ours: ours.at };
  if (seenAt === undefined || seenAt <= at) return [{ ...caseOf(name, 'unseen', opinion), ...ourNight }];
  const verdicts = { do: 'only we', later: 'open', wait: 'left', hold: 'left' } as const;
  return [{ ...caseOf(name, verdicts[opinion.says], opinion), ...ourNight }];
}

function caseOf(name: string, verdict: ShadowVerdict, { why, seconds }: Opinion): ShadowCase {
  return { name, verdict, why, ...(seconds !== undefined && { seconds }) };
}

/** How many cases have each verdict. */
export function countShadow(cases: readonly ShadowCase[]): Readonly<Record<ShadowVerdict, number>> {
  const count = (verdict: ShadowVerdict) => cases.filter((one) => one.verdict === verdict).length;
  return Object.fromEntries(VERDICTS.map((verdict) => [verdict, count(verdict)])) as Record<
    ShadowVerdict,
    number
  >;
}

/** Cases in which both wanted the same, of those in which both have shown what they want. */
export function agreementOf(cases: readonly ShadowCase[]): {
  readonly agreed: number;
  readonly judged: number;
} {
  const { both, sooner, left, 'only we': onlyWe, 'only they': onlyThey } = countShadow(cases);
  const agreed = both + sooner + left;
  return { agreed, judged: agreed + onlyWe + onlyThey };
}
