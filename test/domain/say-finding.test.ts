import { describe, expect, it } from 'vitest';
import { judgedRow } from '../../src/domain/judged.ts';
import { sayFinding, sayStanding } from '../../src/domain/say-finding.ts';
import { dayAfter, FIRST_POLL, finding, host, Memory, policy, poll, servers } from '../support/polls.ts';

const CVE = 'CVE-2026-1';
const ZONE = 'Europe/London';
const exemption = { cve: CVE, reason: 'vendor fix is due', approvedBy: 'kim', until: '2026-12-11' };
const memory = () => new Memory({ servers: servers('web'), policy: policy() });
const shown = (day: number, tags = ['High']) => poll(dayAfter(day), [host('web', [finding(CVE, { tags })])]);
const said = (judgement: ReturnType<Memory['see']>) =>
  judgement.servers.get('web')!.findings.map((each) => sayFinding(each, ZONE));

describe('sayFinding', () => {
  it('says since when it is known and until when it may last', () => {
    expect(said(memory().see(shown(0)))).toEqual([
      'CVE-2026-1: first seen Fri 20 Nov 2026, due by Fri 4 Dec 2026 17:00 GMT',
    ]);
  });

  it('says who exempts it, and why', () => {
    expect(said(memory().see(shown(0), { exemptions: [exemption] }))).toEqual([
      'CVE-2026-1: first seen Fri 20 Nov 2026, exempt until Fri 11 Dec 2026 23:59 GMT (vendor fix is due; kim)',
    ]);
  });

  it('says what has become of it', () => {
    const site = memory();
    site.see(shown(0));
    const worse = said(site.see(shown(1, ['Critical'])));
    const missed = said(site.see(poll(dayAfter(2), [])));
    const over = said(site.see(poll(dayAfter(3), [])));
    const back = said(site.see(shown(4, ['Critical'])));

    const first = 'CVE-2026-1: first seen Fri 20 Nov 2026';
    const due = 'due by Sat 28 Nov 2026 17:00 GMT, due sooner since Sat 21 Nov 2026';
    expect([worse, missed, over, back]).toEqual([
      [`${first}, ${due}`],
      [`${first}, ${due}, not shown by the latest report`],
      [`${first}, resolved Mon 23 Nov 2026, due sooner since Sat 21 Nov 2026`],
      [`${first}, ${due}, came back Tue 24 Nov 2026 with its old date`],
    ]);
  });
});

describe('sayStanding', () => {
  const standing = (...args: Parameters<Memory['see']>) =>
    sayStanding(
      memory()
        .see(...args)
        .servers.get('web')!,
      ZONE,
    );

  it('says the state of a server, and what comes first', () => {
    const two = poll(FIRST_POLL, [host('web', [CVE, finding('CVE-2026-2', { tags: ['Critical'] })])]);

    expect(standing(two)).toBe('is vulnerable: 2 findings, the first due by Fri 27 Nov 2026 17:00 GMT');
    expect(standing(two, { exemptions: [exemption] })).toBe(
      'is vulnerable: 1 finding, the first due by Fri 27 Nov 2026 17:00 GMT, 1 exempt',
    );
    expect(standing(poll(FIRST_POLL, [host('web')]))).toBe('keeps to the policy');
  });

  it('says why a server is not judged', () => {
    const young = servers('web').map((each) => ({ ...each, createdAt: FIRST_POLL.toISOString() }));

    expect(standing(shown(0), { servers: young })).toBe(
      'is not known: it is younger than 7d, so it is left alone',
    );
    expect(standing(poll(FIRST_POLL, [], { listsClean: true }))).toBe(
      'is not known: pakiti does not list it',
    );
  });
});

describe('judgedRow', () => {
  it('judges what is remembered as the last poll did, but shows none of it', () => {
    const site = memory();
    const judged = site.see(shown(0), { exemptions: [exemption] }).servers.get('web')!;
    const { shown: _, ...unshown } = judged.findings[0]!;

    const about = { policy: site.site.policy, exemptions: [exemption], zone: 'UTC', now: dayAfter(0.5) };
    expect(judgedRow(site.rows.get('web')!, servers('web')[0]!, about)).toEqual([unshown]);
  });
});
