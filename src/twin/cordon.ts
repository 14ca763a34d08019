/** Compute services that are disabled and enabled, and what others do to one that is disabled. */

import { newServer, settleOn } from './servers.ts';
import type { Hypervisor } from './state.ts';
import { strike } from './strike.ts';
import type { Handlers, World } from './world.ts';

/** A rule that says nothing of it has its effect so much later. */
const USUAL_SECONDS = 5;

/** Without a reason the one that it has, if any, stays. */
export function cordon(world: World, hypervisor: Hypervisor, reason: string | null): void {
  hypervisor.disabled = true;
  hypervisor.disabledReason = reason ?? hypervisor.disabledReason;
  const { name, host } = hypervisor;
  world.tell({ what: 'cordoned', hypervisor: name, reason: hypervisor.disabledReason ?? '' });
  const rule = strike(world, 'cordon', { hypervisor: name });
  if (rule === undefined) return;
  const what = ({ 'server lands': 'landed on', 'taken over': 'taken over', enabled: 'ended' } as const)[
    rule.what
  ];
  world.plan((rule.seconds ?? USUAL_SECONDS) * 1000, `cordon ${what}`, host);
}

export function uncordon(world: World, hypervisor: Hypervisor): void {
  const was = hypervisor.disabled;
  hypervisor.disabled = false;
  hypervisor.disabledReason = null;
  if (was) world.tell({ what: 'uncordoned', hypervisor: hypervisor.name });
}

export const cordonHandlers = {
  /** The scheduler had chosen this host before it was disabled. */
  'cordon landed on': (world, { of }) => {
    const owner = world.state.users.find(({ role }) => role === 'member');
    const [flavor] = world.state.flavors;
    if (owner === undefined || flavor === undefined) return;
    const { projectId, id: userId } = owner;
    const wish = { name: `late-on-${of}`, projectId, userId, flavor: flavor.name, metadata: {} };
    const server = newServer(world, wish);
    settleOn(world, server, of);
    world.tell({ what: 'server came', server: server.id, hypervisor: world.nameOf(of) });
  },
  'cordon taken over': (world, { of }) => {
    const hypervisor = world.hypervisor(of);
    hypervisor.disabled = true;
    hypervisor.disabledReason = 'memory errors, ask Kim';
    world.tell({ what: 'cordoned', hypervisor: hypervisor.name, reason: hypervisor.disabledReason });
  },
  'cordon ended': (world, { of }) => uncordon(world, world.hypervisor(of)),
} satisfies Partial<Handlers>;
