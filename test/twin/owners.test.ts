/** An owner who is asked, over the real clients and the days that it takes. */
import { expect, it } from 'vitest';
import { REBOOT_JOBS } from '../support/reboot-jobs.ts';
import { openRehearsal } from '../support/rehearsal.ts';

const DAY_MS = 86_400_000;
const SEED = { hypervisors: 8, servers: 40, domain: 'twin.example', seed: 7 };
const HV = 'hv07.twin.example';
const SERVER = 'gpu-40';

/** A wait for the owner of the one server there that cannot be moved. */
async function wait(wish: Record<string, string>) {
  const rehearsal = await openRehearsal(REBOOT_JOBS, SEED);
  try {
    const { world } = rehearsal.twin;
    const gpu = Object.values(world.state.servers).find(({ name }) => name === SERVER);
    Object.assign(gpu?.metadata ?? {}, wish);
    const run = await rehearsal.play('reboot-hypervisor', {
      hypervisor: HV,
      wait: true,
      waitPollSeconds: 3600,
      owners: { ask: true, noticeHours: 48, deadlineDays: 5 },
    });
    const began = world.log.find(({ what }) => what === 'cordoned')?.at ?? Number.NaN;
    const days = (what: string) =>
      world.log.filter((event) => event.what === what).map(({ at }) => Math.floor((at - began) / DAY_MS));
    const whys = Object.fromEntries(
      run.notes.map(({ subject, verdict, why }) => [subject, `${verdict}: ${why}`]),
    );
    return { state: run.state, whys, booted: days('booted'), uncordoned: days('uncordoned') };
  } finally {
    await rehearsal.close();
  }
}

it('is told once, and what was agreed is done two days later and undone after the reboot', async () => {
  const { state, whys, booted, uncordoned } = await wait({ 'nightshift:drain': 'stop' });

  expect(state).toBe('succeeded');
  expect(whys[`server ${SERVER}`]).toMatch(/^started again: /);
  expect(whys[`hypervisor ${HV}`]).toMatch(/^done: rebooted/);
  expect(booted).toEqual([2]);
  expect(uncordoned).toEqual([2]);
}, 60_000);

it('has five days to answer; then the hypervisor is given back as it was', async () => {
  const { whys, booted, uncordoned } = await wait({});

  expect(whys[`server ${SERVER}`]).toMatch(/^told: bob@beta\.example was told .*, and asked to agree/);
  expect(whys[`hypervisor ${HV}`]).toMatch(/^given back: 1 server neither ended nor may be stopped by /);
  expect(booted).toEqual([]);
  expect(uncordoned).toEqual([5]);
}, 60_000);
