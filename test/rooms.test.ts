/** Tries every wall between the rooms: a file that breaks it is reported for just that, a lawful one is not. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';

const repository = join(import.meta.dirname, '..');

const IMPORTS = 'no-restricted-imports';
const GLOBALS = 'no-restricted-globals';
const PROPERTIES = 'no-restricted-properties';

const importing = (specifier: string) => `import * as it from '${specifier}';\nexport const used = it;\n`;
const using = (expression: string) => `export const used = () => ${expression};\n`;
const fiveParameters = 'export const used = (a = 1, b = 1, c = 1, d = 1, e = 1) => [a, b, c, d, e];\n';

interface Room {
  /** A file of the room, which the override's pattern has to match. */
  readonly file: string;
  /** The override's pattern in the settings; none where no override speaks of the file. */
  readonly override?: string;
  readonly forbids: Readonly<Record<string, readonly string[]>>;
  readonly allows: readonly string[];
}

const clock = using('Date.now()');
const chance = using('Math.random()');
const console_ = using('console.log(1)');

const rooms: readonly Room[] = [
  {
    file: 'src/domain/a.ts',
    override: 'src/domain/**',
    forbids: {
      [IMPORTS]: [
        'bullmq',
        'pino',
        '@scope/library',
        'node:fs',
        'node:fs/promises',
        './inner/b.ts',
        '../engine/job.ts',
        '../clients/ssh.ts',
        '../context.ts',
        '../../jobs/b.ts',
      ].map(importing),
      [GLOBALS]: ['fetch', 'process', 'setTimeout', 'setInterval', 'performance'].map(using),
      [PROPERTIES]: [clock, chance],
      'no-console': [console_],
    },
    allows: [importing('./b.ts'), importing('./packing/b.ts'), importing('zod'), using('new Date(0)')],
  },
  {
    file: 'src/domain/packing/a.ts',
    override: 'src/domain/packing/**',
    forbids: {
      [IMPORTS]: [
        'bullmq',
        'zod',
        'node:fs',
        './inner/b.ts',
        '../../engine/job.ts',
        '../../clients/ssh.ts',
        '../../context.ts',
      ].map(importing),
      [GLOBALS]: ['fetch', 'process', 'setTimeout', 'performance'].map(using),
      [PROPERTIES]: [clock, chance],
    },
    allows: ['./b.ts', '../defragment-plan.ts', 'highs'].map(importing),
  },
  {
    file: 'src/procedures/a.ts',
    override: 'src/procedures/**',
    forbids: {
      [IMPORTS]: [
        'bullmq',
        'ioredis',
        'ssh2',
        'pino',
        '@scope/library',
        'node:fs',
        '../engine/job.ts',
        '../clients/ssh.ts',
        '../clients/openstack/cloud.ts',
        '../config.ts',
        '../server/api.ts',
        '../../jobs/b.ts',
      ].map(importing),
      [GLOBALS]: ['fetch', 'process'].map(using),
      [PROPERTIES]: [clock, chance],
      'no-console': [console_],
    },
    allows: ['./b.ts', '../domain/fleet.ts', '../context.ts', 'zod'].map(importing),
  },
  {
    file: 'src/runbook/a.ts',
    override: 'src/runbook/**',
    forbids: {
      [IMPORTS]: [
        'bullmq',
        'ioredis',
        'ssh2',
        'yaml',
        '@scope/library',
        'node:fs',
        '../engine/engine.ts',
        '../clients/ssh.ts',
        '../config/schema.ts',
        '../config.ts',
        '../cli/main.ts',
        '../../jobs/b.ts',
      ].map(importing),
      [GLOBALS]: ['fetch', 'process'].map(using),
      [PROPERTIES]: [clock, chance],
      'no-console': [console_],
    },
    allows: [
      './b.ts',
      '../domain/fleet.ts',
      '../procedures/attempt.ts',
      '../context.ts',
      '../engine/job.ts',
      '../config/yaml.ts',
      'zod',
    ].map(importing),
  },
  {
    file: 'jobs/a.ts',
    override: 'jobs/**',
    forbids: {
      [IMPORTS]: [
        './b.ts',
        'bullmq',
        'ioredis',
        'ssh2',
        '@scope/library',
        'node:fs',
        '../src/engine/job.ts',
        '../src/clients/ssh.ts',
        '../src/config.ts',
        '../src/cli/main.ts',
      ].map(importing),
      [GLOBALS]: ['fetch', 'process'].map(using),
      [PROPERTIES]: [clock, chance],
      'no-console': [console_],
    },
    allows: ['../src/procedures/drain.ts', '../src/domain/fleet.ts', '../src/context.ts', 'zod'].map(
      importing,
    ),
  },
  {
    file: 'src/context.ts',
    override: 'src/context.ts',
    forbids: {
      [IMPORTS]: [
        'bullmq',
        'node:fs',
        '@scope/library',
        './engine/engine.ts',
        './clients/ssh.ts',
        './config.ts',
      ].map(importing),
    },
    allows: ['./domain/fleet.ts', './engine/job.ts', 'zod'].map(importing),
  },
  {
    file: 'src/engine/a.ts',
    override: 'src/engine/**',
    forbids: {
      [IMPORTS]: [
        'bullmq',
        'ssh2',
        'nodemailer',
        '@scope/library',
        '../domain/fleet.ts',
        '../clients/ssh.ts',
        '../context.ts',
        '../procedures/drain.ts',
        '../config.ts',
        '../../jobs/b.ts',
      ].map(importing),
      'no-console': [console_],
    },
    allows: [
      ...['./b.ts', '../domain/failure.ts', 'node:fs', 'ioredis', 'zod', 'cron-parser'].map(importing),
      clock,
    ],
  },
  {
    file: 'src/engine/transport.ts',
    override: 'src/engine/transport.ts',
    forbids: {
      [IMPORTS]: ['ioredis', 'node:fs', '@scope/library', '../domain/failure.ts', '../clients/ssh.ts'].map(
        importing,
      ),
    },
    allows: ['bullmq', './b.ts'].map(importing),
  },
  {
    file: 'src/clients/a.ts',
    override: 'src/clients/**',
    forbids: {
      [IMPORTS]: [
        'bullmq',
        'ioredis',
        '../engine/job.ts',
        '../procedures/drain.ts',
        '../server/api.ts',
        '../cli/main.ts',
        '../../jobs/b.ts',
        '../twin/cloud.ts',
        '../demo/house.ts',
        '../rehearse/stage.ts',
        '../context.ts',
        '../daemon.ts',
        '../config.ts',
      ].map(importing),
      'no-console': [console_],
    },
    allows: [
      ...['./b.ts', '../domain/fleet.ts', 'ssh2', 'nodemailer', 'node:net', 'zod'].map(importing),
      using('fetch'),
    ],
  },
  {
    file: 'src/clients/openstack/a.ts',
    override: 'src/clients/**',
    forbids: {
      [IMPORTS]: ['bullmq', '../../engine/job.ts', '../../context.ts', '../../config.ts'].map(importing),
    },
    allows: ['./b.ts', '../../domain/fleet.ts', 'zod'].map(importing),
  },
  ...['cli', 'server'].map((room) => ({
    file: `src/${room}/a.ts`,
    override: `src/${room}/**`,
    forbids: {
      [IMPORTS]: [
        'bullmq',
        'ioredis',
        'ssh2',
        'nodemailer',
        '../clients/ssh.ts',
        '../procedures/drain.ts',
        '../../jobs/b.ts',
        '../twin/cloud.ts',
        '../demo/house.ts',
      ].map(importing),
    },
    allows: [
      ...['./b.ts', '../engine/engine.ts', '../domain/fleet.ts', 'commander'].map(importing),
      console_,
    ],
  })),
  {
    file: 'src/twin/a.ts',
    override: 'src/twin/**',
    forbids: {
      [IMPORTS]: [
        'bullmq',
        'ioredis',
        'zod',
        '@scope/library',
        '../clients/ssh.ts',
        '../engine/clock.ts',
        '../context.ts',
        '../../jobs/b.ts',
      ].map(importing),
      [GLOBALS]: ['fetch', 'performance'].map(using),
      [PROPERTIES]: [clock, chance],
      'no-console': [console_],
    },
    allows: ['./b.ts', '../domain/fleet.ts', 'node:http', 'ssh2'].map(importing),
  },
  {
    file: 'src/rehearse/a.ts',
    override: 'src/rehearse/**',
    forbids: {
      [IMPORTS]: [
        'bullmq',
        'ioredis',
        'ssh2',
        'nodemailer',
        '../procedures/drain.ts',
        '../../jobs/b.ts',
        '../server/server.ts',
        '../cli/main.ts',
        '../demo/house.ts',
        '../daemon.ts',
        '../open-clients.ts',
      ].map(importing),
      [GLOBALS]: ['fetch', 'performance', 'setTimeout', 'setInterval'].map(using),
      [PROPERTIES]: [clock, chance],
      'no-console': [console_],
    },
    allows: [
      './b.ts',
      '../twin/twin.ts',
      '../engine/virtual-engine.ts',
      '../clients/openstack/cloud.ts',
      '../jobs.ts',
      '../config.ts',
      'node:fs/promises',
    ].map(importing),
  },
  {
    file: 'src/nightshift.js',
    override: 'src/nightshift.js',
    forbids: {},
    allows: [console_, fiveParameters],
  },
  {
    file: 'test/a.ts',
    override: 'test/**',
    forbids: {},
    allows: [console_, fiveParameters, importing('bullmq')],
  },
  {
    file: 'src/config.ts',
    forbids: { 'max-params': [fiveParameters], 'no-console': [console_] },
    allows: [clock],
  },
];

interface Trial {
  readonly override: string;
  readonly file: string;
  readonly source: string;
  /** The only rule that is to report it; none: it is lawful. */
  readonly rule: string | undefined;
}

const trials: readonly Trial[] = rooms.flatMap(({ override = '', file, forbids, allows }) => [
  ...Object.entries(forbids).flatMap(([rule, sources]) =>
    sources.map((source) => ({ override, file, source, rule })),
  ),
  ...allows.map((source) => ({ override, file, source, rule: undefined })),
]);

interface Settings {
  readonly overrides: readonly {
    readonly files: readonly string[];
    readonly rules: Readonly<Record<string, unknown>>;
  }[];
}

const settings: Settings = JSON.parse(readFileSync(join(repository, '.oxlintrc.json'), 'utf8'));
let reported: ReadonlyMap<number, readonly string[]>;

/** Lints each trial in a layout of its own, all in one call; answers the rules that reported it. */
function lintAll(home: string): ReadonlyMap<number, readonly string[]> {
  for (const [index, { file, source }] of trials.entries()) {
    const layout = join(home, String(index));
    mkdirSync(dirname(join(layout, file)), { recursive: true });
    cpSync(join(repository, '.oxlintrc.json'), join(layout, '.oxlintrc.json'));
    writeFileSync(join(layout, file), source);
  }
  const oxlint = join(repository, 'node_modules/.bin/oxlint');
  const { stdout } = spawnSync(oxlint, ['--format', 'json'], { cwd: home, encoding: 'utf8', maxBuffer: 1e8 });
  const output: { number_of_files: number; diagnostics: { code: string; filename: string }[] } =
    JSON.parse(stdout);
  expect(output.number_of_files).toBe(trials.length);
  const byTrial = Map.groupBy(output.diagnostics, ({ filename }) => Number(filename.split('/')[0]));
  return new Map(
    [...byTrial].map(([index, found]) => [
      index,
      found.map(({ code }) => code.replace(/^.*\((.*)\)$/, '$1')),
    ]),
  );
}

beforeAll(() => {
  const home = mkdtempSync(join(tmpdir(), 'nightshift-rooms-'));
  try {
    reported = lintAll(home);
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
});

describe('the walls between the rooms', () => {
  it.each(trials.map((trial, index) => ({ ...trial, index, line: trial.source.split('\n')[0] })))(
    'in $file, `$line` is reported by: $rule',
    ({ index, rule }) => {
      expect(reported.get(index) ?? []).toEqual(rule === undefined ? [] : [rule]);
    },
  );

  it.each(
    settings.overrides.flatMap(({ files, rules }) =>
      files.flatMap((override) =>
        Object.keys(rules).map((rule) => ({ override, rule, off: rules[rule] === 'off' })),
      ),
    ),
  )('are all tried: $rule for $override', ({ override, rule, off }) => {
    const ofOverride = trials.filter((trial) => trial.override === override);

    if (off) expect(ofOverride.some((trial) => trial.rule === undefined)).toBe(true);
    else expect(ofOverride.map((trial) => trial.rule)).toContain(rule);
  });
});
