/** From where is it told which machines are not patched, and how is each feed asked? */
import { z } from 'zod';
import { parseSpan, spanFault } from '../domain/time-forms.ts';
import * as form from './forms.ts';
import {
  apiFaults,
  apiKeys,
  path,
  secret,
  signInFaults,
  signInKeys,
  signInOf,
  text,
  Word,
  webUrl,
} from './parts.ts';
import type { Surroundings } from './secret.ts';

/** By name; each is of one kind. */
export function feedsSchema(site: Surroundings) {
  const feed = z
    .strictObject({
      pakiti: pakitiSchema(site).optional(),
      prometheus: prometheusSchema(site).optional(),
      drop: dropSchema(site).optional(),
    })
    .superRefine((given, ctx) => exactlyOne(given, ['pakiti', 'prometheus', 'drop'], ctx));
  return z.record(z.string().regex(/^[A-Za-z0-9][\w.-]*$/), feed);
}

const Span = text(spanFault).transform(parseSpan);
const Tags = z.array(Word).min(1).optional();

function pakitiSchema(site: Surroundings) {
  const { token: _, ...keys } = apiKeys(site);
  return z
    .strictObject({
      ...keys,
      cert: path(site).optional(),
      key: secret(site).optional(),
      timezone: text(form.zoneFault).optional(),
      tags: Tags,
      hostGroup: Word.optional(),
      staleAfter: Span.optional(),
      packages: z.boolean().default(true),
    })
    .superRefine((given, ctx) => {
      apiFaults(given, ctx);
      const { url, cert, key } = given;
      if (!cert !== !key) ctx.addIssue({ code: 'custom', path: ['cert'], message: 'goes together with key' });
      if (cert && !url.startsWith('https:'))
        ctx.addIssue({ code: 'custom', path: ['cert'], message: 'is shown to https://… only' });
    })
    .transform(({ user, password, ca, cert, key, staleAfter: staleMs, ...rest }) => ({
      ...rest,
      ...signInOf({ user, password, ca }),
      ...(cert && key && { certificate: { cert, key } }),
      ...(staleMs !== undefined && { staleMs }),
    }));
}

const LABEL = /^[A-Za-z_]\w*$/;
const Label = z.string().regex(LABEL);

function prometheusSchema(site: Surroundings) {
  return z
    .strictObject({
      ...apiKeys(site),
      targets: z.record(Label, Word).default({}),
      labels: z
        .strictObject({
          serverId: Label.default('instance_id'),
          host: Label.default('instance_name'),
          address: Label.default('instance'),
          projectId: Label.optional(),
        })
        .prefault({}),
      securityOrigins: z
        .strictObject({
          apt: z.array(Word).default(['*-security*']),
          yum: z.array(Word).default(['*']),
        })
        .prefault({}),
    })
    .superRefine(apiFaults)
    .transform(({ token, user, password, ca, ...rest }) => ({
      ...rest,
      ...signInOf({ token, user, password, ca }),
    }));
}

function dropSchema(site: Surroundings) {
  return z
    .strictObject({
      file: path(site).optional(),
      url: webUrl(site).optional(),
      machineFiles: path(site).optional(),
      ...signInKeys(site),
      timezone: text(form.zoneFault).optional(),
      tags: Tags,
      complete: z.boolean().default(true),
      listsClean: z.boolean().optional(),
      staleAfter: Span.prefault('7d'),
    })
    .superRefine((given, ctx) => {
      exactlyOne(given, ['file', 'url', 'machineFiles'], ctx);
      signInFaults(given, ctx);
      for (const key of ['token', 'user', 'ca'] as const)
        if (given[key] !== undefined && !given.url)
          ctx.addIssue({ code: 'custom', path: [key], message: 'belongs to url, which is not given' });
      if (given.machineFiles && given.listsClean === false)
        ctx.addIssue({
          code: 'custom',
          path: ['listsClean'],
          message: 'cannot be false: there is a file for each machine',
        });
    })
    .transform(({ token, user, password, ca, staleAfter: staleMs, ...rest }) => ({
      ...rest,
      ...signInOf({ token, user, password, ca }),
      staleMs,
    }));
}

function exactlyOne<Key extends string>(
  given: { readonly [K in Key]?: unknown },
  keys: readonly Key[],
  ctx: z.core.$RefinementCtx,
): void {
  const [first, second] = keys.filter((key) => given[key] !== undefined);
  const words = `${keys.slice(0, -1).join(', ')} or ${keys.at(-1)}`;
  if (first === undefined) ctx.addIssue({ code: 'custom', message: `is of no kind: give ${words}` });
  else if (second !== undefined)
    ctx.addIssue({ code: 'custom', path: [second], message: `excludes ${first}: give one of ${words}` });
}
