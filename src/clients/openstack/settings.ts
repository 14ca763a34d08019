/** Which cloud, and who we are there: from clouds.yaml, or from the OS_* environment. */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Interface } from './catalog.ts';
import type { Surroundings } from './clouds-yaml.ts';
import { OpenStackError } from './error.ts';
import { Faults } from './faults.ts';
import type { Credential, InDomain } from './identity.ts';
import type { Timing } from './retry.ts';
import { type Choice, findSource, type Key, type Source } from './settings-source.ts';

/** Holds secrets: never to be logged. */
export interface OpenStackSettings {
  /** What errors call the cloud: `cloud prod (/etc/openstack/clouds.yaml)`. */
  readonly name: string;
  /** Keystone v3, without a slash at its end. */
  readonly authUrl: string;
  readonly credential: Credential;
  readonly region?: string;
  readonly interface: Interface;
  /** Certificates in PEM of an authority to trust beside the public ones. */
  readonly ca?: string;
  /** Instead of the catalog's. */
  readonly endpoints: { readonly compute?: string; readonly placement?: string; readonly network?: string };
  /** False: Neutron is not asked for anything, whatever the catalog has. */
  readonly hasNetwork?: boolean;
  readonly timing?: Partial<Timing>;
}

/**
 * Reads the settings, files included. Throws one OpenStackError, not retryable, that names every
 * fault with its file and key.
 */
export function readOpenStackSettings(choice: Choice): OpenStackSettings {
  const faults = new Faults();
  const source = findSource(choice, faults);
  const settings = source && build(source, choice, faults);
  const { lines } = faults;
  if (settings !== undefined && lines.length === 0) return settings;
  const where = source?.name ?? 'OpenStack';
  const count = lines.length === 1 ? '1 fault' : `${lines.length} faults`;
  throw new OpenStackError([`${where}: ${count} in its settings`, ...lines].join('\n  '), {
    retryable: false,
  });
}

function build(source: Source, around: Surroundings, faults: Faults): OpenStackSettings | undefined {
  const authUrl = readAuthUrl(source, faults);
  const credential = readCredential(source, faults);
  const face = readInterface(source, faults);
  const ca = readCa(source, around, faults);
  const region = source.get('region_name');
  const compute = readUrl(source, 'compute_endpoint_override', faults);
  const placement = readUrl(source, 'placement_endpoint_override', faults);
  const network = readUrl(source, 'network_endpoint_override', faults);
  if (isFalse(source.get('verify')) || isTrue(source.get('insecure'))) {
    const key = isTrue(source.get('insecure')) ? 'insecure' : 'verify';
    faults.add(source.at(key), `certificates are always verified; name your CA in ${source.at('cacert')}`);
  }
  if (authUrl === undefined || credential === undefined || face === undefined) return undefined;
  return {
    name: source.name,
    authUrl,
    credential,
    interface: face,
    ...(region !== undefined && { region }),
    ...(ca !== undefined && { ca }),
    endpoints: {
      ...(compute !== undefined && { compute }),
      ...(placement !== undefined && { placement }),
      ...(network !== undefined && { network }),
    },
    ...(isFalse(source.get('has_network')) && { hasNetwork: false }),
  };
}

function readAuthUrl(source: Source, faults: Faults): string | undefined {
  if (source.get('auth.auth_url') === undefined) {
    faults.add(source.at('auth.auth_url'), 'is missing');
    return undefined;
  }
  const url = readUrl(source, 'auth.auth_url', faults);
  if (url === undefined) return undefined;
  if (url.endsWith('/v2.0')) {
    faults.add(source.at('auth.auth_url'), 'Identity v2.0 is gone from OpenStack; end it with /v3');
    return undefined;
  }
  return url.endsWith('/v3') ? url : `${url}/v3`;
}

function readUrl(source: Source, key: Key, faults: Faults): string | undefined {
  const value = source.get(key);
  if (value === undefined) return undefined;
  if (/^https?:$/.test(URL.parse(value)?.protocol ?? '')) return value.replace(/\/+$/, '');
  faults.add(source.at(key), `${JSON.stringify(value)} is no http or https address`);
  return undefined;
}

function readCredential(source: Source, faults: Faults): Credential | undefined {
  const isApplication =
    source.get('auth.application_credential_id') ?? source.get('auth.application_credential_name');
  const kind = source.get('auth_type') ?? (isApplication ? 'v3applicationcredential' : 'password');
  if (kind === 'v3applicationcredential') return readApplicationCredential(source, faults);
  if (kind === 'password' || kind === 'v3password') {
    const password = need(source, 'auth.password', faults);
    const user = readInDomain(source, USER, faults);
    const project = readInDomain(source, PROJECT, faults);
    return password && user && project ? { kind: 'password', user, password, project } : undefined;
  }
  faults.add(source.at('auth_type'), `${kind} is not supported; use password or v3applicationcredential`);
  return undefined;
}

function readApplicationCredential(source: Source, faults: Faults): Credential | undefined {
  const kind = 'application credential';
  const secret = need(source, 'auth.application_credential_secret', faults);
  const id = source.get('auth.application_credential_id');
  if (id !== undefined) return secret ? { kind, credential: { id }, secret } : undefined;
  const name = need(source, 'auth.application_credential_name', faults);
  const user = readInDomain(source, USER, faults);
  return secret && name && user ? { kind, credential: { name, user }, secret } : undefined;
}

const USER = ['auth.user_id', 'auth.username', 'auth.user_domain_id', 'auth.user_domain_name'] as const;
const PROJECT = [
  'auth.project_id',
  'auth.project_name',
  'auth.project_domain_id',
  'auth.project_domain_name',
] as const;

/** A user or project: by its id, or by its name and the id or name of its domain. */
function readInDomain(
  source: Source,
  [idKey, nameKey, domainIdKey, domainNameKey]: typeof USER | typeof PROJECT,
  faults: Faults,
): InDomain | undefined {
  const id = source.get(idKey);
  if (id !== undefined) return { id };
  const name = need(source, nameKey, faults);
  const domainId = source.get(domainIdKey);
  const domainName = domainId === undefined ? need(source, domainNameKey, faults) : undefined;
  if (name === undefined) return undefined;
  if (domainId !== undefined) return { name, domain: { id: domainId } };
  return domainName === undefined ? undefined : { name, domain: { name: domainName } };
}

function need(source: Source, key: Key, faults: Faults): string | undefined {
  const value = source.get(key);
  if (value === undefined) faults.add(source.at(key), 'is missing');
  return value;
}

function readInterface(source: Source, faults: Faults): Interface | undefined {
  const key = source.get('interface') === undefined ? 'endpoint_type' : 'interface';
  const face = (source.get(key) ?? 'public').replace(/URL$/, '');
  if (face === 'public' || face === 'internal' || face === 'admin') return face;
  faults.add(source.at(key), `${face} is none of public, internal, admin`);
  return undefined;
}

function readCa(source: Source, { cwd, home }: Surroundings, faults: Faults): string | undefined {
  const written = source.get('cacert');
  if (written === undefined) return undefined;
  const path = resolve(cwd, written.replace(/^~(?=\/)/, home));
  try {
    const pem = readFileSync(path, 'utf8');
    void new X509Certificate(pem);
    return pem;
  } catch {
    faults.add(source.at('cacert'), `${path} cannot be read, or is no certificate in PEM`);
    return undefined;
  }
}

function isFalse(value: string | undefined): boolean {
  return /^(false|no|0|off)$/i.test(value ?? '');
}

function isTrue(value: string | undefined): boolean {
  return value !== undefined && !isFalse(value);
}
