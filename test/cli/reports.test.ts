import { afterAll, beforeAll, expect, it } from 'vitest';
import type { RunRecord } from '../../src/engine/runs.ts';
import { openSite, type Site } from '../support/nightshift.ts';
import { openTestTwin, type TestTwin } from '../support/twin.ts';

let twin: TestTwin;
let site: Site;
beforeAll(async () => {
  twin = await openTestTwin({ hypervisors: 8, servers: 40 });
  site = await openSite({ env: twin.twin.env });
});
afterAll(async () => {
  await site.close();
  await twin.close();
});

it('audit prints what is wrong, and nothing of a dry run', async () => {
  const { exit, out, err } = await site.nightshift('audit', '-o', 'askHosts=false');

  expect(err).toBe('');
  expect(out).toMatch(/^3 findings on 8 hypervisors with 40 servers: 3 new\.\n/);
  expect(out).toContain('  hv08.twin.example  disabled by somebody else: "disk swap, ask Kim"  [new]\n');
  expect(exit).toBe(0);
});

it('audit looks without a way to the hosts at what the cloud itself tells', async () => {
  const { exit, out } = await site.nightshift('audit');

  expect(out).toContain('3 findings on 8 hypervisors with 40 servers');
  expect(out).toMatch(
    /not looked for {2}hypervisors whose next kernel is unclear: no host could tell: .*`ssh` is not configured/,
  );
  expect(exit).toBe(0);
});

it('audit answers a program with the run, findings included', async () => {
  const run = await site.json<RunRecord>('audit', '-o', 'askHosts=false');

  expect(run).toMatchObject({
    job: 'audit-cloud',
    state: 'succeeded',
    acting: false,
    trigger: { by: 'kim' },
  });
  expect(run.result).toMatchObject({
    findings: [{ kind: 'disabled' }, { kind: 'pinned' }, { kind: 'pinned' }],
  });
});

it('shadow report takes a day, and says that no night is recorded', async () => {
  const { exit, out } = await site.nightshift('shadow', 'report', '--since', '2026-11-24');

  expect(out).toBe(
    'No night is recorded: a campaign records one when its schedule starts it and it is not armed.\n',
  );
  expect(exit).toBe(0);
  const [run] = await site.json<RunRecord[]>('runs', '--job', 'shadow-report');
  expect((await site.json<RunRecord>('show', run?.id ?? '')).options).toEqual({ since: '2026-11-24' });
});

it.each([
  [['shadow', 'report', '--since', 'yesterday'], /options\.since: /],
  [['audit', '-o', 'askHost=false'], /did you mean `askHosts`/],
])('%j is refused in words', async (words, why) => {
  const { exit, err } = await site.nightshift(...words);

  expect(err).toMatch(why);
  expect(exit).toBe(2);
});

it('help lists them with what looks', async () => {
  const { out } = await site.nightshift('--help');

  expect(out).toMatch(/Look:[^]*\n {2}audit .*list what is wrong with the cloud[^]*\n {2}shadow .*compare/);
});
