import { describe, expect, it } from 'vitest';
import { clusterOf, USUAL_CLASSES, whyNotItsTurn } from '../../src/domain/guest-class.ts';
import { server } from '../support/builders.ts';

const K8S = { 'nightshift:cluster': 'prod' };

describe('clusterOf', () => {
  it.each([
    ['an amphora', server('amphora-3f2a', 'hv1'), 'amphora of project alpha'],
    [
      'a master of Magnum',
      server('k8s-prod-ngvi5qr4jxdj-master-0', 'hv1'),
      'magnum k8s-prod-ngvi5qr4jxdj of project alpha',
    ],
    [
      'a node of Magnum',
      server('k8s-prod-ngvi5qr4jxdj-node-12', 'hv1'),
      'magnum k8s-prod-ngvi5qr4jxdj of project alpha',
    ],
    ['a node of something else', server('web-node-1', 'hv1'), undefined],
    [
      'a control plane of Cluster API',
      server('prod-control-plane-x7k2p', 'hv1'),
      'cluster-api prod of project alpha',
    ],
    [
      'a member of what its owner calls a cluster',
      server('q1', 'hv1', { metadata: { 'nightshift:cluster': 'quorum' } }),
      'cluster quorum of project alpha',
    ],
    ['any other', server('web-1', 'hv1'), undefined],
    ['one whose name only contains a pattern', server('my-amphora-1', 'hv1'), undefined],
  ])('of %s', (_, member, cluster) => {
    expect(clusterOf(member, USUAL_CLASSES)).toBe(cluster);
  });

  it('knows members by a tag', () => {
    const classes = [{ class: 'etcd', tag: 'role-etcd*', oneAtATime: true as const }];

    expect(clusterOf(server('n1', 'hv1', { tags: ['prod', 'role-etcd-1'] }), classes)).toBe(
      'etcd of project alpha',
    );
    expect(clusterOf(server('n2', 'hv1', { tags: ['prod'] }), classes)).toBeUndefined();
    expect(clusterOf(server('n3', 'hv1'), classes)).toBeUndefined();
  });

  it('takes a pattern literally but for its stars', () => {
    const classes = [{ class: 'db', name: 'db.*-(a|b)', oneAtATime: true as const }];

    expect(clusterOf(server('db.1-(a|b)', 'hv1'), classes)).toBe('db of project alpha');
    expect(clusterOf(server('dbx1-a', 'hv1'), classes)).toBeUndefined();
  });

  it('wants every pattern to fit', () => {
    const classes = [{ class: 'db', name: 'db-*', project: 'beta', oneAtATime: true as const }];

    expect(clusterOf(server('db-1', 'hv1'), classes)).toBeUndefined();
    expect(clusterOf(server('db-1', 'hv1', { projectId: 'beta' }), classes)).toBe('db of project beta');
  });
});

describe('whyNotItsTurn', () => {
  const node = (name: string, more: object = {}) => server(name, 'hv2', { metadata: K8S, ...more });

  it.each<[string, object, string | undefined]>([
    ['the others run', {}, undefined],
    ['one is stopped', { status: 'SHUTOFF' }, 'n2 n2… is SHUTOFF'],
    ['one moves', { status: 'MIGRATING', task: 'migrating' }, 'n2 n2… is migrating'],
    ['one is in ERROR', { status: 'ERROR' }, 'n2 n2… is ERROR'],
    ['one is in another cluster', { metadata: {}, status: 'ERROR' }, undefined],
    ['one is in another project', { projectId: 'beta', status: 'ERROR' }, undefined],
    ['one is deleted', { status: 'SOFT_DELETED' }, undefined],
  ])('of a node when %s', (_, is, why) => {
    const servers = [node('n1'), node('n2', is), server('web-1', 'hv1', { status: 'ERROR' })];

    expect(whyNotItsTurn(servers[0]!, servers, USUAL_CLASSES)).toBe(
      why && `its turn in cluster prod of project alpha has not come: ${why}`,
    );
  });

  it.each<[string, object, boolean]>([
    ['moves', { status: 'MIGRATING', task: 'migrating' }, false],
    ['is built', { status: 'BUILD' }, false],
    ['has been in ERROR', { status: 'ERROR' }, true],
  ])('of an amphora while another %s', (_, is, itsTurn) => {
    const servers = [server('amphora-1', 'hv1'), server('amphora-2', 'hv2', is)];

    expect(whyNotItsTurn(servers[0]!, servers, USUAL_CLASSES) === undefined).toBe(itsTurn);
  });
});
