import { expect, it } from 'vitest';
import { seedFleet } from '../../src/demo/fleet.ts';
import { answerFromConsole } from '../../src/twin/console.ts';
import type { Hypervisor } from '../../src/twin/state.ts';

it.each<{ what: string; step: string; about: Partial<Hypervisor>; happened: string | undefined }>([
  { what: 'yes of one that has booted since', step: 'reboot hv01', about: { boots: 1 }, happened: 'yes' },
  {
    what: 'yes of one that is going down',
    step: 'reboot hv01',
    about: { power: 'going down' },
    happened: 'yes',
  },
  { what: 'no of one that runs on', step: 'reboot hv01', about: {}, happened: 'no' },
  { what: 'nothing of one that there is not', step: 'reboot hv77', about: {}, happened: undefined },
  { what: 'nothing of another step', step: 'migrate hv01', about: {}, happened: undefined },
])('a look at the console says $what', ({ step, about, happened }) => {
  const state = seedFleet({ seed: 7, hypervisors: 6, servers: 0, at: 0 });
  Object.assign(state.hypervisors['hv01']!, about);

  expect(answerFromConsole(step, state)?.happened).toBe(happened);
});
