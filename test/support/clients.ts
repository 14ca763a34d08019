/** What a run is handed in a test: as in a rehearsal, with the mails to owners as we word them. */
import type { Clients } from '../../src/context.ts';
import { clientsOver as clientsInRehearsal } from '../../src/rehearse/clients.ts';
import { OUR_LETTERS } from './letters.ts';

export function clientsOver(own: Pick<Clients, 'cloud' | 'host'> & Partial<Clients>): Clients {
  return clientsInRehearsal({ letter: OUR_LETTERS, ...own });
}
