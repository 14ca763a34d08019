import { defineConfig } from 'vitest/config';

if (process.env.LAB_DIR === undefined)
  throw new Error(
    'LAB_DIR names no lab: `npm run test:lab` brings one up and takes it down, `LAB_DIR=… npm run test:lab` uses one that stands.',
  );

export default defineConfig({
  test: {
    root: new URL('../..', import.meta.url).pathname,
    include: ['test/lab/**/*.lab.ts'],
    // There is one cloud, and everything in it takes seconds; many times that on a busy machine.
    fileParallelism: false,
    testTimeout: 600_000,
    hookTimeout: 180_000,
    pool: 'forks',
  },
});
