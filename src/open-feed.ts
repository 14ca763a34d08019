/** How is a feed of the configuration polled? Its client is loaded when it is opened. */
import { readFile } from 'node:fs/promises';
import type { DropPlace } from './clients/drop/feed.ts';
import type { Secret } from './config/secret.ts';
import type { Config } from './config.ts';
import type { PatchFeed } from './domain/patch-feed.ts';

type Feed = Config['feeds'][string];

/** `zone`: the site's, for a feed that names none. Throws where a certificate cannot be read. */
export async function openFeed(name: string, feed: Feed, zone: string): Promise<PatchFeed> {
  const { pakiti, prometheus, drop } = feed;
  if (pakiti !== undefined) {
    const { openPakiti } = await import('./clients/pakiti/feed.ts');
    const { certificate, tags, hostGroup, timezone = zone, token, login, ca, ...plain } = pakiti;
    return openPakiti(name, {
      ...plain,
      timezone,
      ...(tags && { tags }),
      ...(hostGroup !== undefined && { hostGroup }),
      ...(await signInOf({ token, login, ca })),
      ...(certificate && {
        certificate: { cert: await readFile(certificate.cert, 'utf8'), key: certificate.key.reveal() },
      }),
    });
  }
  if (prometheus !== undefined) {
    const { openPrometheusFeed } = await import('./clients/prometheus-feed.ts');
    const { token, login, ca, ...plain } = prometheus;
    return openPrometheusFeed(name, { ...plain, ...(await signInOf({ token, login, ca })) });
  }
  const { openDrop } = await import('./clients/drop/feed.ts');
  const { token, login, ca, tags, listsClean, timezone = zone, complete, staleMs, ...place } = drop!;
  return openDrop(name, {
    place: placeOf(place),
    timezone,
    complete,
    staleMs,
    ...(tags && { tags }),
    ...(listsClean !== undefined && { listsClean }),
    ...(await signInOf({ token, login, ca })),
  });
}

function placeOf({
  file,
  url,
  machineFiles,
}: Pick<NonNullable<Feed['drop']>, 'file' | 'url' | 'machineFiles'>): DropPlace {
  if (file !== undefined) return { file };
  return url === undefined ? { machineFiles: machineFiles! } : { url: url.reveal() };
}

interface SignIn {
  readonly token?: Secret | undefined;
  readonly login?: { readonly user: string; readonly password: Secret } | undefined;
  /** A file. */
  readonly ca?: string | undefined;
}

/** As clients take it. Throws where the file of authorities cannot be read. */
export async function signInOf({ token, login, ca }: SignIn) {
  return {
    ...(token && { token: token.reveal() }),
    ...(login && { login: { user: login.user, password: login.password.reveal() } }),
    ...(ca !== undefined && { ca: await readFile(ca, 'utf8') }),
  };
}
