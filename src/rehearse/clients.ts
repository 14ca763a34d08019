/** What is a run handed in a rehearsal? Its cloud and hosts, and beside them nothing that reaches the outside. */
import type { Clients } from '../context.ts';
import { PermanentError } from '../domain/failure.ts';

/** Whoever holds one says what its jobs see; the rest is refused or kept to itself. */
export function clientsOver(own: Pick<Clients, 'cloud' | 'host' | 'letter'> & Partial<Clients>): Clients {
  return {
    http: () => Promise.reject(new Error('a rehearsal calls no URL')),
    feed: (name) => ({ name, poll: () => Promise.reject(new Error('a rehearsal polls no feed')) }),
    mailbox: (name) => {
      throw new PermanentError(`a rehearsal reads no mailbox, and ${name} is one`);
    },
    operators: ['ops@example.org'],
    armed: true,
    handback: { write: async () => {}, clear: async () => {} },
    ...own,
  };
}
