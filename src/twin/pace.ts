/** How long things take in the simulated cloud. */

/** On the cloud's own clock. */
export interface Pace {
  /** Between two heartbeats of a compute service. */
  readonly heartbeatMs: number;
  /** Nova calls a service up for so long after its last heartbeat. */
  readonly downAfterMs: number;
  /** Between two reports of a network agent. */
  readonly reportMs: number;
  /** Neutron calls an agent alive for so long after its last report. */
  readonly silentMs: number;
  /** What a service takes for any answer. */
  readonly apiMs: number;
  /** Nova waits so long for the answer of a compute service. */
  readonly rpcMs: number;
  /** Nova waits so long for a cell's database that is silent. */
  readonly cellMs: number;
  /** What a live migration copies of memory in a second. */
  readonly mbPerSecond: number;
  /** Between two steps of Nova's own. */
  readonly stepMs: number;
  /** From a hypervisor's request to reboot until it stops answering. */
  readonly stopMs: number;
  /** From then until its SSH answers again. */
  readonly awayMs: number;
  /** From then until its compute service and its network agents run. */
  readonly agentMs: number;
  /** From then until Nova has looked which guests run. */
  readonly lookMs: number;
  /** How long a token is good. */
  readonly tokenMs: number;
}

/** Nova's and Neutron's own defaults, and a hypervisor that is back within a minute. */
export const PACE: Pace = {
  heartbeatMs: 10_000,
  downAfterMs: 60_000,
  reportMs: 30_000,
  silentMs: 75_000,
  apiMs: 0,
  rpcMs: 60_000,
  cellMs: 60_000,
  mbPerSecond: 500,
  stepMs: 150,
  stopMs: 2_000,
  awayMs: 35_000,
  agentMs: 6_000,
  lookMs: 2_000,
  tokenMs: 24 * 3_600_000,
};
