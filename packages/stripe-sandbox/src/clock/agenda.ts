import type { Kind } from '../store/records.ts';
import type { Due } from './happening.ts';

type Entry = Due & { kind: Kind; id: string; key: string; rank: number; nth: number };

/**
 * What is to happen, the earliest first; at the same time by rank, then in the order in which it was
 * noted. Noting a record again replaces all that it had.
 */
export type Agenda = {
  /** `key`: the kind and the id, with a space between. */
  set(key: string, rank: number, dues: readonly Due[]): void;
  /** Takes the next one off. */
  next(): Entry | undefined;
};

/** A binary heap; entries that were replaced stay in it until they come up, and are passed over. */
export function createAgenda(): Agenda {
  const heap: Entry[] = [];
  const newest = new Map<string, number>();
  let noted = 0;
  const push = (entry: Entry) => {
    heap.push(entry);
    let at = heap.length - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(heap[at], heap[parent])) {
        return;
      }
      swap(heap, at, parent);
      at = parent;
    }
  };
  const pop = (): Entry | undefined => {
    const [first] = heap;
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) {
      return first;
    }
    heap[0] = last;
    let at = 0;
    for (;;) {
      const left = 2 * at + 1;
      const child = isBefore(heap[left + 1], heap[left]) ? left + 1 : left;
      if (!isBefore(heap[child], heap[at])) {
        return first;
      }
      swap(heap, at, child);
      at = child;
    }
  };
  return {
    set(key, rank, dues) {
      noted += 1;
      newest.set(key, noted);
      const [kind = '', id = ''] = key.split(' ');
      for (const due of dues) {
        push({ ...due, kind: kind as Kind, id, key, rank, nth: noted });
      }
    },
    next() {
      for (let entry = pop(); entry !== undefined; entry = pop()) {
        if (newest.get(entry.key) === entry.nth) {
          return entry;
        }
      }
      return undefined;
    },
  };
}

function isBefore(one: Entry | undefined, other: Entry | undefined): boolean {
  if (one === undefined || other === undefined) {
    return one !== undefined;
  }
  return one.at - other.at < 0 || (one.at === other.at && isRankedBefore(one, other));
}

function isRankedBefore(one: Entry, other: Entry): boolean {
  return one.rank === other.rank ? one.nth < other.nth : one.rank < other.rank;
}

function swap(heap: Entry[], one: number, other: number): void {
  const [a, b] = [heap[one], heap[other]];
  if (a !== undefined && b !== undefined) {
    heap[one] = b;
    heap[other] = a;
  }
}
