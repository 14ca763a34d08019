/** What is there to say in a mail about servers that are not patched? The facts that its template is filled with. */
import { z } from 'zod';
import { NOTICE_KINDS } from './notice-log.ts';

const Instant = z.iso.datetime();
const Maybe = z.union([Instant, z.literal('')]);

const FindingFacts = z.strictObject({
  id: z.string(),
  /** What kind of thing is asked: `updates` stands for updates that no advisory is named for. */
  kind: z.enum(['advisory', 'updates', 'reboot', 'silence']),
  package: z.string(),
  installed: z.string(),
  /** The first version without it. */
  fixed: z.string(),
  severity: z.enum(['critical', 'high', 'medium', 'low', 'unknown']),
  /** https or nothing. */
  url: z.string(),
  since: Instant,
  due: Instant,
  overdue: z.boolean(),
  /** Until when its owner may take: later than `due` where that was over when it was first told. */
  askedBy: Instant,
  news: z.enum(['first', 'worse', 'escalated', 'reminder', 'resolved', '']),
});

const ServerFacts = z.strictObject({
  id: z.string(),
  name: z.string(),
  project: z.string(),
  address: z.string(),
  os: z.string(),
  /** Of whom it is, for readers who do not own it. */
  owner: z.string(),
  /** When it was last heard of; empty where nobody knows. */
  reportedAt: Maybe,
  /** When the feed was asked, and which one. */
  askedAt: Instant,
  findings: z.array(FindingFacts),
  /** Findings that are not among them. */
  more: z.int(),
  remedies: z.array(
    z.strictObject({ kind: z.enum(['update', 'reboot', 'report']), words: z.string(), command: z.string() }),
  ),
});

export const PatchNoticeSchema = z.strictObject({
  kind: z.enum(NOTICE_KINDS),
  reader: z.strictObject({ name: z.string(), by: z.enum(['metadata', 'user', 'project']) }),
  /** Names of their projects, where they are known. */
  projects: z.array(z.string()),
  /** What is asked of all of them: updates, some of which end with a reboot; a reboot; or several things. */
  asks: z.enum(['update', 'reboot', 'attention']),
  /** Servers that something is asked of; those that are listed in full, and the names of the others. */
  count: z.int(),
  servers: z.array(ServerFacts),
  others: z.array(z.string()),
  /** Of `count`: those in neither list. */
  unnamed: z.int(),
  /** What was told and is over. */
  resolved: z.array(
    z.strictObject({ id: z.string(), name: z.string(), findings: z.array(z.string()), more: z.int() }),
  ),
  /** What is not asked now, because somebody allowed it until then. */
  exempt: z.array(
    z.strictObject({ name: z.string(), finding: z.string(), until: Instant, reason: z.string() }),
  ),
  /** Until when the first of it is asked for; empty where nothing is. */
  askedBy: Maybe,
  /** That is over. */
  late: z.boolean(),
  /** From when on others hear of it if it stays so; empty where they do not, or do already. */
  contactsAt: Maybe,
  operatorsAt: Maybe,
  /** They hear of something already. */
  contactsKnow: z.boolean(),
  operatorsKnow: z.boolean(),
});

export type PatchNoticeFacts = z.output<typeof PatchNoticeSchema>;
