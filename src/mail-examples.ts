/** With which facts are templates tried when they are read, and shown to who edits them? Every branch of ours has one. */
import type { FactsOf, LetterFacts, LetterName } from './domain/letters.ts';
import type { PatchNoticeFacts } from './domain/patch-letter.ts';

const GPU = { id: '3f2a', name: 'gpu-a', projectId: 'alpha', why: 'PCI device', outlook: null } as const;
const WHY = '6.1.0-18 runs, 6.1.0-28 boots next';
const DEADLINE = '2026-12-08T23:00:00.000Z';
const ASKED = { ...GPU, how: 'ask' } as const;

const CONSENT: LetterFacts = {
  owner: { name: null, by: 'metadata' },
  hypervisor: 'hv19',
  why: WHY,
  servers: [ASKED],
  hypervisors: [{ name: 'hv19', why: WHY, deadline: DEADLINE, servers: [ASKED] }],
  reminder: false,
  earliest: '2026-11-26T23:00:00.000Z',
  deadline: DEADLINE,
};
const REBOOTS = {
  one: CONSENT,
  several: {
    ...CONSENT,
    hypervisor: '',
    why: '',
    servers: [ASKED, ASKED],
    hypervisors: ['hv19', 'hv20'].map((name) => ({ name, why: WHY, deadline: DEADLINE, servers: [ASKED] })),
    reminder: true,
  },
  notice: {
    ...CONSENT,
    hypervisors: [],
    owner: { name: 'alpha', by: 'project' },
    servers: (['live', 'cold', 'stop'] as const).map((how) => ({ ...GPU, how, outlook: 'its kind ends' })),
  },
} satisfies Readonly<Record<string, LetterFacts>>;

type PatchServer = PatchNoticeFacts['servers'][number];

const FOUND: PatchServer['findings'][number] = {
  id: 'CVE-2026-1234',
  kind: 'advisory',
  package: 'openssl',
  installed: '3.0.11',
  fixed: '3.0.15',
  severity: 'critical',
  url: 'https://security.example.org/CVE-2026-1234',
  since: '2026-11-27T06:00:00Z',
  due: '2026-12-04T17:00:00Z',
  overdue: false,
  askedBy: '2026-12-04T17:00:00Z',
  news: 'first',
};
const UPDATE = {
  kind: 'update',
  words: 'update it, for instance',
  command: 'sudo apt update && sudo apt upgrade',
} as const;
const WEB: PatchServer = {
  id: '7c1d0b52-6f0e-4a53-9a3f-2f2b8d0f4e11',
  name: 'web-1',
  project: 'alpha',
  address: '172.16.105.23',
  os: 'Debian 12',
  owner: 'alice@alpha.example',
  reportedAt: '2026-11-27T06:00:00.000Z',
  askedAt: '2026-11-27T09:00:00.000Z',
  findings: [FOUND],
  more: 0,
  remedies: [UPDATE],
};
const BARE = {
  ...FOUND,
  package: '',
  installed: '',
  fixed: '',
  severity: 'unknown',
  url: '',
  news: '',
} as const;
const BATCH: PatchServer = {
  ...WEB,
  id: 'b8a9',
  name: 'batch-7',
  address: '172.16.105.40',
  os: '',
  findings: [{ ...BARE, id: 'reboot-required', kind: 'reboot' }],
  remedies: [{ kind: 'reboot', words: 'reboot it at a time that suits you', command: 'sudo reboot' }],
};
const QUIET: PatchServer = {
  ...WEB,
  id: 'c7',
  name: 'old',
  address: '',
  reportedAt: '',
  findings: [{ ...BARE, id: 'not-reporting', kind: 'silence' }, { ...BARE, kind: 'updates' }, BARE],
  more: 3,
  remedies: [{ kind: 'report', words: 'see that it runs', command: '' }],
};

const FIRST: PatchNoticeFacts = {
  kind: 'first',
  reader: { name: 'Alice', by: 'user' },
  projects: ['alpha'],
  asks: 'update',
  count: 2,
  servers: [WEB, BATCH],
  others: [],
  unnamed: 0,
  resolved: [],
  exempt: [],
  askedBy: FOUND.due,
  late: false,
  contactsAt: FOUND.due,
  operatorsAt: '2026-12-07T17:00:00.000Z',
  contactsKnow: false,
  operatorsKnow: false,
};
const OVER = [{ id: 'd1', name: 'db', findings: ['CVE-2026-1'], more: 1 }];
const LATE = { ...FOUND, overdue: true, askedBy: '2026-12-07T17:00:00Z', news: 'escalated' } as const;
const LATE_WEB: PatchServer = { ...WEB, findings: [LATE, { ...LATE, askedBy: LATE.due, fixed: '' }] };
const ESCALATED: PatchNoticeFacts = {
  ...FIRST,
  kind: 'escalated',
  reader: { name: '', by: 'metadata' },
  projects: [],
  asks: 'attention',
  count: 45,
  servers: [LATE_WEB, QUIET],
  others: ['a', 'b'],
  unnamed: 41,
  resolved: OVER,
  exempt: [
    { name: 'web-1', finding: 'CVE-2026-2', until: '2026-12-31T23:59:00Z', reason: 'an upgrade is planned' },
  ],
  late: true,
  contactsAt: '',
  contactsKnow: true,
  operatorsKnow: true,
};
const PATCHES: Readonly<Record<string, PatchNoticeFacts>> = {
  first: FIRST,
  reminder: {
    ...FIRST,
    kind: 'reminder',
    count: 1,
    servers: [WEB],
    projects: ['alpha', 'beta'],
    contactsAt: '',
    operatorsAt: '',
  },
  worse: {
    ...FIRST,
    kind: 'worse',
    count: 1,
    servers: [{ ...WEB, findings: [{ ...FOUND, news: 'worse' }] }],
  },
  reboot: { ...FIRST, asks: 'reboot', count: 1, servers: [BATCH] },
  escalated: ESCALATED,
  contact: {
    ...ESCALATED,
    kind: 'contact',
    reader: { name: 'alpha', by: 'project' },
    resolved: [],
    exempt: [],
  },
  resolved: {
    ...FIRST,
    kind: 'resolved',
    count: 0,
    servers: [],
    resolved: OVER,
    askedBy: '',
    contactsAt: '',
    operatorsAt: '',
  },
};

/** By letter and a name of the example; the first is what a preview shows unless another is wished for. */
export const EXAMPLES: { readonly [Name in LetterName]: Readonly<Record<string, FactsOf[Name]>> } = {
  'reboot-consent': REBOOTS,
  'reboot-notice': { notice: REBOOTS.notice, one: REBOOTS.one, several: REBOOTS.several },
  'patch-notice': PATCHES,
};
