/** The contract of a cloud as Nightshift relies on it: one suite, run over a real OpenStack and over the twin. */
import { afterAll, beforeAll, describe } from 'vitest';
import { agentContract, lostAgentContract } from './agents.ts';
import { type Bench, openBench } from './bench.ts';
import { coldMigrationContract } from './cold-migration.ts';
import { cordonContract } from './cordon.ts';
import { devicesContract } from './devices.ts';
import { fleetContract } from './fleet.ts';
import { healthContract } from './health.ts';
import { liveMigrationContract } from './live-migration.ts';
import { lostCellContract } from './lost-cell.ts';
import { migrationFaultContract } from './migration-faults.ts';
import { ownServerContract } from './own-server.ts';
import { ownersContract } from './owners.ts';
import { powerContract } from './power.ts';
import { rebootContract } from './reboot.ts';
import { serviceContract } from './service.ts';
import type { Side } from './side.ts';
import { signInContract } from './sign-in.ts';

/** `without`: parts that say nothing about this side. */
export function cloudContract(
  name: string,
  open: () => Promise<Side>,
  without: readonly string[] = [],
): void {
  describe(name, () => {
    let bench: Bench;
    beforeAll(async () => {
      bench = await openBench(await open());
    });
    afterAll(() => bench.close());

    const parts = {
      'the fleet': fleetContract,
      'a cordon': cordonContract,
      'its devices': devicesContract,
      'a live migration': liveMigrationContract,
      'a live migration that goes wrong': migrationFaultContract,
      'a cold migration': coldMigrationContract,
      'a server that is stopped and started': powerContract,
      'a compute service': serviceContract,
      'what is broken': healthContract,
      'the network agents of a hypervisor': agentContract,
      'a network agent that dies': lostAgentContract,
      'a server of our own': ownServerContract,
      'who owns a server': ownersContract,
      'a hypervisor that is rebooted': rebootContract,
      'a cell that is lost': lostCellContract,
      'signing in': signInContract,
    };
    for (const [part, contract] of Object.entries(parts)) {
      if (without.includes(part)) continue;
      describe(part, () => {
        beforeAll(() => bench.side.reset());
        contract(() => bench);
      });
    }
  });
}
