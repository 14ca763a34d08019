import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { plain, renderRows, renderTable, truncate, widthOf } from '../../src/cli/table.ts';

const sheet = {
  columns: ['#', 'hypervisor', 'guests', 'why', 'drain', 'GiB'],
  rows: [
    [1, 'hv03', 0, '6.1.0-18 runs, 6.1.0-28 boots next', null, 0],
    [2, 'hv07', 11, '6.1.0-18 runs, 6.1.0-28 boots next', '~6 min', 104],
  ],
};

describe('a table', () => {
  it('has its columns side by side, numbers to the right', () => {
    expect(renderTable(sheet)).toEqual([
      '#  hypervisor  guests  why                                 drain   GiB',
      '1  hv03             0  6.1.0-18 runs, 6.1.0-28 boots next  –         0',
      '2  hv07            11  6.1.0-18 runs, 6.1.0-28 boots next  ~6 min  104',
    ]);
  });

  it('cuts its widest text where the terminal is too narrow', () => {
    expect(renderTable(sheet, 50)).toEqual([
      '#  hypervisor  guests  why             drain   GiB',
      '1  hv03             0  6.1.0-18 runs…  –         0',
      '2  hv07            11  6.1.0-18 runs…  ~6 min  104',
    ]);
  });

  it('cuts the next widest when one is not enough, and no number ever', () => {
    expect(renderTable(sheet, 20)).toEqual([
      '#  hypervi…  guests  why       drain   GiB',
      '1  hv03           0  6.1.0-1…  –         0',
      '2  hv07          11  6.1.0-1…  ~6 min  104',
    ]);
  });

  it('has only its header when it has no rows', () => {
    expect(renderTable({ columns: ['run', 'state'], rows: [] })).toEqual(['run  state']);
  });

  it('treats a column with one text among numbers as text', () => {
    expect(renderTable({ columns: ['n'], rows: [[1], ['many'], [10]] })).toEqual(['n', '1', 'many', '10']);
  });

  it('keeps columns in line under accents, East Asian signs and emoji', () => {
    const rows = [
      ['é́', 'x'],
      ['日本', 'x'],
      ['👩‍👩‍👧', 'x'],
      ['abcd', 'x'],
    ];

    const lines = renderTable({ columns: ['name', 'c'], rows });

    expect(lines.map((line) => widthOf(line))).toEqual([7, 7, 7, 7, 7]);
  });

  it('lets no name steer the terminal or break a line', () => {
    const [, row] = renderTable({ columns: ['name'], rows: [['\u001b[2Jgpu\r\n-a\u202e\u0007']] });

    expect(row).toBe('�[2Jgpu -a��');
  });

  it('never is wider than the terminal, unless its columns cannot be cut', () => {
    const cell = fc.oneof(
      fc.string({ maxLength: 40 }),
      fc.string({ unit: 'grapheme', maxLength: 20 }),
      fc.constant(null),
    );

    fc.assert(
      fc.property(
        fc.array(fc.tuple(cell, cell, fc.integer({ min: 0, max: 999 }))),
        fc.integer({ min: 23, max: 80 }),
        (rows, width) => {
          const lines = renderTable({ columns: ['a', 'b', 'n'], rows }, width);

          expect(lines).toHaveLength(rows.length + 1);
          for (const line of lines) expect(widthOf(line)).toBeLessThanOrEqual(width);
        },
      ),
    );
  });
});

describe('a table whose rows end in a text', () => {
  const steps = {
    columns: ['step', 'state', 'why'],
    rows: [
      ['plan', 'done', ''],
      [
        'migrate vm01 off hv02.example.org',
        'failed',
        'its migration 7 ended as error,\nand nobody knows why',
      ],
    ],
  };

  it('has it beside the others where there is room', () => {
    expect(renderRows(steps, 100)).toEqual(renderTable(steps));
  });

  it('has it below them where there is none, rather than cut a name for it', () => {
    expect(renderRows(steps, 50)).toEqual([
      'step                               state',
      'plan                               done',
      'migrate vm01 off hv02.example.org  failed',
      '    its migration 7 ended as error, and nobody kn…',
    ]);
  });
});

describe('truncate', () => {
  it.each([
    ['short', 5, 'short'],
    ['shorter', 5, 'shor…'],
    ['two words', 5, 'two…'],
    ['日本語', 5, '日本…'],
    ['日本語', 4, '日…'],
    ['x', 0, '…'],
  ])('%s to %d columns: %s', (text, width, cut) => {
    expect(truncate(text, width)).toBe(cut);
  });
});

describe('plain', () => {
  it('makes one line of several', () => {
    expect(plain('  exit 1\n\tstderr: no\n')).toBe('exit 1 stderr: no');
  });
});
