/** State between runs: hashes in Redis that steps read freely and write only together with their own end. */
import type { Redis } from 'ioredis';
import type { Json, Table } from './job.ts';

/** One difference; without a value it deletes. */
export interface TableWrite {
  readonly table: string;
  readonly key: string;
  readonly value?: string;
}

/** A step's view of a table: Redis, overlaid by what the step itself wants written. */
export function tableIn(redis: Redis, prefix: string, name: string, writes: TableWrite[]): Table {
  const hash = `${prefix}:table:${name}`;
  const pending = (key: string): TableWrite | undefined =>
    writes.findLast((write) => write.table === name && write.key === key);
  return {
    async get<T extends Json>(key: string) {
      const mine = pending(key);
      const text = mine === undefined ? await redis.hget(hash, key) : (mine.value ?? null);
      return text === null ? undefined : (JSON.parse(text) as T);
    },
    async all<T extends Json>() {
      const rows = new Map(Object.entries(await redis.hgetall(hash)));
      for (const write of writes.filter((one) => one.table === name)) {
        if (write.value === undefined) rows.delete(write.key);
        else rows.set(write.key, write.value);
      }
      return new Map([...rows].map(([key, text]) => [key, JSON.parse(text) as T]));
    },
    set: (key, value) => void writes.push({ table: name, key, value: JSON.stringify(value) }),
    delete: (key) => void writes.push({ table: name, key }),
  };
}
