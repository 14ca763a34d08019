import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openAlertmanager } from '../../src/clients/alertmanager.ts';
import { HAS_ALERTMANAGER, startAlertmanager } from '../support/monitoring.ts';

const MATCHERS = { instance: 'hv01\\.example(:.*)?', severity: '.+' };
let marks = 0;

describe.skipIf(!HAS_ALERTMANAGER)('Alertmanager (prometheus-alertmanager is installed)', () => {
  let server: Awaited<ReturnType<typeof startAlertmanager>>;
  let manager: ReturnType<typeof openAlertmanager>;
  let mark: string;
  beforeAll(async () => {
    server = await startAlertmanager();
    manager = openAlertmanager({ url: server.url });
  });
  afterAll(() => server.stop());

  const newMark = () => {
    marks += 1;
    mark = `nightshift reboot-hypervisors~20261124T224100Z~hv${marks}: hv${marks} reboots`;
    return mark;
  };
  const inMinutes = (minutes: number) => new Date(Date.now() + minutes * 60_000);
  const call = async (path: string, body?: object) => {
    const json = {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    };
    const answer = await fetch(`${server.url}/api/v2${path}`, body && json);
    expect(answer.status, path).toBe(200);
    const text = await answer.text();
    return text === '' ? undefined : (JSON.parse(text) as unknown);
  };
  const silences = async () => {
    const all = (await call('/silences')) as {
      id: string;
      createdBy: string;
      endsAt: string;
      status: { state: string };
      matchers: object[];
    }[];
    return all.filter(({ createdBy }) => createdBy === mark);
  };
  const fire = (instance: string, more: Record<string, string> = {}) =>
    call('/alerts', [{ labels: { alertname: 'HostDown', severity: 'critical', instance, ...more } }]);

  it('makes one silence, however often it is asked for', async () => {
    const until = inMinutes(30);

    const ends = await manager.silence({ mark: newMark(), matchers: MATCHERS, until });
    await manager.silence({ mark, matchers: MATCHERS, until });
    await manager.silence({ mark, matchers: { severity: '.+', instance: MATCHERS.instance }, until });

    expect(ends).toEqual(until);
    expect(await silences()).toEqual([
      expect.objectContaining({
        status: { state: 'active' },
        endsAt: until.toISOString(),
        matchers: [
          { name: 'instance', value: MATCHERS.instance, isRegex: true, isEqual: true },
          { name: 'severity', value: '.+', isRegex: true, isEqual: true },
        ],
      }),
    ]);
  });

  it('prolongs a silence that would end too soon, and shortens none', async () => {
    await manager.silence({ mark: newMark(), matchers: MATCHERS, until: inMinutes(30) });
    const [first] = await silences();
    const late = inMinutes(60);

    const prolonged = await manager.silence({ mark, matchers: MATCHERS, until: late });
    const left = await manager.silence({ mark, matchers: MATCHERS, until: inMinutes(10) });

    expect([prolonged, left]).toEqual([late, late]);
    expect(await silences()).toEqual([
      { ...first, endsAt: late.toISOString(), updatedAt: expect.any(String) },
    ]);
  });

  it('makes another where the one before has ended', async () => {
    await manager.silence({ mark: newMark(), matchers: MATCHERS, until: inMinutes(30) });
    await manager.expire(mark);
    await manager.silence({ mark, matchers: MATCHERS, until: inMinutes(30) });

    expect((await silences()).map(({ status }) => status.state).toSorted()).toEqual(['active', 'expired']);
  });

  it('ends every silence of a mark, no other, and none twice', async () => {
    const other = newMark();
    await manager.silence({ mark: other, matchers: MATCHERS, until: inMinutes(30) });
    await manager.silence({ mark: newMark(), matchers: MATCHERS, until: inMinutes(30) });
    await manager.silence({ mark, matchers: { hostname: 'hv01' }, until: inMinutes(30) });

    expect(await manager.expire(mark)).toBe(2);
    expect(await manager.expire(mark)).toBe(0);

    expect((await silences()).map(({ status }) => status.state)).toEqual(['expired', 'expired']);
    mark = other;
    expect((await silences()).map(({ status }) => status.state)).toEqual(['active']);
  });

  it('ends them by the commands that people are told as well', async () => {
    await manager.silence({ mark: newMark(), matchers: MATCHERS, until: inMinutes(30) });
    await manager.silence({ mark, matchers: { hostname: 'hv01' }, until: inMinutes(30) });

    for (const command of await manager.expireCommands(mark)) execFileSync('sh', ['-c', command]);

    expect((await silences()).map(({ status }) => status.state)).toEqual(['expired', 'expired']);
  });

  it('lists the open alerts that match, without those that are silenced', async () => {
    await fire('hv01:9100', { team: 'say "cloud"' });
    await fire('hv02:9100', { team: 'say "cloud"' });
    await fire('hv03:9100', { team: 'storage' });
    await manager.silence({ mark: newMark(), matchers: { instance: 'hv02:.*' }, until: inMinutes(30) });

    const open = await manager.alerts({ team: 'say "cl.*' });

    expect(open).toEqual([
      {
        name: 'HostDown',
        labels: { alertname: 'HostDown', severity: 'critical', instance: 'hv01:9100', team: 'say "cloud"' },
        since: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
      },
    ]);
    expect((await manager.alerts({ severity: 'critical' })).map(({ labels }) => labels['instance'])).toEqual([
      'hv01:9100',
      'hv03:9100',
    ]);
  });

  it('says in its own words what it refuses, for good', async () => {
    await expect(manager.alerts({ instance: 'hv(' })).rejects.toMatchObject({
      name: 'MonitoringError',
      retryable: false,
      message: expect.stringMatching(
        /^Alertmanager at 127\.0\.0\.1:\d+: GET \/api\/v2\/alerts was answered 400: .*missing closing/,
      ),
    });
  });
});
