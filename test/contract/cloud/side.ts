/** What the cloud contract asks of each of its two sides: a real OpenStack, and the twin that copies it. */
import type { Exchanging } from '../../../src/clients/openstack/exchange.ts';
import type { OpenStackSettings } from '../../../src/clients/openstack/settings.ts';
import type { SshSettings } from '../../../src/clients/ssh.ts';
import type { Host } from '../../../src/domain/fleet.ts';

export interface Person {
  readonly name: string;
  readonly password: string;
  readonly project: string;
}

/**
 * A cloud of five hypervisors of 32 vCPU, 128 GiB and 2000 GiB each. The first three are in aggregate
 * `rack-a` and zone `az1`, the others in `rack-b` and `az2`; the last two have GPUs. A live migration takes
 * next to no time but where a server's metadata `lab:migrate` says otherwise.
 */
export interface Side {
  readonly settings: OpenStackSettings;
  readonly ssh: SshSettings;
  /** How to reach it without a network, where that is what is tried. */
  readonly inProcess?: { readonly exchange: Exchanging; host(hypervisor: string): Host };
  /** Hypervisor hostnames, in order; up to its first dot each is its service host's name. */
  readonly hypervisors: readonly [string, string, string, string, string];
  readonly admin: Person;
  /** A member of a project who is no administrator. */
  readonly tenant: Person;
  /** Id of an image to make servers of. */
  readonly image: string;
  /** The kernel that runs after `reset`, and the one that boots next. */
  readonly kernels: { readonly old: string; readonly next: string };
  /** Binaries of Neutron's agents on a hypervisor, in order of name. */
  agents(hypervisor: string): readonly string[];
  /** How long to wait for something to come about, and between two looks. */
  readonly patience: { readonly timeout: number; readonly interval: number };
  /** No servers; every hypervisor on, its service enabled and up, with a kernel that awaits a reboot. */
  reset(): Promise<void>;
  /** The compute service ends without a word; its guests run on. */
  crash(hypervisor: string): Promise<void>;
  /** The compute service is started again. */
  start(hypervisor: string): Promise<void>;
  /** The database of the one cell refuses connections, or takes them and is silent, until what is answered is called. */
  loseCell(how: 'refused' | 'silent'): Promise<() => Promise<void>>;
  /** Nova's conductor works on nothing until what is answered is called. */
  hangConductor(): Promise<() => Promise<void>>;
  close(): Promise<void>;
}
