import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

if (process.env.LAB_DIR === undefined)
  throw new Error(
    'LAB_DIR names no lab: `npm run test:lab` brings one up and takes it down, `LAB_DIR=… npm run test:lab` uses one that stands, `LAB_DIR=…:…` several.',
  );

const labs = process.env.LAB_DIR.split(':').length;

/** What takes longest comes first, so that no lab works on alone at the end. */
const LONGEST = ['cloud-contract', 'reboot-hypervisors-faults', 'reboot-hypervisors-crash'];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification): number =>
      LONGEST.findLastIndex((name) => moduleId.endsWith(`/${name}.lab.ts`));
    const last = LONGEST.length;
    const turn = (file: TestSpecification): number => (place(file) < 0 ? last : place(file));
    return files.toSorted((a, b) => turn(a) - turn(b));
  }
}

export default defineConfig({
  test: {
    root: new URL('../..', import.meta.url).pathname,
    include: ['test/lab/**/*.lab.ts'],
    // Each worker has a cloud to itself.
    maxWorkers: labs,
    fileParallelism: labs > 1,
    sequence: { sequencer: LongestFirst },
    // Everything in a cloud takes seconds; many times that on a busy machine.
    testTimeout: 600_000,
    hookTimeout: 180_000,
    pool: 'forks',
  },
});
