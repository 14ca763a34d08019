/** Where settings come from, and that everything wrong with them is said at once. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { OpenStackError } from '../../../src/clients/openstack/error.ts';
import { readOpenStackSettings } from '../../../src/clients/openstack/settings.ts';
import { pem } from './samples.ts';

let cwd: string;
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'settings-'));
});
afterEach(() => rmSync(cwd, { recursive: true }));

const home = () => join(cwd, 'home');

function file(path: string, text: string): string {
  const whole = join(cwd, path);
  mkdirSync(join(whole, '..'), { recursive: true });
  writeFileSync(whole, text);
  return whole;
}

function read(cloud?: string, env: Record<string, string> = {}) {
  return readOpenStackSettings({ cwd, home: home(), env, ...(cloud !== undefined && { cloud }) });
}

function faultsOf(cloud?: string, env: Record<string, string> = {}): string {
  try {
    read(cloud, env);
  } catch (error) {
    if (error instanceof OpenStackError) return error.message;
    throw error;
  }
  throw new Error('there were no faults');
}

const prod = `
clouds:
  prod:
    auth:
      auth_url: https://keystone.example/identity/
      username: nightshift
      user_domain_name: Default
      project_name: admin
      project_domain_id: default
      password: 0012
    region_name: north
    interface: internal
    compute_endpoint_override: https://nova.example/v2.1/
`;

describe('clouds.yaml', () => {
  it('gives a cloud by its name', () => {
    const path = file('clouds.yaml', prod);

    expect(read('prod')).toEqual({
      name: `cloud prod (${path})`,
      authUrl: 'https://keystone.example/identity/v3',
      credential: {
        kind: 'password',
        user: { name: 'nightshift', domain: { name: 'Default' } },
        password: '0012',
        project: { name: 'admin', domain: { id: 'default' } },
      },
      region: 'north',
      interface: 'internal',
      endpoints: { compute: 'https://nova.example/v2.1' },
    });
  });

  it('may set where Neutron is, or that there is none', () => {
    file(
      'clouds.yaml',
      `${prod}    network_endpoint_override: https://neutron.example/\n    has_network: false\n`,
    );

    expect(read('prod')).toMatchObject({
      endpoints: { network: 'https://neutron.example' },
      hasNetwork: false,
    });
  });

  it('is the one that OS_CLIENT_CONFIG_FILE names, then the one here, then the one at home', () => {
    file('home/.config/openstack/clouds.yaml', prod.replace('nightshift', 'home'));
    expect(read('prod').credential).toMatchObject({ user: { name: 'home' } });

    file('clouds.yaml', prod.replace('nightshift', 'here'));
    expect(read('prod').credential).toMatchObject({ user: { name: 'here' } });

    const env = { OS_CLIENT_CONFIG_FILE: file('elsewhere/my.yaml', prod.replace('nightshift', 'named')) };
    expect(read('prod', env).credential).toMatchObject({ user: { name: 'named' } });
  });

  it('has its secrets from secure.yaml', () => {
    file('clouds.yaml', prod.replace('password: 0012', ''));
    file('secure.yaml', 'clouds: { prod: { auth: { password: from-secure } } }');

    expect(read('prod').credential).toMatchObject({ user: { name: 'nightshift' }, password: 'from-secure' });
  });

  it('needs no name when it has one cloud, and has it from OS_CLOUD', () => {
    file('clouds.yaml', prod);

    expect(read().authUrl).toBe('https://keystone.example/identity/v3');
    expect(read(undefined, { OS_CLOUD: 'prod' }).region).toBe('north');
  });

  it.each([
    ['by id', 'application_credential_id: c0ffee', { id: 'c0ffee' }],
    [
      'by name and user',
      'application_credential_name: night, username: kim, user_domain_name: Staff',
      { name: 'night', user: { name: 'kim', domain: { name: 'Staff' } } },
    ],
  ])('may give an application credential %s', (_, keys, credential) => {
    const auth = `{ auth_url: "https://k.example/v3", application_credential_secret: s, ${keys} }`;
    file('clouds.yaml', `clouds: { prod: { auth_type: v3applicationcredential, auth: ${auth} } }`);

    expect(read('prod').credential).toEqual({ kind: 'application credential', credential, secret: 's' });
  });

  it('may name a CA, at home too', () => {
    const ca = pem('ca');
    file('home/ca.pem', ca);
    file('clouds.yaml', `${prod}    cacert: ~/ca.pem\n`);

    expect(read('prod').ca).toBe(ca);
  });
});

describe('the environment', () => {
  const env = {
    OS_AUTH_URL: 'http://127.0.0.1:5000/v3',
    OS_USERNAME: 'admin',
    OS_PASSWORD: 'p',
    OS_PROJECT_NAME: 'admin',
    OS_USER_DOMAIN_ID: 'default',
    OS_PROJECT_DOMAIN_ID: 'default',
    OS_ENDPOINT_TYPE: 'internalURL',
  };

  it('gives a cloud when none is named', () => {
    expect(read(undefined, env)).toMatchObject({
      authUrl: 'http://127.0.0.1:5000/v3',
      interface: 'internal',
    });
  });

  it('gives way to a cloud that is named', () => {
    file('clouds.yaml', prod);

    expect(read('prod', env).authUrl).toBe('https://keystone.example/identity/v3');
  });

  it('is faulted by the names of its variables', () => {
    expect(
      faultsOf(undefined, { OS_AUTH_URL: 'keystone:5000', OS_INSECURE: '1', OS_USERNAME: 'admin' }),
    ).toBe(
      [
        'the cloud of OS_AUTH_URL: 6 faults in its settings',
        'OS_AUTH_URL: "keystone:5000" is no http or https address',
        'OS_PASSWORD: is missing',
        'OS_USER_DOMAIN_NAME: is missing',
        'OS_PROJECT_NAME: is missing',
        'OS_PROJECT_DOMAIN_NAME: is missing',
        'OS_INSECURE: certificates are always verified; name your CA in OS_CACERT',
      ].join('\n  '),
    );
  });
});

describe('settings with faults', () => {
  it('name all of them, each with its file and key', () => {
    const path = file(
      'clouds.yaml',
      `clouds:
  prod:
    auth: { auth_url: "https://k.example/v2.0", user_id: 7, project_id: 8, password: [a] }
    interface: secret
    verify: false
    cacert: nowhere.pem
    profile: vexxhost
`,
    );

    const message = faultsOf('prod');

    const key = `${path} clouds.prod`;
    expect(message.split('\n  ')).toEqual([
      `cloud prod (${path}): 6 faults in its settings`,
      `${key}.profile: profiles are not read; write what it holds here`,
      `${key}.auth.auth_url: Identity v2.0 is gone from OpenStack; end it with /v3`,
      `${key}.auth.password: must be a text`,
      `${key}.interface: secret is none of public, internal, admin`,
      `${key}.cacert: ${join(cwd, 'nowhere.pem')} cannot be read, or is no certificate in PEM`,
      `${key}.verify: certificates are always verified; name your CA in ${key}.cacert`,
    ]);
  });

  it('are not worth trying again', () => {
    expect(() => read('prod')).toThrow(expect.objectContaining({ retryable: false }));
  });

  it.each([
    [
      'no file',
      undefined,
      'prod',
      'cloud: prod is wanted, and there is neither a clouds.yaml nor OS_AUTH_URL',
    ],
    ['another cloud', prod, 'test', '/clouds.yaml: there is no cloud test; it has prod'],
    [
      'two clouds, none named',
      `${prod}  test: {}\n`,
      undefined,
      '/clouds.yaml: say which cloud is meant; it has prod, test',
    ],
    ['a list', '- prod\n', 'prod', '/clouds.yaml: must hold a map with the key clouds'],
    [
      'a method we do not know',
      prod.replace('  prod:', '  prod:\n    auth_type: token'),
      'prod',
      'token is not supported; use password or v3applicationcredential',
    ],
  ])('say so of %s', (_, text, cloud, fault) => {
    if (text !== undefined) file('clouds.yaml', text);

    expect(faultsOf(cloud)).toContain(fault);
  });

  it('name the line that is no YAML, without quoting it', () => {
    const path = file('clouds.yaml', 'clouds:\n  prod:\n    password: hunter2: [\n');

    const message = faultsOf('prod');

    expect(message).toContain(`${path} line 3: no valid YAML`);
    expect(message).not.toContain('hunter2');
  });

  it('name a file that OS_CLIENT_CONFIG_FILE promises', () => {
    file('clouds.yaml', prod);

    expect(faultsOf('prod', { OS_CLIENT_CONFIG_FILE: 'gone.yaml' })).toContain(
      `OS_CLIENT_CONFIG_FILE: there is no file ${join(cwd, 'gone.yaml')}`,
    );
  });
});
