/** What a site has beside its cloud, in this process: a host with flags such as Ceph's, and an Alertmanager. */
import type { CommandResult, Host } from '../../src/domain/fleet.ts';
import type { Alertmanager, Matchers, Silence } from '../../src/domain/monitoring.ts';

/** Knows `flag set NAME`, `flag unset NAME` and `flag is NAME`; the first two may be repeated. */
export class FakeSite implements Host {
  readonly flags = new Set<string>();
  /** How it answers a command, by its words: a code and a last line, or no answer at all. */
  readonly faults = new Map<string, { exit: number; says: string } | 'unreachable'>();

  async run([, verb = '', name = '']: readonly string[]): Promise<CommandResult> {
    const fault = this.faults.get(`${verb} ${name}`);
    if (fault === 'unreachable')
      throw Object.assign(new Error('ceph1: connection refused'), { retryable: true, sent: false });
    if (fault !== undefined) return { exit: fault.exit, stdout: `${fault.says}\n`, stderr: '' };
    if (verb === 'set') this.flags.add(name);
    if (verb === 'unset') this.flags.delete(name);
    return { exit: verb === 'is' && !this.flags.has(name) ? 1 : 0, stdout: `${verb} ${name}\n`, stderr: '' };
  }
}

/** Silences that end by themselves with its own clock, as the real one's do. */
export class FakeAlertmanager implements Alertmanager {
  readonly silences: (Silence & { ended: boolean })[] = [];
  readonly open: string[] = [];

  /** Marks of the silences that are there now. */
  get living(): string[] {
    return this.silences.filter(({ ended, until }) => !ended && until > new Date()).map(({ mark }) => mark);
  }

  async alerts(matchers: Matchers) {
    return this.open.map((name) => ({ name, labels: matchers, since: new Date(0).toISOString() }));
  }

  async silence(wanted: Silence): Promise<Date> {
    const words = JSON.stringify(wanted.matchers);
    const known = this.silences.findIndex(
      ({ mark, matchers, ended }) => !ended && mark === wanted.mark && JSON.stringify(matchers) === words,
    );
    const before = this.silences[known];
    if (before !== undefined && before.until >= wanted.until) return before.until;
    if (known >= 0) this.silences.splice(known, 1);
    this.silences.push({ ...wanted, ended: false });
    return wanted.until;
  }

  async expire(mark: string): Promise<number> {
    const living = this.silences.filter((each) => each.mark === mark && !each.ended);
    for (const each of living) each.ended = true;
    return living.length;
  }

  async expireCommands(mark: string): Promise<readonly string[]> {
    return [`end the silences of ${mark}`];
  }
}
