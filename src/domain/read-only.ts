/** What a dry run sees of a cloud: everything, and nothing that it could change. */
import { PermanentError } from './failure.ts';
import type { Cloud } from './fleet.ts';

/** The same cloud; whatever would change it is refused here, whatever a job believes. */
export function readOnly(cloud: Cloud): Cloud {
  const refuse = (what: string) => () =>
    Promise.reject(new PermanentError(`a dry run changes nothing, so it does not ${what}`));
  return {
    ...cloud,
    cordon: refuse('cordon'),
    uncordon: refuse('uncordon'),
    liveMigrate: refuse('migrate'),
    abortMigration: refuse('abort a migration'),
    forceComplete: refuse('force a migration'),
    coldMigrate: refuse('migrate'),
    confirmResize: refuse('confirm a migration'),
    stop: refuse('stop a server'),
    start: refuse('start a server'),
    createServer: refuse('create a server'),
    deleteServer: refuse('delete a server'),
  };
}
