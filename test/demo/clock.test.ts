import { expect, it } from 'vitest';
import { demoClock } from '../../src/demo/clock.ts';

it('goes as fast as it is told, and never jumps', () => {
  let real = 1000;
  const clock = demoClock(0, 0, () => real);
  const at = (): number => clock.now().getTime();

  real += 500;
  expect(at()).toBe(0);
  clock.setPace(60);
  expect(at()).toBe(0);
  real += 1000;
  expect(at()).toBe(60_000);
  expect(clock.realMs(60_000)).toBe(1000);
  clock.setPace(1);
  expect(at()).toBe(60_000);
  real += 1000;
  expect(at()).toBe(61_000);
  expect(clock.realMs(60_000)).toBe(60_000);
});
