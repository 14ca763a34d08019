/** Whether a canary of a real Nova decides over a hypervisor that has come back from its reboot. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cloud, disabled, findImage, standing } from './support/cloud.ts';
import { HYPERVISORS, kernelOf, NEW_KERNEL, resetLab, serviceHost } from './support/lab.ts';
import { Site } from './support/site.ts';

const [HV01, HV02] = HYPERVISORS;
const SETTINGS = {
  checks: { boots: 'cat /proc/sys/kernel/random/boot_id' },
  kernels: NEW_KERNEL,
};

describe('a hypervisor of a real OpenStack that has come back', () => {
  const image = findImage();
  beforeAll(() => resetLab());

  describe('on which a canary comes up', () => {
    let site: Site;
    beforeAll(() => {
      const canary = { flavor: 'm1.small', image, timeoutSeconds: 120 };
      site = new Site({ options: { ...SETTINGS, hosts: HV01, canary } });
    });
    afterAll(() => site.close());

    it('stays in service, and nothing of the canary is left', async () => {
      const { exit, out, err } = await site.nightshift('run', 'reboot-hypervisors', '--go');

      expect({ exit, err }, out).toEqual({ exit: 0, err: '' });
      expect(out).toContain('1 needed a reboot: 1 done.');
      expect(kernelOf(HV01)).toBe(NEW_KERNEL);
      expect(await disabled()).toEqual({});
      expect(await standing()).toEqual({});
      expect((await cloud.occupancy(HV01)).allocations).toEqual([]);
    });
  });

  describe('on which none comes up', () => {
    let site: Site;
    beforeAll(() => {
      const canary = { flavor: 'no-such-flavor', image, timeoutSeconds: 120 };
      site = new Site({ options: { ...SETTINGS, hosts: HV02, canary } });
    });
    afterAll(() => site.close());

    it('is disabled again at once, in the words of Nova', async () => {
      const { out } = await site.nightshift('run', 'reboot-hypervisors', '--go');

      expect(out).toContain('Flavor no-such-flavor could not be found.');
      expect(kernelOf(HV02)).toBe(NEW_KERNEL);
      expect(await disabled()).toEqual({ [serviceHost(HV02)]: expect.stringMatching(/^nightshift /) });
      expect(site.handback()).not.toEqual([]);
      expect(await standing()).toEqual({});
    });
  });
});
