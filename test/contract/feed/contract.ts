/** What every feed owes the jobs, whatever it speaks to. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PatchFeed, Poll, ReportedHost } from '../../../src/domain/patch-feed.ts';
import { evidenceOf, habitsOf } from '../../../src/domain/poll-evidence.ts';
import { HOSTILE, MACHINES, type Machine, NOW, SILENT, TWICE, VULNERABLE, WELL } from './machines.ts';

/** One feed and what it speaks to, brought up with `MACHINES`. */
export interface Side {
  readonly feed: PatchFeed;
  /** It names findings and their tags, and when a machine reported; else it counts as of now. */
  readonly namesFindings: boolean;
  readonly tellsTimes: boolean;
  /** From now on something of what it should say is missing, and it can be seen to be. */
  spoil(): Promise<void>;
  /** From now on nothing can be had from it. */
  breakDown(): Promise<void>;
  close(): Promise<void>;
}

const never = new AbortController().signal;

export function describeFeed(name: string, open: () => Promise<Side>): void {
  describe(`a feed: ${name}`, () => {
    let side: Side;
    let poll: Poll;
    beforeAll(async () => {
      side = await open();
      poll = await side.feed.poll(never);
    });
    afterAll(() => side?.close());

    const listed = ({ name, id }: Machine): ReportedHost[] =>
      poll.hosts.filter((host) => host.hostname === name || host.serverId === id);
    const evidence = (machine: Machine) =>
      evidenceOf(listed(machine), habitsOf(poll), { silentSince: undefined, doubtful: false });

    it('says whose poll it is, and as of when', () => {
      expect(poll).toMatchObject({ feed: side.feed.name, complete: true, warnings: [] });
      expect(poll.takenAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      expect(Date.parse(poll.takenAt)).toBeLessThanOrEqual(Date.now());
    });

    it('lists a machine with findings, each once', () => {
      const [host] = listed(VULNERABLE);
      const { subjects, heard } = evidence(VULNERABLE);

      expect({ heard, found: subjects.length > 0 }).toEqual({ heard: 'yes', found: true });
      if (!side.namesFindings) return;
      const ids = host?.findings.map(({ id }) => id);
      expect(ids?.toSorted()).toEqual(['CVE-2024-1086', 'CVE-2024-6387']);
    });

    it('has the worst tag of a finding first', () => {
      const tags = listed(VULNERABLE).flatMap(({ findings }) => findings.map((each) => each.tags));

      for (const each of tags.filter((given) => given.length > 1))
        expect(each).toEqual(['Critical', 'EGI-High']);
    });

    it('has nothing against a machine that is well, and does not say that it is silent', () => {
      const { subjects, heard, silentFrom = NOW.getTime() } = evidence(WELL);

      expect(subjects).toEqual([]);
      expect(heard).toBe(poll.listsClean ? 'yes' : 'unknown');
      expect(NOW.getTime() - silentFrom).toBeLessThan(86_400_000);
    });

    it('shows that a machine is silent, and never that it is well', () => {
      const { subjects, heard, silentFrom } = evidence(SILENT);

      expect(subjects.length > 0 || heard === 'no').toBe(true);
      if (side.tellsTimes) expect(silentFrom).toBe(SILENT.reportedAt.getTime());
      else if (poll.listsClean) expect(heard).toBe('no');
    });

    it('lists a machine that it knows twice once, as it is by its newest report', () => {
      const [host, ...others] = listed(TWICE);

      expect(others).toEqual([]);
      if (side.namesFindings) expect(host?.findings.map(({ id }) => id)).toEqual(['CVE-2024-6387']);
    });

    it('keeps a hostile name as it is, since it is data', () => {
      expect(listed(HOSTILE).map(({ hostname }) => hostname)).toEqual([HOSTILE.name]);
    });

    it('lists nobody else', () => {
      const known = new Set<string | undefined>(MACHINES.flatMap(({ name, id }) => [name, id]));

      expect(
        poll.hosts.filter(({ hostname, serverId }) => !known.has(hostname) && !known.has(serverId)),
      ).toEqual([]);
    });

    it('tells times in UTC', () => {
      const times = poll.hosts.flatMap(({ lastReport, findings }) => [
        lastReport,
        ...findings.map(({ advisedAt }) => advisedAt),
      ]);

      for (const time of times.filter((each) => each !== undefined))
        expect(new Date(time).toISOString()).toBe(time);
      if (side.tellsTimes) expect(listed(VULNERABLE)[0]?.lastReport).toBe(NOW.toISOString());
    });

    it('tells the same when it is asked again', async () => {
      const again = await side.feed.poll(never);
      const timeless = (hosts: readonly ReportedHost[]) =>
        hosts.map((host) =>
          host.lastReport === poll.takenAt || host.lastReport === again.takenAt
            ? { ...host, lastReport: '' }
            : host,
        );

      expect(timeless(again.hosts)).toEqual(timeless(poll.hosts));
    });

    it('is no longer asked once the run has been told to stop', async () => {
      await expect(side.feed.poll(AbortSignal.abort(new Error('the run is over')))).rejects.toThrow(
        'the run is over',
      );
    });

    it('is not complete when something of it is missing, and says what', async () => {
      await side.spoil();

      const spoilt = await side.feed.poll(never);

      expect(spoilt.complete).toBe(false);
      expect(spoilt.warnings.join()).not.toBe('');
    });

    it('that is broken is an error for operators, which says whether to try again', async () => {
      await side.breakDown();

      await expect(side.feed.poll(never)).rejects.toMatchObject({
        name: expect.stringMatching(/^(Pakiti|Monitoring|Drop)Error$/),
        retryable: expect.any(Boolean),
        message: expect.stringMatching(/\S+ \S+ \S+/),
      });
    });
  });
}
