/** How is mail sent, and from which mailboxes is it read? */
import { z } from 'zod';
import * as form from './forms.ts';
import { Positive, path, secret, text, Word } from './parts.ts';
import type { Surroundings } from './secret.ts';
import { Secret } from './secret.ts';

/** Kept in a folder, or handed to a relay. */
export function mailSchema(site: Surroundings) {
  const keys = z.strictObject({
    smtp: text(form.smtpFault).optional(),
    user: secret(site, () => undefined).optional(),
    password: secret(site).optional(),
    ca: path(site).optional(),
    maxPerMinute: Positive.optional(),
    connections: z.int().min(1).max(50).default(2),
    dkim: z
      .strictObject({ domain: text(form.hostFault), selector: text(form.hostFault), key: rsaKey(site) })
      .optional(),
    bounces: z.strictObject({ address: text(form.addressFault), verp: z.boolean().default(true) }).optional(),
    listId: text(form.listIdFault).optional(),
    folder: path(site).optional(),
    from: text(form.mailboxFault).optional(),
  });
  return keys
    .superRefine(({ smtp, user, password, folder, from }, ctx) => {
      const fault = (key: string, message: string) => ctx.addIssue({ code: 'custom', path: [key], message });
      if (!smtp && !folder) fault('smtp', 'is missing (or `folder`: mail is kept there and none is sent)');
      if (smtp && folder) fault('folder', 'excludes smtp: mail is either kept or sent');
      if (smtp && !from) fault('from', 'is missing');
      if (!user !== !password) fault('user', 'goes together with password');
    })
    .transform(
      ({ smtp, user, password, folder = '', from = 'Nightshift <nightshift@localhost>', ...more }) => {
        const { ca, maxPerMinute, connections, dkim, bounces, listId } = more;
        const letterhead = { from, ...(listId && { listId }) };
        const how = { ...letterhead, connections, ...(bounces && { bounces }) };
        if (!smtp) return { folder, ...how };
        return {
          smtp,
          ...how,
          ...(user && password && { login: { user: user.reveal(), password } }),
          ...(ca && { ca }),
          ...(maxPerMinute && { maxPerMinute }),
          ...(dkim && { dkim }),
        };
      },
    );
}

/** By name. */
export function mailboxesSchema(site: Surroundings) {
  const mailbox = z
    .strictObject({
      imap: text(form.imapFault),
      user: secret(site, () => undefined),
      password: secret(site),
      folder: Word.default('INBOX'),
      ca: path(site).optional(),
    })
    .transform(({ user, ...given }) => ({ ...given, user: user.reveal() }));
  return z.record(z.string().regex(/^[A-Za-z0-9][\w.-]*$/), mailbox);
}

function rsaKey(site: Surroundings) {
  return secret(site).superRefine((key, ctx) => {
    if (!(key instanceof Secret)) return;
    const message = form.rsaKeyFault(key.reveal());
    if (message !== undefined) ctx.addIssue({ code: 'custom', message });
  });
}
