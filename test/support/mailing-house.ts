/** A house that mails through a relay and reads a mailbox, as the daemon puts it together, for one test. */
import type { z } from 'zod';
import { type MailSink, type SmtpSettings, smtpTransport } from '../../src/clients/mail.ts';
import type { Clients } from '../../src/context.ts';
import { REFUSALS } from '../../src/domain/address-marks.ts';
import type { Engine } from '../../src/engine/engine.ts';
import type { Job } from '../../src/engine/job.ts';
import { clientsOver } from './clients.ts';
import type { DeathPoint, House, TestEngine } from './engine.ts';
import { FakeCloud } from './fake-cloud.ts';

export const OURS = { address: 'patchd@lab.example', host: 'lab.example' };

export interface MailingHouse extends TestEngine<Clients> {
  readonly sink: MailSink;
}

/** One process; more of them share its Redis. The sink lives until the test ends it. */
export async function openMailing(
  house: House,
  jobs: Readonly<Record<string, Job<z.ZodType, Clients>>>,
  {
    smtp,
    clients = {},
    deathAt,
  }: {
    readonly smtp: Pick<SmtpSettings, 'url'> & Partial<SmtpSettings>;
    readonly clients?: Partial<Clients>;
    readonly deathAt?: (point: DeathPoint) => boolean;
  },
): Promise<MailingHouse> {
  const cloud = new FakeCloud([], []);
  const sink = smtpTransport({
    from: 'Cloud patching <patching@lab.example>',
    bounces: { address: OURS.address, verp: true },
    ...smtp,
  });
  const opened = await house.engine<Clients>(jobs, {
    clients: clientsOver({ cloud, host: (name) => cloud.host(name), bounces: OURS, ...clients }),
    deliver: (mail, done) => sink.send(mail, done),
    mailPace: { atOnce: 3 },
    mailHost: OURS.host,
    refusals: REFUSALS,
    ...(deathAt && { deathAt }),
  });
  return { ...opened, sink };
}

/** Works a run of a job to its end; resolves with its record. */
export async function workOne(engine: Engine<Clients>, job: string, options = {}) {
  const run = await engine.create({ job, options, trigger: { kind: 'cli', by: 'kim' }, acting: true });
  await engine.work(run);
  return (await engine.runs.get(run))!;
}
