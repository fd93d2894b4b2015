import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** Records by id, one JSON line a write, the last of an id wins; in memory without a file. */
export type RecordFile<T extends { id: string }> = {
  get(id: string): T | undefined;
  find(matches: (record: T) => boolean): T | undefined;
  put(record: T): T;
};

export function openRecords<T extends { id: string }>(
  file: string | undefined,
  kind: string,
): RecordFile<T> {
  const records = new Map<string, T>();
  for (const record of readLines<T>(file, kind)) {
    records.set(record.id, record);
  }
  return {
    get: (id) => records.get(id),
    find: (matches) => [...records.values()].find(matches),
    put(record) {
      records.set(record.id, record);
      if (file !== undefined) {
        mkdirSync(dirname(file), { recursive: true });
        appendFileSync(file, `${JSON.stringify({ kind, record })}\n`, { mode: 0o600 });
      }
      return record;
    },
  };
}

/** A torn last line, left by a process that was killed, is no record. */
function readLines<T>(file: string | undefined, kind: string): T[] {
  if (file === undefined || !existsSync(file)) {
    return [];
  }
  return readFileSync(file, 'utf8')
    .split('\n')
    .flatMap((line) => {
      try {
        const read = JSON.parse(line) as { kind: string; record: T };
        return read.kind === kind ? [read.record] : [];
      } catch {
        return [];
      }
    });
}
