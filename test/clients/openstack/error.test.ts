/** What an error says of trying again, and how it digs out the service's own words. */
import { describe, expect, it } from 'vitest';
import {
  isPassingStatus,
  noAnswer,
  OpenStackError,
  parseRetryAfter,
  refusal,
  unlessGone,
} from '../../../src/clients/openstack/error.ts';
import { sample } from './samples.ts';

describe('a status', () => {
  it.each([
    [400, false],
    [401, false],
    [403, false],
    [404, false],
    [408, true],
    [409, true],
    [413, false],
    [429, true],
    [500, true],
    [501, false],
    [502, true],
    [503, true],
    [504, true],
    [505, false],
  ])('%i may go well later: %s', (status, retryable) => {
    expect(isPassingStatus(status)).toBe(retryable);
  });

  it.each([
    ["Cannot 'os-migrateLive' instance 3f12 while it is in task_state migrating", true],
    ["Cannot 'os-migrateLive' instance 7e6d while it is in vm_state stopped", false],
    ['Instance 7e6d is locked', false],
  ])('409 with "%s" may go well later: %s', (said, retryable) => {
    expect(isPassingStatus(409, said)).toBe(retryable);
  });
});

describe('a refusal', () => {
  const call = 'Nova: GET /servers/detail';
  function messageFor(status: number, body: object | string, headers = {}): string {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    return refusal(call, { status, headers, text }).message;
  }

  it.each([
    [
      'Nova',
      403,
      sample('forbidden-403'),
      "Policy doesn't allow os_compute_api:servers:detail:get_all_tenants to be performed.",
    ],
    [
      'Keystone',
      401,
      { error: { message: 'The request you have made requires authentication.' } },
      'The request you have made requires authentication.',
    ],
    [
      'Placement',
      404,
      { errors: [{ title: 'Not Found', detail: 'No resource\n provider with uuid 1 ' }] },
      'No resource provider with uuid 1',
    ],
    ['a proxy', 503, '<html><body><h1>503 Service Unavailable</h1></body></html>', '503 Service Unavailable'],
    ['nobody', 502, '', 'nothing more was said'],
  ])('says what %s said', (_, status, body, words) => {
    expect(messageFor(status, body)).toBe(`${call} was answered ${status}: ${words}`);
  });

  it('names the request id, by which OpenStack’s logs can be searched', () => {
    const headers = { 'x-openstack-request-id': 'req-48da' };

    expect(messageFor(409, sample('busy-409'), headers)).toMatch(
      / while it is in task_state migrating \[req-48da\]$/,
    );
  });
});

describe('no answer', () => {
  it.each([
    ['ECONNREFUSED', true],
    ['ECONNRESET', true],
    ['ETIMEDOUT', true],
    ['EAI_AGAIN', true],
    ['ENOTFOUND', false],
    ['CERT_HAS_EXPIRED', false],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', false],
  ])('because of %s may go well later: %s', (code, retryable) => {
    const error = noAnswer('Nova: GET /servers', Object.assign(new Error('it failed'), { code }));

    expect(error.retryable).toBe(retryable);
    expect(error.message).toMatch(/^Nova: GET \/servers got no answer: it failed/);
  });
});

describe('Retry-After', () => {
  const now = Date.parse('2026-11-24T22:00:00Z');
  it.each([
    ['3', 3000],
    ['0.5', 500],
    ['-1', 0],
    ['Tue, 24 Nov 2026 22:00:07 GMT', 7000],
    ['Tue, 24 Nov 2026 21:00:00 GMT', 0],
    ['soon', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('%s is %s ms', (value, ms) => {
    expect(parseRetryAfter(value, now)).toBe(ms);
  });
});

describe('what is gone', () => {
  const fault = { retryable: false, status: 404 };

  it('is what the service itself does not find', async () => {
    const answer = Promise.reject(
      new OpenStackError('no', { ...fault, said: 'Instance 1 could not be found.' }),
    );

    await expect(unlessGone(answer)).resolves.toBeUndefined();
  });

  it('is not what a proxy does not find', async () => {
    await expect(unlessGone(Promise.reject(new OpenStackError('no', fault)))).rejects.toThrow('no');
  });
});
