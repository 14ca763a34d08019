import { describe, expect, it } from 'vitest';
import {
  actFor,
  actLines,
  fillFor,
  fillMatchers,
  namesHypervisor,
  sayCommand,
  silenceLines,
  unknownNames,
} from '../../src/domain/hold-off.ts';

const HV = 'hv01.example.org';

describe('a template about a hypervisor', () => {
  it.each([
    { text: '{{ hypervisor }}', filled: 'hv01.example.org' },
    { text: 'host={{shortname}}!', filled: 'host=hv01!' },
    { text: '{{ hypervisor }} {{ shortname }}', filled: 'hv01.example.org hv01' },
    { text: 'osd', filled: 'osd' },
  ])('$text', ({ text, filled }) => {
    expect(fillFor(text, HV)).toBe(filled);
  });

  it('knows which names stand for something', () => {
    expect(unknownNames('{{ hypervisor }} {{ host }} {{shortname}} {{}}')).toEqual(['host', '']);
    expect(namesHypervisor('instance {{ host }}')).toBe(false);
    expect(namesHypervisor('{{ shortname }}:.*')).toBe(true);
  });

  it('stands for the name and nothing else in a matcher', () => {
    const matchers = fillMatchers({ instance: '{{ hypervisor }}(:\\d+)?', severity: '.*' }, HV);

    expect(matchers).toEqual({ instance: 'hv01\\.example\\.org(:\\d+)?', severity: '.*' });
    expect(new RegExp(`^(?:${matchers['instance']})$`).test('hv01xexample.org')).toBe(false);
  });
});

describe('what the hand-back file says', () => {
  const act = {
    name: 'noout',
    on: 'ceph1',
    before: ['ceph', 'osd', 'add-noout', '{{ shortname }}'],
    after: ['ceph', 'osd', 'rm-noout', '{{ shortname }}'],
  };

  it('is the command that takes an act back, by ssh', () => {
    expect(actLines(actFor(act, HV), HV)).toEqual([
      '# noout: done on ceph1 for the reboot of hv01.example.org; to take it back:',
      "ssh ceph1 -- 'ceph osd rm-noout hv01'",
    ]);
  });

  it('quotes for both shells', () => {
    const after = ['sh', '-c', "echo 'a b'"];

    expect(actLines(actFor({ ...act, after }, HV), HV)[1]).toBe(
      String.raw`ssh ceph1 -- 'sh -c '\''echo '\''\'\'''\''a b'\''\'\'''\'''\'''`,
    );
  });

  it('is the site’s own text where it has one', () => {
    const undo = 'ssh root@ceph1 ceph osd rm-noout {{ shortname }}';

    expect(actLines(actFor({ ...act, undo }, HV), HV)[1]).toBe('ssh root@ceph1 ceph osd rm-noout hv01');
  });

  it('says when silences end by themselves', () => {
    expect(silenceLines(HV, new Date('2026-11-24T23:41:00Z'), ['amtool …'])).toEqual([
      '# alerts of hv01.example.org are silenced and speak again by themselves Tue 24 Nov 2026 23:41 UTC; to end that now:',
      'amtool …',
    ]);
  });
});

it('shows a command as it may be typed', () => {
  expect(sayCommand('ceph1', ['ceph', 'osd', 'set', 'no out'])).toBe("`ceph osd set 'no out'` on ceph1");
});
