import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { layOutSights } from '../../src/demo/lay-out.ts';

const SIGHTS = [
  ['what happened', 'npx nightshift --config var/demo/nightshift.yaml runs'],
  ['the api', "curl -H 'Authorization: Bearer demo' http://127.0.0.1:7460/api/v1/runs"],
] as const;

describe('what to look at', () => {
  it('stands beside its label where there is room', () => {
    expect(layOutSights(SIGHTS, 100)).toEqual([
      '  what happened  npx nightshift --config var/demo/nightshift.yaml runs',
      "  the api        curl -H 'Authorization: Bearer demo' http://127.0.0.1:7460/api/v1/runs",
    ]);
  });

  it.each([40, 60, 80])('means the same to a shell on %i columns', (width) => {
    const commands = layOutSights(SIGHTS, width)
      .filter((line) => line.startsWith('    '))
      .join('\n');
    const argumentsIn = (script: string) =>
      spawnSync('sh', ['-c', `curl() { printf '[%s]' "$@"; }; npx() { printf '(%s)' "$@"; }\n${script}`], {
        encoding: 'utf8',
      }).stdout;

    expect(argumentsIn(commands)).toBe(argumentsIn(SIGHTS.map(([, what]) => what).join('\n')));
    expect(argumentsIn(commands)).toContain('[Authorization: Bearer demo]');
  });
});
