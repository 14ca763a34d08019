/** Which failures of real clouds can be made to happen here, to whom, and how often. */

/** When it is decided whether something fails. */
export type Occasion = 'migration' | 'arrival' | 'reboot' | 'cordon';

interface Failure {
  readonly on: Occasion;
  /** What is seen of it. */
  readonly means: string;
  /** Numbers of the failure modes (`mode`) and complaints (`complaint`) of operators that it stands for. */
  readonly mode?: number;
  readonly complaint?: number;
}

/** `hypervisor` of a rule is the source of a migration, the destination of an arrival. */
export const FAILURES = {
  'never converges': {
    on: 'migration',
    mode: 1,
    means: 'the guest writes faster than is copied: more is sent than it has, and some always remains',
  },
  stuck: { on: 'migration', mode: 2, means: 'it runs, and nothing is copied' },
  slow: { on: 'migration', mode: 2, complaint: 11, means: 'it takes so many seconds' },
  'saw-tooth': {
    on: 'migration',
    mode: 3,
    means: 'what remains falls and rises, and it takes twice as long',
  },
  'dies when forced': {
    on: 'migration',
    mode: 4,
    means: 'it never converges, and to force it kills the guest',
  },
  'one-way door': {
    on: 'arrival',
    mode: 7,
    means: 'what runs on a rebooted hypervisor cannot go to one that is not',
  },
  'CPU differs': { on: 'arrival', mode: 6, means: 'the destination lacks what the guest’s CPU has' },
  'does not fit': { on: 'arrival', mode: 9, means: 'the destination has no NUMA node left for the guest' },
  unsupported: { on: 'migration', mode: 11, means: 'the host cannot migrate what the guest has (vTPM)' },
  'no valid host': { on: 'migration', mode: 18, means: 'the scheduler finds none' },
  'allocation left': {
    on: 'migration',
    mode: 19,
    means: 'it completes, and Placement still books it on the source',
  },
  refuse: { on: 'migration', mode: 18, means: 'source and destination do not agree on it' },
  prefail: { on: 'migration', mode: 20, means: 'the destination cannot prepare itself (network, volumes)' },
  fail: {
    on: 'migration',
    mode: 8,
    complaint: 7,
    means: 'it ends half-way, and the guest runs on where it was',
  },
  vanish: { on: 'migration', mode: 34, means: 'it is accepted and never heard of again' },
  'left in ERROR': {
    on: 'migration',
    mode: 22,
    complaint: 2,
    means: 'it ends half-way, the guest runs on and its record says ERROR',
  },
  'completed, not moved': {
    on: 'migration',
    complaint: 1,
    means: 'its record says completed, and the server is where it was',
  },
  'failed, but moved': {
    on: 'migration',
    complaint: 10,
    means: 'its record says failed, and the server is in its new place',
  },
  'server lands': {
    on: 'cordon',
    mode: 25,
    means: 'a server that was being placed lands on it some seconds after the cordon',
  },
  'taken over': { on: 'cordon', complaint: 18, means: 'somebody else changes the reason some seconds later' },
  enabled: { on: 'cordon', complaint: 18, means: 'somebody else enables it some seconds later' },
  denied: { on: 'reboot', mode: 27, means: 'the host refuses' },
  ignored: { on: 'reboot', mode: 27, complaint: 9, means: 'the host says yes and does not go down' },
  'never back': { on: 'reboot', mode: 33, means: 'it goes down for good' },
  'old kernel': { on: 'reboot', mode: 28, means: 'it boots the kernel that it had' },
  'no service': { on: 'reboot', mode: 29, means: 'it is back, and its compute service is not' },
  'no network agent': {
    on: 'reboot',
    mode: 29,
    means: 'it is back, and one of its network agents is not',
  },
  'second service': { on: 'reboot', mode: 29, means: 'its compute service is back as another one' },
  'no devices': { on: 'reboot', mode: 15, complaint: 5, means: 'its virtual functions and GPUs are gone' },
  'failed unit': { on: 'reboot', mode: 29, means: 'a unit of it has failed' },
} as const satisfies Readonly<Record<string, Failure>>;

type FailureName = keyof typeof FAILURES;
/** Those that are decided on one occasion. */
export type FailureOn<O extends Occasion> = {
  [Name in FailureName]: (typeof FAILURES)[Name]['on'] extends O ? Name : never;
}[FailureName];

/** Who it is about: globs, of a server's name or id. What is left out fits all. */
export interface FaultRule {
  readonly when?: {
    readonly hypervisor?: string;
    readonly server?: string;
    /** Only the so-many-th time that the rest fits, from 1. */
    readonly nth?: number;
    /** From 0 to 1: each time by chance, which the seed decides. */
    readonly probability?: number;
  };
  readonly what: FailureName;
  /** How long `slow` takes, and how long after the cordon what follows it comes. */
  readonly seconds?: number;
  /** How often it fitted so far. */
  seen?: number;
}
