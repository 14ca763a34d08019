/** What a hypervisor must show after its reboot before it is trusted with guests again. */
import type { ComputeService } from './fleet.ts';
import type { HostBoot } from './host-boot.ts';

/** What was known before the reboot. */
export interface Expected {
  /** The boot that must be over. */
  readonly bootId: string;
  /** The kernel that must run. */
  readonly next: string;
  readonly serviceId: string;
}

/** One look at the hypervisor, and what earlier looks must remember for it. */
export interface Look {
  /** Absent, with a reason, while it does not answer. */
  readonly boot: HostBoot | { readonly away: string };
  readonly service: ComputeService | { readonly away: string };
  /** Its compute service's last heartbeat when the new boot was first seen, ISO 8601. */
  readonly heardFirst?: string;
}

export type Check = { readonly name: string; readonly ok: boolean; readonly saw: string };

/**
 * Judges one look. A heartbeat proves a living service only when it is newer than one that was read
 * when the new boot was seen already: Nova calls a dead service up for a while, and its last heartbeat
 * before the reboot may be newer than any that was looked at.
 */
export function judgeProof(expected: Expected, { boot, service, heardFirst }: Look): readonly Check[] {
  return [...judgeBoot(expected, boot), ...judgeService(expected, service, heardFirst)];
}

/** Why waiting cannot help: it did boot anew, into another kernel. Undefined while it can. */
export function whyHopeless({ bootId, next }: Expected, { boot }: Look): string | undefined {
  if ('away' in boot || boot.bootId === bootId || boot.running === next) return undefined;
  return wrongKernel(boot.running, next);
}

function judgeBoot({ bootId, next }: Expected, boot: Look['boot']): Check[] {
  if ('away' in boot) {
    return [
      { name: 'answers', ok: false, saw: `it does not answer: ${boot.away}` },
      { name: 'new boot', ok: false, saw: 'its boot id cannot be read' },
      { name: 'kernel', ok: false, saw: 'its kernel cannot be read' },
    ];
  }
  const anew = boot.bootId !== bootId;
  const right = boot.running === next;
  return [
    { name: 'answers', ok: true, saw: 'it answers' },
    { name: 'new boot', ok: anew, saw: anew ? `boot id ${boot.bootId}` : 'it still runs its old boot' },
    {
      name: 'kernel',
      ok: right,
      saw: right ? boot.running : wrongKernel(boot.running, next),
    },
  ];
}

function judgeService({ serviceId }: Expected, service: Look['service'], heardFirst?: string): Check[] {
  if ('away' in service) {
    const saw = `its compute service cannot be looked at: ${service.away}`;
    return ['same service', 'heartbeat', 'service up'].map((name) => ({ name, ok: false, saw }));
  }
  const same = service.id === serviceId;
  const heard = heardFirst !== undefined && Date.parse(service.heardAt) > Date.parse(heardFirst);
  const up = service.up && !service.forcedDown;
  return [
    {
      name: 'same service',
      ok: same,
      saw: same ? `service ${serviceId}` : `its compute service is ${service.id}, it was ${serviceId}`,
    },
    {
      name: 'heartbeat',
      ok: heard,
      saw: heard ? `heard at ${service.heardAt}` : 'its compute service has not been heard since the reboot',
    },
    {
      name: 'service up',
      ok: up,
      saw: up ? 'up' : `its compute service is ${service.forcedDown ? 'forced ' : ''}down`,
    },
  ];
}

function wrongKernel(running: string, next: string): string {
  return `kernel ${running} runs, ${next} was expected`;
}
