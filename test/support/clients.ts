/** What a run is handed in a test: its cloud and hosts, and beside them nothing that reaches the outside. */
import type { Clients } from '../../src/context.ts';
import { OUR_LETTERS } from './letters.ts';

export function clientsOver(own: Pick<Clients, 'cloud' | 'host'> & Partial<Clients>): Clients {
  return {
    http: () => Promise.reject(new Error('no job calls a URL here')),
    operators: ['ops@example.org'],
    letter: OUR_LETTERS,
    armed: true,
    handback: { write: async () => {}, clear: async () => {} },
    ...own,
  };
}
