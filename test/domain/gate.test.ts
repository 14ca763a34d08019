import { describe, expect, it } from 'vitest';
import type { Health } from '../../src/domain/fleet.ts';
import {
  type Bounds,
  baselineOf,
  judgeGate,
  NOTHING_WRONG,
  type Readings,
  sayRed,
} from '../../src/domain/gate.ts';

const limits = { errorServers: 0, services: 0, apiSeconds: 10 };
const broken = (...names: string[]) => names.map((id) => ({ id, name: id, hypervisor: 'hv4' }));
const openStack = (health: Partial<Health>, tookMs = 300): Readings => ({
  cloud: { health: { errors: [], down: [], ...health }, tookMs },
});
const red = (readings: Readings, more = {}, baseline = NOTHING_WRONG) =>
  sayRed(judgeGate(readings, { ...limits, ...more }, baseline));

describe('the gate', () => {
  it('is green where nothing is asked', () => {
    expect(judgeGate({}, limits, NOTHING_WRONG)).toEqual([]);
    expect(red({})).toBeUndefined();
  });

  it('says of every signal what it saw', () => {
    expect(
      judgeGate(
        {
          ...openStack({}),
          queries: [{ name: 'ceph', bounds: { below: 1 }, answer: [{ labels: {}, value: 0 }] }],
          commands: [
            { name: 'ok-to-stop', answer: { exit: 0, stdout: 'looking\nok to stop\n', stderr: '' } },
          ],
          alerts: [],
        },
        limits,
        NOTHING_WRONG,
      ),
    ).toEqual([
      { name: 'ERROR servers', green: true, says: 'none that was not there at the beginning' },
      { name: 'down services and agents', green: true, says: 'none that was not there at the beginning' },
      { name: 'API latency', green: true, says: 'OpenStack answered in 0.3 s (allowed: 10 s)' },
      { name: 'ceph', green: true, says: '0, below 1 as it must be' },
      { name: 'ok-to-stop', green: true, says: 'ok to stop' },
      { name: 'open alerts', green: true, says: 'none' },
    ]);
  });

  it.each<{
    what: string;
    health: Partial<Health>;
    at?: Partial<Health>;
    allowed?: object;
    says: string | undefined;
  }>([
    {
      what: 'a new server in ERROR',
      health: { errors: broken('a') },
      says: 'ERROR servers is red: 1 more than at the beginning: a a… on hv4 (allowed: 0)',
    },
    {
      what: 'one that was in ERROR at the beginning',
      health: { errors: broken('a') },
      at: { errors: broken('a') },
      says: undefined,
    },
    {
      what: 'one that took the place of another',
      health: { errors: broken('b') },
      at: { errors: broken('a') },
      says: 'ERROR servers is red: 1 more than at the beginning: b b… on hv4 (allowed: 0)',
    },
    {
      what: 'as many as are allowed',
      health: { errors: broken('a', 'b') },
      allowed: { errorServers: 2 },
      says: undefined,
    },
    {
      what: 'one more than that',
      health: { errors: broken('a', 'b', 'c') },
      allowed: { errorServers: 2 },
      says: 'ERROR servers is red: 3 more than at the beginning: a a… on hv4, b b… on hv4 and c c… on hv4 (allowed: 2)',
    },
    {
      what: 'one where they are not looked at',
      health: { errors: broken('a') },
      allowed: { errorServers: false },
      says: undefined,
    },
    {
      what: 'a service that went down',
      health: { down: ['nova-compute on cmp3', 'nova-conductor on ctl1'] },
      at: { down: ['nova-compute on cmp3'] },
      says: 'down services and agents is red: 1 more than at the beginning: nova-conductor on ctl1 (allowed: 0)',
    },
    {
      what: 'a network agent that went down',
      health: { down: ['neutron-dhcp-agent on cmp3', 'neutron-dhcp-agent on cmp4'] },
      at: { down: ['neutron-dhcp-agent on cmp3'] },
      says: 'down services and agents is red: 1 more than at the beginning: neutron-dhcp-agent on cmp4 (allowed: 0)',
    },
  ])('with $what', ({ health, at = {}, allowed = {}, says }) => {
    expect(red(openStack(health), allowed, baselineOf({ errors: [], down: [], ...at }))).toBe(says);
  });

  it.each([
    { tookMs: 10_000, says: undefined },
    { tookMs: 10_040, says: 'API latency is red: OpenStack answered in 10.0 s (allowed: 10 s)' },
    { tookMs: 12_345, says: 'API latency is red: OpenStack answered in 12.3 s (allowed: 10 s)' },
  ])('when OpenStack takes $tookMs ms', ({ tookMs, says }) => {
    expect(red(openStack({}, tookMs))).toBe(says);
  });

  it.each<{ bounds: Bounds; values: number[]; says: string | undefined }>([
    { bounds: { below: 5 }, values: [4.9], says: undefined },
    { bounds: { below: 5 }, values: [5], says: 'q is red: 5 (n=0), and must be below 5' },
    { bounds: { above: 5 }, values: [5], says: 'q is red: 5 (n=0), and must be above 5' },
    {
      bounds: { above: 1, below: 5 },
      values: [2, 6],
      says: 'q is red: 6 (n=1), and must be above 1 and below 5',
    },
    { bounds: { below: 5 }, values: [Number.NaN], says: 'q is red: NaN (n=0), and must be below 5' },
    { bounds: { above: 5 }, values: [Infinity], says: undefined },
    { bounds: { below: 5 }, values: [], says: 'q is red: Prometheus knows no such series' },
  ])('with a query within $bounds that is $values', ({ bounds, values, says }) => {
    const answer = values.map((value, n) => ({ labels: { n: String(n) }, value }));

    expect(red({ queries: [{ name: 'q', bounds, answer }] })).toBe(says);
  });

  it.each([
    { exit: 0, stdout: '', stderr: '', says: undefined },
    {
      exit: 16,
      stdout: 'unsafe to stop osd.3\n\n',
      stderr: 'warning',
      says: 'c is red: unsafe to stop osd.3 (exit 16)',
    },
    { exit: 2, stdout: '', stderr: 'no cluster\n', says: 'c is red: no cluster (exit 2)' },
    { exit: 1, stdout: '', stderr: '', says: 'c is red: exit 1' },
  ])('with a command that ends with $exit', ({ says, ...answer }) => {
    expect(red({ commands: [{ name: 'c', answer }] })).toBe(says);
  });

  it('names open alerts, the first three of many', () => {
    const alerts = ['1', '2', '3', '4', '5'].map((n) => ({
      name: 'OsdDown',
      labels: n === '1' ? { alertname: 'OsdDown' } : { alertname: 'OsdDown', instance: `osd${n}` },
      since: '',
    }));

    expect(red({ alerts })).toBe(
      'open alerts is red: 5 alerts: OsdDown, OsdDown on osd2, OsdDown on osd3 and 2 more',
    );
  });

  it('takes what cannot be asked for red, and names all that is', () => {
    const trouble = 'no answer within 30 s';

    expect(
      red({
        cloud: { trouble },
        queries: [{ name: 'q', bounds: {}, answer: { trouble } }],
        commands: [{ name: 'c', answer: { trouble } }],
        alerts: { trouble },
      }),
    ).toBe(['OpenStack', 'q', 'c', 'open alerts'].map((name) => `${name} is red: ${trouble}`).join('; '));
  });
});
