/** How a hypervisor is taken out of service and given back. */
import { beforeEach, expect, it } from 'vitest';
import type { Bench } from './bench.ts';

const REASON = 'nightshift reboot-hypervisors~20261124T224100Z: reboot for a new kernel';

export function cordonContract(open: () => Bench): void {
  let bench: Bench;
  let name: string;
  beforeEach(async () => {
    bench = open();
    name = bench.hv[1];
    await bench.cloud.uncordon(name);
  });

  const seen = async () => (await bench.cloud.fleet()).hypervisors.find((each) => each.name === name);
  const put = async (body: object) => {
    const { id } = await bench.cloud.service(name);
    return bench.nova('PUT', `/os-services/${id}`, { body });
  };

  it('holds its reason to the byte, however often it is asked for', async () => {
    const before = await bench.cloud.service(name);

    await bench.cloud.cordon(name, REASON);
    await bench.cloud.cordon(name, REASON);

    expect(await bench.cloud.service(name)).toMatchObject({ id: before.id, up: true, disabled: REASON });
  });

  it('takes the reason that is given last', async () => {
    await bench.cloud.cordon(name, 'disk swap, ask Kim');
    await bench.cloud.cordon(name, REASON);

    expect(await bench.cloud.service(name)).toMatchObject({ disabled: REASON });
  });

  it('ends without a trace, however often that is asked for', async () => {
    await bench.cloud.cordon(name, REASON);

    await bench.cloud.uncordon(name);
    await bench.cloud.uncordon(name);

    expect(await bench.cloud.service(name)).not.toHaveProperty('disabled');
  });

  it('is a trait in Placement', async () => {
    await bench.cloud.cordon(name, REASON);
    await bench.until(async () => expect((await seen())?.traits).toContain('COMPUTE_STATUS_DISABLED'));

    await bench.cloud.uncordon(name);

    await bench.until(async () => expect((await seen())?.traits).not.toContain('COMPUTE_STATUS_DISABLED'));
  });

  it('takes a reason of 255 characters, and none of 256', async () => {
    const longest = 'ä'.repeat(255);
    await bench.cloud.cordon(name, longest);
    const disabled = await bench.cloud.service(name);

    const refused = await put({ status: 'disabled', disabled_reason: 'x'.repeat(256) });

    expect(disabled).toMatchObject({ disabled: longest });
    expect(refused.status).toBe(400);
    expect(refused.body.badRequest.message).toMatch(
      /^Invalid input for field\/attribute disabled_reason\. .* is too long$/,
    );
    await expect(bench.cloud.cordon(name, 'x'.repeat(256))).rejects.toMatchObject({ retryable: false });
    expect(await bench.cloud.service(name)).toMatchObject({ disabled: longest });
  });

  it.each([
    [{}, "No updates were requested. Fields 'status' or 'forced_down' should be specified."],
    [
      { status: 'enabled', disabled_reason: 'x' },
      "Specifying 'disabled_reason' with status 'enabled' is invalid.",
    ],
    [
      { status: 'disabled', disabled_reason: '' },
      "Invalid input for field/attribute disabled_reason. Value: . '' is too short",
    ],
    [
      { status: 'away' },
      "Invalid input for field/attribute status. Value: away. 'away' is not one of ['enabled', 'disabled']",
    ],
  ])('is not asked for by %j', async (body, message) => {
    const refused = await put(body);

    expect([refused.status, refused.body]).toEqual([400, { badRequest: { code: 400, message } }]);
  });

  it('has no reason when none is given', async () => {
    await put({ status: 'disabled' });

    expect(await bench.cloud.service(name)).toMatchObject({ disabled: '' });
  });

  it('is of a service that there is', async () => {
    const unknown = await bench.nova('PUT', '/os-services/00000000-0000-4000-8000-000000000000', {
      body: { status: 'enabled' },
    });

    expect(unknown.status).toBe(404);
    expect(unknown.body.itemNotFound.message).toBe(
      'Service 00000000-0000-4000-8000-000000000000 could not be found.',
    );
  });

  it('is not for everybody', async () => {
    const { id } = await bench.cloud.service(name);
    const token = await bench.signIn(bench.side.tenant);

    const { status, body } = await bench.nova('PUT', `/os-services/${id}`, {
      body: { status: 'disabled' },
      token,
    });

    expect([status, body.forbidden.message]).toEqual([
      403,
      "Policy doesn't allow os_compute_api:os-services:update to be performed.",
    ]);
  });
}
