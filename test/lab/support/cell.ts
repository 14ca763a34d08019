/** The lab's one cell, whose database can be lost in two ways. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { labDir } from './lab.ts';

const MARIADB = ['--no-defaults', '-S', join(labDir, 'run/mariadb.sock'), '-uroot'];
/** What Nova's services sign in as. */
const NOVA = "lab@'127.0.0.1'";
const OTHERS = ['keystone', 'placement', 'glance', 'nova_api', 'nova_cell0'];

/** Its tables are held, so that Nova waits for it in vain, until what is answered is called. */
export async function silenceCell(): Promise<() => Promise<void>> {
  const client = spawn('mariadb', [...MARIADB, '--unbuffered', 'nova']);
  const closed = once(client, 'close');
  const tables = ['instances', 'services', 'compute_nodes', 'migrations'].map((table) => `${table} WRITE`);
  client.stdin.write(`LOCK TABLES ${tables.join(', ')}; SELECT 'held';\n`);
  await Promise.race([once(client.stdout, 'data'), closed]);
  if (client.exitCode !== null)
    throw new Error(`the cell cannot be silenced: mariadb ended with ${client.exitCode}`);
  return async () => {
    client.stdin.end();
    await closed;
  };
}

/** It refuses whoever asks, at once, until what is answered is called. */
export async function shutCell(): Promise<() => Promise<void>> {
  sql(
    `revoke all privileges on *.* from ${NOVA};`,
    ...OTHERS.map((database) => `grant all on ${database}.* to ${NOVA};`),
  );
  // Connections keep what they were allowed when they were made.
  const connected = sql("select id from information_schema.processlist where user = 'lab' and db = 'nova';");
  sql(...connected.split('\n').flatMap((id) => (id === '' ? [] : [`kill ${id};`])));
  return async () => void sql(`grant all on *.* to ${NOVA};`);
}

function sql(...statements: string[]): string {
  return execFileSync('mariadb', [...MARIADB, '--force', '-N'], {
    input: statements.join('\n'),
    encoding: 'utf8',
  });
}
