/** A hypervisor of the fake cloud: its operating system, its reboots and its compute service. */
import type {
  CommandOptions,
  CommandResult,
  ComputeService,
  Host,
  Hypervisor,
  NetworkAgent,
  Resources,
} from '../../src/domain/fleet.ts';
import { BOOT_PROBE } from '../../src/domain/host-boot.ts';
import { GUESTS_PROBE } from '../../src/domain/host-guests.ts';
import { STATE_PROBE } from '../../src/domain/host-state.ts';
import { NEED_PROBE } from '../../src/domain/reboot-need.ts';
import { rebootRequest } from '../../src/procedures/reboot.ts';
import type { FakeCloud } from './fake-cloud.ts';

/** What goes wrong with it. */
export type HostFault =
  | 'unreachable'
  | 'comes back with its old kernel'
  | 'never comes back'
  | 'refuses to reboot'
  | 'answers and never reboots'
  | 'registers a second service'
  | 'registers a second hypervisor'
  | 'has a libvirt that fails'
  | 'fails new servers'
  | 'hangs on new servers';

/** What the probe says where nothing is missing. */
const WHOLE_BOOT = `images=yes
image=/boot/vmlinuz
initramfs=/boot/initrd.img
modules=/lib/modules/next
boot_df=/dev/sda2 499656 211468 251492 46% /boot
`;
/** What the probe says of its devices, units and clock. */
const STATE = `model=PowerEdge R640
units_exit=0
system=running
ntp=yes
/sys/bus/pci/devices/0000:3b:00.0/uevent:DRIVER=nvidia
/sys/bus/pci/devices/0000:3b:00.0/uevent:PCI_ID=10DE:20B5
`;
/** The commands that it knows as the site's update, and as the probe of it. */
export const UPDATE = 'update-host';
export const UPDATE_PROBE = 'is-updated';
const AWAY_SECONDS = 12;
/** Nova calls a service up for so long after its last heartbeat. */
const UP_SECONDS = 15;
const [, , REBOOT_SCRIPT] = rebootRequest('', '');

export class FakeHost implements Host {
  readonly name: string;
  readonly seed: Hypervisor;
  readonly #cloud: FakeCloud;
  disabled: string | undefined;
  fault: HostFault | undefined;
  kernel = '6.1.0-18';
  /** The kernel that boots next. */
  next = '6.1.0-28';
  /** What it says of the files of that kernel. */
  bootFiles = WHOLE_BOOT;
  /** What it says of its devices, units and clock. */
  state = STATE;
  /** What it says of them once it has rebooted. */
  stateAfter: string | undefined;
  isUpdated = false;
  /** Its compute service has ended without a word. */
  isDead = false;
  /** Its network agents, and those of them that nobody hears of any more. */
  agents = ['neutron-openvswitch-agent'];
  readonly deadAgents = new Set<string>();
  /** What its update does. */
  onUpdate: () => CommandResult = () => said('unpacking\ndone\n');
  reboots = 0;
  #boot = 1;
  #awayUntil: number | undefined;
  #heardAt = 0;
  #reportedAt = 0;
  #serviceId: string;

  constructor(cloud: FakeCloud, seed: Hypervisor) {
    this.#cloud = cloud;
    this.seed = seed;
    this.name = seed.name;
    this.disabled = seed.disabled;
    this.#serviceId = `service-${seed.name}`;
  }

  /** Somebody has taken it out of service, or it is rebooting. */
  get isOut(): boolean {
    return this.#awayUntil !== undefined || this.disabled?.startsWith('nightshift') === true;
  }

  get isAway(): boolean {
    return this.#awayUntil !== undefined;
  }

  advance(): void {
    const { now } = this.#cloud;
    if (this.#awayUntil !== undefined && now >= this.#awayUntil) this.#comeBack();
    if (this.#awayUntil !== undefined || now % 2 !== 0) return;
    this.#reportedAt = now;
    if (!this.isDead) this.#heardAt = now;
  }

  asHypervisor(used: Resources): Hypervisor {
    const { disabled: _, ...seed } = this.seed;
    const disabled = this.disabled === undefined ? {} : { disabled: this.disabled };
    return { ...seed, ...disabled, up: this.asService().up && seed.up, used };
  }

  asService(): ComputeService {
    return {
      id: this.#serviceId,
      hypervisorId: `${this.name}-${this.fault === 'registers a second hypervisor' && this.reboots > 0 ? 2 : 1}`,
      up: this.#cloud.now - this.#heardAt < UP_SECONDS,
      ...(this.disabled === undefined ? {} : { disabled: this.disabled }),
      forcedDown: false,
      heardAt: this.#cloud.at(this.#heardAt),
    };
  }

  asAgents(): NetworkAgent[] {
    const isHeard = this.#cloud.now - this.#reportedAt < UP_SECONDS;
    return this.agents.map((binary) => {
      const isDead = this.deadAgents.has(binary);
      return { binary, alive: isHeard && !isDead, heardAt: this.#cloud.at(isDead ? 0 : this.#reportedAt) };
    });
  }

  async run(argv: readonly string[], options: CommandOptions): Promise<CommandResult> {
    this.#cloud.tick();
    if (this.#awayUntil !== undefined || this.fault === 'unreachable')
      throw sshError('connection refused', false);
    const boot = `running=${this.kernel}\nboot=${this.#bootId}\n`;
    switch (argv[2] ?? '') {
      case BOOT_PROBE:
        return said(boot);
      case NEED_PROBE:
        return said(`${boot}next=${this.next}\n${this.bootFiles}${this.#needsUpdate(argv[5])}`);
      case GUESTS_PROBE:
        return said(this.#guests());
      case STATE_PROBE:
        return said(`${this.state}state=told\n`);
      case REBOOT_SCRIPT:
        return this.#reboot(argv[4] ?? '');
      case 'exit 0':
      case 'exit 1':
        return { ...said(`${argv[2]}\n`), exit: Number(argv[2]?.slice(-1)) };
      case UPDATE:
        return this.#update(options);
      case UPDATE_PROBE:
        return { ...said(''), exit: this.isUpdated ? 0 : 1 };
      default:
        throw new Error(`the fake host does not know the command ${argv.join(' ')}`);
    }
  }

  get #bootId(): string {
    return `${this.name}-boot-${this.#boot}`;
  }

  #guests(): string {
    if (this.fault === 'has a libvirt that fails') return 'domains_exit=1\nprocesses=0\n';
    const domains = this.#cloud.running(this.name).map(({ id }) => `domain:${id}\n`);
    return `domains_exit=0\n${domains.join('')}processes=${domains.length}\n`;
  }

  #needsUpdate(probe = ''): string {
    return probe === UPDATE_PROBE ? `update=${this.isUpdated ? 0 : 1}\n` : '';
  }

  #update({ onLine }: CommandOptions): CommandResult {
    if (this.isUpdated) this.#cloud.violations.push(`${this.name} was updated twice`);
    const ended = this.onUpdate();
    this.isUpdated ||= ended.exit === 0;
    for (const line of ended.stdout.split('\n')) onLine?.('stdout', line);
    this.#cloud.changed(`update ${this.name}`);
    return ended;
  }

  #reboot(bootId: string): CommandResult {
    if (bootId !== this.#bootId) return { ...said(''), exit: 75 };
    if (this.fault === 'refuses to reboot') return { exit: 1, stdout: '', stderr: 'Access denied\n' };
    if (this.fault === 'answers and never reboots') return said('');
    const aboard = this.#cloud.running(this.name);
    const { violations } = this.#cloud;
    if (aboard.length > 0)
      violations.push(`${this.name} was rebooted under ${aboard.map(({ id }) => id).join(', ')}`);
    if (this.reboots > 0) violations.push(`${this.name} was rebooted twice`);
    if (this.disabled === undefined) violations.push(`${this.name} was rebooted in service`);
    for (const guest of aboard) guest.status = 'SHUTOFF';
    this.reboots += 1;
    this.#awayUntil = this.fault === 'never comes back' ? Infinity : this.#cloud.now + AWAY_SECONDS;
    this.#cloud.changed(`reboot ${this.name}`);
    throw sshError('connection closed', true);
  }

  #comeBack(): void {
    this.#awayUntil = undefined;
    this.#boot += 1;
    this.state = this.stateAfter ?? this.state;
    if (this.fault !== 'comes back with its old kernel') this.kernel = this.next;
    if (this.fault === 'registers a second service') this.#serviceId += '-2';
  }
}

function said(stdout: string): CommandResult {
  return { exit: 0, stdout, stderr: '' };
}

function sshError(why: string, sent: boolean): Error {
  return Object.assign(new Error(why), { retryable: true, sent });
}
