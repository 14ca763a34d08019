/** A process that opens the private Redis of a state directory, says which it got, and leaves when told. */
import { once } from 'node:events';
import { openRedis } from '../../../src/engine/redis.ts';

const access = await openRedis({ stateDir: process.argv[2] ?? '', onError: () => {} });
const redis = access.connect();
const pid = /process_id:(\d+)/.exec(await redis.info('server'))?.[1];
process.stdout.write(`${pid}\n`);
process.stdin.resume();
await once(process.stdin, 'end');
await redis.quit();
await access.close();
