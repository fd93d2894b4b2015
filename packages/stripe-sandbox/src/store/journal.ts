import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import type { Kind } from './records.ts';

/** One record as a commit left it; null: removed. */
export type Change = readonly [kind: Kind, id: string, object: { id: string } | null];

/**
 * The sandbox's state on disk: one JSON line a commit, appended; the last write of an id wins. A
 * process that dies leaves at most a torn last line, which is dropped when it is read. A power cut
 * may lose the last commits: it is a sandbox. At start the file is rewritten without the past.
 */
export type Journal = {
  read(): Change[];
  rewrite(changes: readonly Change[]): void;
  append(changes: readonly Change[]): void;
  close(): void;
};

const CHANGES_PER_LINE = 500;

export function openJournal(file: string): Journal {
  mkdirSync(dirname(file), { recursive: true });
  let descriptor: number | undefined;
  return {
    read() {
      if (!existsSync(file)) {
        return [];
      }
      const lines = readFileSync(file, 'utf8').split('\n');
      return lines.flatMap((line, at) => parseLine(line, at >= lines.length - 2, file));
    },
    rewrite(changes) {
      const fresh = `${file}.new`;
      const out = openSync(fresh, 'w', 0o600);
      for (let at = 0; at < changes.length; at += CHANGES_PER_LINE) {
        writeSync(out, `${JSON.stringify(changes.slice(at, at + CHANGES_PER_LINE))}\n`);
      }
      fsyncSync(out);
      closeSync(out);
      renameSync(fresh, file);
      descriptor = openSync(file, 'a', 0o600);
    },
    append(changes) {
      if (descriptor !== undefined) {
        writeSync(descriptor, `${JSON.stringify(changes)}\n`);
      }
    },
    close() {
      if (descriptor !== undefined) {
        closeSync(descriptor);
        descriptor = undefined;
      }
    },
  };
}

function parseLine(line: string, last: boolean, file: string): Change[] {
  if (line === '') {
    return [];
  }
  try {
    return JSON.parse(line) as Change[];
  } catch (cause) {
    if (last) {
      return [];
    }
    throw new Error(`The sandbox's data in ${file} is damaged; delete it to start afresh.`, {
      cause,
    });
  }
}
