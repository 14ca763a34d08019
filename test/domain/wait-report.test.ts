/** What a note says of a hypervisor that waits. */
import { expect, it } from 'vitest';
import { type Awaited, describeWait } from '../../src/domain/wait-report.ts';

const GPU_A: Awaited = {
  server: { id: '3f2a0000-aaaa', name: 'gpu-a', projectId: 'p1' },
  why: 'PCI device of class gpu',
  project: 'alpha',
  owner: 'alice@alpha.example',
  told: '2026-11-24T23:00:00.000Z',
  kind: { medianDays: 3, ninetyDays: 26.04, endings: 41 },
  asked: 'no answer yet',
  isOpen: true,
};
const GPU_B: Awaited = {
  server: { id: '91cc0000-bbbb', name: 'gpu-b', projectId: 'p2' },
  why: 'PCI device of class gpu',
  project: undefined,
  owner: undefined,
  told: undefined,
  kind: { medianDays: undefined, ninetyDays: undefined, endings: 2 },
  asked: 'its owner agrees',
  isOpen: false,
};
const QUESTION = {
  run: 'r1~hv19',
  since: new Date('2026-11-24T22:58:00Z'),
  until: new Date('2026-12-08T22:58:00Z'),
  servers: [GPU_A, GPU_B],
  disabled: 'nightshift r1~hv19: reboot for a new kernel',
};

it('has a row for each server, with its owner, its kind and its answer', () => {
  expect(describeWait(QUESTION)).toEqual({
    why: 'for 2 servers to end, or their owners to agree to a stop; they cannot be moved (PCI device of class gpu)',
    since: '2026-11-24T22:58:00.000Z',
    until: '2026-12-08T22:58:00.000Z',
    sheet: {
      columns: [
        'server',
        'id',
        'project',
        'owner',
        'told',
        'median, days',
        '1 in 10 over, days',
        'n',
        'asked to agree to stop and start',
      ],
      rows: [
        ['gpu-a', '3f2a…', 'alpha', 'alice@alpha.example', { at: GPU_A.told }, 3, 26, 41, 'no answer yet'],
        ['gpu-b', '91cc…', 'p2', null, null, null, null, 2, 'its owner agrees'],
      ],
    },
    lines: [
      'It is disabled (by nightshift r1~hv19), so no new server lands on it.',
      "The reply of the owner of gpu-a is noted by: nightshift approve r1~hv19 'stop 3f2a0000-aaaa' --answer yes|no --reason '…'",
    ],
  });
});

it('speaks of no question where nobody is asked, and of each device where they differ', () => {
  const vgpu = { ...GPU_B, why: 'virtual GPU' };
  const servers = [GPU_A, vgpu].map((one) => ({ ...one, asked: undefined, isOpen: false }));
  const { why, sheet, lines } = describeWait({ ...QUESTION, servers });

  expect(why).toBe('for 2 servers to end; they cannot be moved (PCI device of class gpu and virtual GPU)');
  expect(sheet.columns.at(-1)).toBe('cannot be moved');
  expect(sheet.rows.map((row) => row.at(-1))).toEqual(['PCI device of class gpu', 'virtual GPU']);
  expect(lines).toHaveLength(1);
});

it.each([
  ['', 'It is disabled by somebody else, who gave no reason, so no new server lands on it.'],
  [undefined, 'It is not disabled any more, so new servers may land on it.'],
])('says who has it disabled: %j', (disabled, line) => {
  expect(describeWait({ ...QUESTION, disabled }).lines[0]).toBe(line);
});
