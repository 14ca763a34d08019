/** What is wrong with the cloud, looked at through its interfaces and on its hosts. Changes nothing. */
import type { Context } from '../context.ts';
import {
  type AuditQuestion,
  auditCloud,
  type Finding,
  silentCell,
  type Unasked,
  unaskedInSilence,
  unaskedOf,
} from '../domain/audit.ts';
import type { Cloud, Fleet } from '../domain/fleet.ts';
import { judgeSuspect, type Leftover, suspectsIn } from '../domain/leftovers.ts';
import type { RebootNeed } from '../domain/reboot-need.ts';
import { REBOOTS, type RebootRecord } from '../domain/reboot-record.ts';

const AUDITOR = import.meta.resolve('../domain/audit.ts');
const LOOK_MS = 60 * 60_000;

export type Look = {
  readonly at: string;
  readonly hypervisors: number;
  readonly servers: number;
  readonly findings: readonly Finding[];
  readonly unasked: Unasked;
};

/** `needs`: by hypervisor name, or why there are none. A silent cell is a finding; then nothing else is looked for. */
export async function lookOver(
  ctx: Context<unknown>,
  needs: Readonly<Record<string, RebootNeed>> | { readonly none: string },
): Promise<Look> {
  const { cloud } = ctx;
  return ctx.step<Look>('look', { effect: 'read', timeoutMs: LOOK_MS }, async ({ now, table, compute }) => {
    const at = now().toISOString();
    const fleet = await fleetOrSilence(cloud);
    if ('silent' in fleet) {
      const findings = [silentCell(fleet.silent)];
      return { at, hypervisors: 0, servers: 0, findings, unasked: unaskedInSilence() };
    }
    const question: AuditQuestion = {
      fleet,
      ...('none' in needs && typeof needs.none === 'string'
        ? { needs: {}, whyNoNeeds: needs.none }
        : { needs: needs as Readonly<Record<string, RebootNeed>> }),
      leftovers: await leftoversIn(cloud, fleet),
      resizes: await resizesIn(cloud, fleet),
      reboots: Object.fromEntries(await table(REBOOTS).all<RebootRecord>()),
    };
    return {
      at,
      hypervisors: fleet.hypervisors.length,
      servers: fleet.servers.length,
      findings: await compute(AUDITOR, auditCloud, question),
      unasked: unaskedOf(question),
    };
  });
}

async function fleetOrSilence(cloud: Cloud): Promise<Fleet | { readonly silent: readonly string[] }> {
  try {
    return await cloud.fleet();
  } catch (error) {
    if (error instanceof Error && 'silentHosts' in error && Array.isArray(error.silentHosts))
      return { silent: error.silentHosts as string[] };
    throw error;
  }
}

async function leftoversIn(cloud: Cloud, fleet: Fleet): Promise<Leftover[]> {
  const suspects = Map.groupBy(suspectsIn(fleet, await cloud.bookings()), ({ hypervisor }) => hypervisor);
  const found: Leftover[] = [];
  for (const [name, here] of suspects) {
    const servers = new Map<string, Awaited<ReturnType<Cloud['server']>>>();
    for (const { consumer } of here) servers.set(consumer, await cloud.server(consumer));
    const occupancy = await cloud.occupancy(name);
    for (const suspect of here) {
      const leftover = judgeSuspect(suspect, servers.get(suspect.consumer), occupancy);
      if (leftover !== undefined) found.push(leftover);
    }
  }
  return found;
}

/** Since when each of them waits; since the server was made, where Nova has no record of the resize. */
async function resizesIn(cloud: Cloud, { servers }: Fleet): Promise<Record<string, string>> {
  const since: Record<string, string> = {};
  for (const { id, status, createdAt } of servers) {
    if (status !== 'VERIFY_RESIZE') continue;
    const [resize] = (await cloud.migrations(id)).filter((migration) => migration.status === 'finished');
    since[id] = resize?.updatedAt ?? createdAt;
  }
  return since;
}
