import { expect, it } from 'vitest';
import type { ServerAction } from '../../src/domain/fleet.ts';
import { whoActed } from '../../src/domain/who-acted.ts';

const create = { id: 'r1', action: 'create', ours: false };
const our = (action: string, id = action): ServerAction => ({ id, action, ours: true });
const their = (action: string, id = action): ServerAction => ({ id, action, ours: false });

it.each<[string, ServerAction[], string | null, object]>([
  ['nothing since', [create], 'r1', { is: 'nobody' }],
  ['nothing at all', [], null, { is: 'nobody' }],
  ['we stopped it', [our('stop'), create], 'r1', { is: 'we', started: false }],
  ['we stopped and started it', [our('start'), our('stop'), create], 'r1', { is: 'we', started: true }],
  ['its owner stopped it', [their('stop'), create], 'r1', { is: 'somebody', action: 'stop' }],
  [
    'its owner started it after us',
    [their('start'), our('stop'), create],
    'r1',
    { is: 'somebody', action: 'start' },
  ],
  [
    'its owner stopped it again after our start',
    [their('stop', 's2'), our('start'), our('stop'), create],
    'r1',
    { is: 'somebody', action: 'stop' },
  ],
  [
    'our user did something else',
    [our('rebuild'), our('stop'), create],
    'r1',
    { is: 'somebody', action: 'rebuild' },
  ],
  ['what we knew is gone', [our('stop'), create], 'r0', { is: 'somebody', action: 'create' }],
])('%s', (_, actions, before, acted) => {
  expect(whoActed(actions, before)).toEqual(acted);
});
