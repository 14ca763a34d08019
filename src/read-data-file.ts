/** What does a file of data say that a person named, compressed or not? */
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { readingFault } from './config/secret.ts';
import { DataFileError } from './domain/data-file.ts';
import { messageOf } from './domain/failure.ts';

/** The two bytes that a gzipped file begins with, whatever it is called. */
const GZIP = [0x1f, 0x8b];

/** Its text; `DataFileError` where it cannot be read. */
export async function readDataFile(path: string): Promise<string> {
  const bytes = await readFile(path).catch((error: unknown) => {
    throw new DataFileError(path, [{ path: [], message: `the file ${readingFault(error)}` }]);
  });
  if (!GZIP.every((byte, i) => bytes[i] === byte)) return bytes.toString('utf8');
  try {
    return (await promisify(gunzip)(bytes)).toString('utf8');
  } catch (error) {
    throw new DataFileError(path, [
      { path: [], message: `the file cannot be decompressed: ${messageOf(error)}` },
    ]);
  }
}
