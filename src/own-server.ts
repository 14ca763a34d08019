/** Which server of a cloud does this machine run on, if it is one? */
import { readFileSync } from 'node:fs';

/** Nova gives a server's firmware its id; only root may read that, what cloud-init has kept everybody. */
const TOLD_IN = [
  '/sys/class/dmi/id/product_uuid',
  '/run/cloud-init/.instance-id',
  '/var/lib/cloud/data/instance-id',
];

const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/;

/** A server's id; on a machine that is none it is the id of no server, or undefined. */
export function ownServer(files: readonly string[] = TOLD_IN): string | undefined {
  return files.map(read).find((id) => id !== undefined && UUID.test(id));
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim().toLowerCase();
  } catch {
    return undefined;
  }
}
