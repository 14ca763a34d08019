/** An owner who is asked, over the real clients and the days that it takes. */
import { describe, expect, it } from 'vitest';
import type { World } from '../../src/twin/world.ts';
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

const OTHER = 'hv08.twin.example';

/** The other hypervisor with devices serves, and Placement counts them. */
function serve(world: World) {
  world.state.countsDevices = true;
  Object.assign(world.named(OTHER), { disabled: false, disabledReason: null });
}

function serverNamed(world: World, name: string) {
  const found = Object.values(world.state.servers).find((each) => each.name === name);
  if (found === undefined) throw new Error(`there is no server ${name}`);
  return found;
}

describe('a server with a device that is to be migrated cold', () => {
  async function play(gone: readonly string[]) {
    const rehearsal = await openRehearsal(REBOOT_JOBS, SEED);
    try {
      const { world } = rehearsal.twin;
      serve(world);
      for (const name of gone) world.remove(serverNamed(world, name));
      const gpu = serverNamed(world, SERVER);
      Object.assign(gpu.metadata, { 'nightshift:drain': 'cold' });
      const options = {
        hypervisor: HV,
        wait: true,
        waitPollSeconds: 3600,
        waitDays: 1,
        allow: { cold: true },
      };
      const { state, notes } = await rehearsal.play('reboot-hypervisor', options);
      const note = notes.find(({ subject }) => subject === `hypervisor ${HV}`);
      const moves = world.log.flatMap((each) =>
        each.what === 'moved' && each.server === gpu.id ? [`${each.from} to ${each.to}`] : [],
      );
      return { state, said: `${note?.verdict}: ${note?.why}`, moves };
    } finally {
      await rehearsal.close();
    }
  }

  it('goes to the hypervisor that is known to have one free', async () => {
    const { state, said, moves } = await play(['gpu-39']);

    expect(moves).toEqual([`${HV} to ${OTHER}`]);
    expect([state, said]).toEqual(['succeeded', expect.stringMatching(/^done: rebooted/)]);
  }, 60_000);

  it('is waited for, and stays where it is, while all are taken', async () => {
    const { said, moves } = await play([]);

    expect(moves).toEqual([]);
    expect(said).toMatch(/^given back: waited in vain for servers to end: 1 server cannot move: gpu-40 /);
    expect(said).toContain('no device of class CUSTOM_PCI_10DE_20B5 is free elsewhere (0 of 2)');
  }, 60_000);
});

it('is asked once for all hypervisors that wait for servers of theirs, and reminded once', async () => {
  const rehearsal = await openRehearsal(REBOOT_JOBS, SEED);
  try {
    const { world } = rehearsal.twin;
    serve(world);
    const { userId, projectId } = serverNamed(world, SERVER);
    Object.assign(serverNamed(world, 'gpu-38'), { userId, projectId });
    const owners = { ask: true, deadlineDays: 3 };
    const patience = { maxWaiting: 2, waitPollSeconds: 7200 };
    const campaign = await rehearsal.play('reboot-hypervisors', {
      hosts: [HV, OTHER],
      ...patience,
      owners,
    });
    expect(campaign.report?.headline).toBe('2 needed a reboot: 2 wait.');
    // It has its turn once nobody waits for that hypervisor any more.
    await rehearsal.play('reboot-hypervisor', { hypervisor: OTHER });

    const days = (await rehearsal.mails()).filter(({ to }) => to[0] === 'bob@beta.example');
    expect(days.map(({ subject }) => subject)).toEqual([
      '2 of your servers keep 2 hypervisors from their security update',
      'Reminder: 2 of your servers keep 2 hypervisors from their security update',
    ]);
    for (const { text } of days)
      for (const name of [HV, OTHER, SERVER, 'gpu-38']) expect(text).toContain(name);
    expect(world.log.filter(({ what }) => what === 'booted')).toEqual([]);
  } finally {
    await rehearsal.close();
  }
}, 60_000);
