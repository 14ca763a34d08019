/** What would a person answer who is asked about a step whose end nobody saw, and who looks at the simulated machine itself? */
import type { State } from './state.ts';

export interface Answer {
  readonly happened: 'yes' | 'no';
  readonly why: string;
}

/** Undefined for what no console shows. */
export function answerFromConsole(step: string, { hypervisors }: State): Answer | undefined {
  const [verb, name] = step.split(' ');
  const hypervisor = Object.values(hypervisors).find((each) => each.name === name);
  if (verb !== 'reboot' || hypervisor === undefined) return undefined;
  const did = hypervisor.boots > 0 || hypervisor.power !== 'on';
  return did
    ? { happened: 'yes', why: `the console of ${name} shows that it was rebooted` }
    : { happened: 'no', why: `the console of ${name} shows that it was not rebooted` };
}
