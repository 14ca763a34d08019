/** Where a cloud's settings are written, and under which names: a clouds.yaml, or the environment. */
import { type CloudsFile, type Entry, readClouds, type Surroundings } from './clouds-yaml.ts';
import type { Faults } from './faults.ts';

export interface Choice extends Surroundings {
  /** A name in clouds.yaml. Left out: OS_CLOUD, else the OS_* environment, else the file's only cloud. */
  readonly cloud?: string;
}

/** Keys of clouds.yaml, with the variables of the environment that say the same. */
const VARIABLES = {
  auth_type: 'OS_AUTH_TYPE',
  'auth.auth_url': 'OS_AUTH_URL',
  'auth.username': 'OS_USERNAME',
  'auth.user_id': 'OS_USER_ID',
  'auth.password': 'OS_PASSWORD',
  'auth.user_domain_id': 'OS_USER_DOMAIN_ID',
  'auth.user_domain_name': 'OS_USER_DOMAIN_NAME',
  'auth.project_id': 'OS_PROJECT_ID',
  'auth.project_name': 'OS_PROJECT_NAME',
  'auth.project_domain_id': 'OS_PROJECT_DOMAIN_ID',
  'auth.project_domain_name': 'OS_PROJECT_DOMAIN_NAME',
  'auth.application_credential_id': 'OS_APPLICATION_CREDENTIAL_ID',
  'auth.application_credential_name': 'OS_APPLICATION_CREDENTIAL_NAME',
  'auth.application_credential_secret': 'OS_APPLICATION_CREDENTIAL_SECRET',
  region_name: 'OS_REGION_NAME',
  interface: 'OS_INTERFACE',
  endpoint_type: 'OS_ENDPOINT_TYPE',
  cacert: 'OS_CACERT',
  insecure: 'OS_INSECURE',
  verify: 'OS_VERIFY',
  compute_endpoint_override: 'OS_COMPUTE_ENDPOINT_OVERRIDE',
  placement_endpoint_override: 'OS_PLACEMENT_ENDPOINT_OVERRIDE',
  network_endpoint_override: 'OS_NETWORK_ENDPOINT_OVERRIDE',
  has_network: 'OS_HAS_NETWORK',
} as const;
export type Key = keyof typeof VARIABLES;

/** One cloud's keys, wherever they are written. */
export interface Source {
  /** What errors call the cloud: `cloud prod (/etc/openstack/clouds.yaml)`. */
  readonly name: string;
  get(key: Key): string | undefined;
  /** The key's name as the operator wrote it, or would. */
  at(key: Key): string;
}

/** Finds the cloud that is wanted; undefined, with the reason added to `faults`, when there is none. */
export function findSource(choice: Choice, faults: Faults): Source | undefined {
  const { env } = choice;
  const name = choice.cloud ?? (env['OS_CLOUD'] || undefined);
  if (name === undefined && env['OS_AUTH_URL']) return fromEnvironment(env);

  const file = readClouds(choice, faults);
  if (file === undefined) {
    if (faults.lines.length > 0) return undefined;
    const sought = name === undefined ? 'none is named' : `${name} is wanted`;
    faults.add('cloud', `${sought}, and there is neither a clouds.yaml nor OS_AUTH_URL`);
    return undefined;
  }
  const names = [...file.clouds.keys()];
  const chosen = name ?? (names.length === 1 ? names[0] : undefined);
  const entry = chosen === undefined ? undefined : file.clouds.get(chosen);
  if (chosen !== undefined && entry !== undefined) return fromFile(file, chosen, entry, faults);
  if (faults.lines.length === 0) {
    const fault = chosen === undefined ? 'say which cloud is meant' : `there is no cloud ${chosen}`;
    faults.add(file.path, `${fault}; it has ${names.join(', ') || 'none'}`);
  }
  return undefined;
}

function fromEnvironment(env: Surroundings['env']): Source {
  return {
    name: 'the cloud of OS_AUTH_URL',
    get: (key) => env[VARIABLES[key]] || undefined,
    at: (key) => VARIABLES[key],
  };
}

function fromFile({ path }: CloudsFile, name: string, entry: Entry, faults: Faults): Source {
  const at = (key: string) => `${path} clouds.${name}.${key}`;
  if ('profile' in entry) faults.add(at('profile'), 'profiles are not read; write what it holds here');
  return {
    name: `cloud ${name} (${path})`,
    get(key) {
      let value: unknown = entry;
      for (const part of key.split('.')) value = (value as Entry | undefined)?.[part];
      if (value === undefined || value === '') return undefined;
      if (typeof value === 'string') return value;
      faults.add(at(key), 'must be a text');
      return undefined;
    },
    at,
  };
}
