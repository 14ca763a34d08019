import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DefragmentPlan } from '../../src/domain/defragment-plan.ts';
import type { FleetFile } from '../../src/domain/fleet-file.ts';
import type { PlanCheck } from '../../src/domain/plan-check.ts';
import { generateFleet } from '../bench/fleet-generator.ts';

const BINARY = join(import.meta.dirname, '../../src/nightshift.js');
const dir = mkdtempSync(join(tmpdir(), 'ns-plan-'));
const fleet: FleetFile = generateFleet({ seed: 5, hypervisors: 24 });

beforeAll(() => {
  write('fleet.json.gz', gzipSync(JSON.stringify(fleet)));
});
afterAll(() => rmSync(dir, { recursive: true }));

/** So many servers of one hypervisor. */
function alike(count: number) {
  const [first] = fleet.servers;
  return fleet.servers.filter(({ hypervisor }) => hypervisor === first?.hypervisor).slice(0, count);
}

function write(file: string, text: string | Buffer): void {
  writeFileSync(join(dir, file), text);
}

/** Without a configuration, a cloud or a Redis. */
async function nightshift(...args: readonly string[]) {
  const env = { PATH: process.env.PATH, HOME: dir, XDG_CACHE_HOME: process.env.XDG_CACHE_HOME ?? dir };
  const child = spawn(process.execPath, [BINARY, 'plan', ...args], { cwd: dir, env, stdio: 'pipe' });
  let [out, err] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
  const [exit] = (await once(child, 'close')) as [number | null];
  return { exit, out, err };
}

describe('nightshift plan defragment', () => {
  it('says what is gained, what it takes and why not more, and writes a plan that stands up to the check', async () => {
    const made = await nightshift(
      'defragment',
      '--fleet',
      'fleet.json.gz',
      '--max-moves',
      '60',
      '--out',
      'plan.json',
    );
    const plan = JSON.parse(readFileSync(join(dir, 'plan.json'), 'utf8')) as DefragmentPlan;
    const checked = await nightshift(
      'check',
      '--fleet',
      'fleet.json.gz',
      '--plan',
      'plan.json',
      '--max-moves',
      '60',
    );

    expect(made).toMatchObject({ exit: 0, err: '' });
    expect(plan.emptied.length).toBeGreaterThan(0);
    expect(plan.moves).toBeLessThanOrEqual(60);
    expect(made.out).toContain(
      `${fleet.name}: ${plan.moves} moves to empty ${plan.emptied.length} hypervisors`,
    );
    expect(made.out).toContain(`${plan.emptyBefore} before, ${plan.emptyAfter} after, of 24 hypervisors`);
    expect(made.out).toMatch(/^ *\d+ +hv\S+ +\d+ +\d+ +~/m);
    expect(made.out).toContain('of its servers cannot move (sriov)');
    expect(made.out).toContain('The plan is in plan.json.');
    expect(checked).toEqual({
      exit: 0,
      err: '',
      out: `The plan for ${fleet.name} keeps every rule: ${plan.moves} moves, ${plan.emptied.length} hypervisors emptied, ${plan.emptyAfter} empty in the end.\n`,
    });
  });

  it('answers programs with the plan itself, the same for the same seed', async () => {
    const args = [
      'defragment',
      '--fleet',
      'fleet.json.gz',
      '--max-moves',
      '30',
      '--seed',
      '3',
      '--json',
    ] as const;
    const [first, second] = await Promise.all([nightshift(...args), nightshift(...args)]);

    expect(JSON.parse(first.out)).toMatchObject({ format: 'plan/1', fleet: fleet.name, seed: 3 });
    expect(second.out).toBe(first.out);
  });

  it('empties no more than is wanted', async () => {
    const { out } = await nightshift('defragment', '--fleet', 'fleet.json.gz', '--wanted', '2', '--json');

    expect(JSON.parse(out)).toMatchObject({ emptyAfter: 2 });
  });

  it('ends in time with the best plan so far', async () => {
    const { exit, out } = await nightshift(
      'defragment',
      '--fleet',
      'fleet.json.gz',
      '--seconds',
      '0.001',
      '--json',
    );

    expect(exit).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ format: 'plan/1', fleet: fleet.name });
  });

  it('refuses a file with all of its faults', async () => {
    const [first, ...others] = fleet.servers;
    write(
      'broken.json',
      JSON.stringify({ ...fleet, servers: [{ ...first, hypervisor: 'hv9', ramMb: -1 }, ...others] }),
    );

    expect(await nightshift('defragment', '--fleet', 'broken.json')).toEqual({
      exit: 2,
      out: '',
      err: [
        'broken.json',
        '  servers[0].ramMb: -1 is too small: at least 0',
        '  servers[0].hypervisor: no hypervisor is called hv9',
        '2 faults; nothing was done.\n',
      ].join('\n'),
    });
  });

  it.each([
    ['--seconds', '0', 'It is a number of seconds above 0.'],
    ['--parallel', '0', 'It is a number from 1 on.'],
    ['--max-moves', '-1', 'It is a number from 0 on.'],
    ['--wanted', 'many', 'It is a number, or max.'],
  ])('refuses %s %s', async (option, value, why) => {
    const { exit, err } = await nightshift('defragment', '--fleet', 'fleet.json.gz', option, value);

    expect(exit).toBe(2);
    expect(err).toContain(why);
  });
});

describe('nightshift plan check', () => {
  it('lists what is against the rules, and fails', async () => {
    const plan: DefragmentPlan = {
      format: 'plan/1',
      fleet: fleet.name,
      seed: 1,
      waves: [[{ server: 'nobody', from: 'hv00000', to: 'hv00001' }]],
      emptied: [],
      emptyBefore: 0,
      emptyAfter: 7,
      bound: 9,
      moves: 1,
      ramMovedMb: 0,
      makespanSeconds: 0,
      makespanBound: 0,
      held: fleet.hypervisors.map(({ name }) => ({ hypervisor: name, why: 'not asked' })),
      warnings: [],
    };
    write('wrong.json', JSON.stringify(plan));
    const args = ['check', '--fleet', 'fleet.json.gz', '--plan', 'wrong.json'] as const;

    const [people, programs] = await Promise.all([nightshift(...args), nightshift(...args, '--json')]);

    expect(people).toMatchObject({ exit: 1, err: '' });
    expect(people.out).toContain(`The plan for ${fleet.name} must not be carried out: 2 violations.`);
    expect(people.out).toContain('  wave 1, nobody from hv00000 to hv00001: no server has the id nobody');
    expect(people.out).toContain('  emptyAfter: the plan says 7, it is 0');
    expect(JSON.parse(programs.out) as PlanCheck).toMatchObject({ ok: false, outcome: { emptyAfter: 0 } });
  });

  it('says what the fleet itself breaks, which is no fault of the plan', async () => {
    const crowded = { id: 'crowd', policy: 'anti-affinity', members: alike(2).map(({ id }) => id) };
    write('crowded.json', JSON.stringify({ ...fleet, groups: [crowded] }));
    await nightshift('defragment', '--fleet', 'crowded.json', '--max-moves', '0', '--out', 'still.json');

    const { exit, out } = await nightshift('check', '--fleet', 'crowded.json', '--plan', 'still.json');

    expect(exit).toBe(0);
    expect(out).toContain(
      `already so  server group crowd (anti-affinity) has 2 on ${alike(2)[0]?.hypervisor}, 1 may be\n`,
    );
  });

  it('refuses a plan that is none', async () => {
    write('none.json', '{"format":"plan/1"}');

    const { exit, err } = await nightshift('check', '--fleet', 'fleet.json.gz', '--plan', 'none.json');

    expect(exit).toBe(2);
    expect(err).toContain('none.json\n  fleet: is missing');
  });
});
