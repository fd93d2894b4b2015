import type { Clock } from './clock.ts';

/**
 * Does work at most once per key in `forMs` milliseconds: calls within that time share the promise of
 * the first, its failure included. Keeps the newest `atMost` keys.
 */
export function createMemory<T>(options: {
  forMs: number;
  atMost: number;
  clock: Clock;
}): (key: string, work: () => Promise<T>) => Promise<T> {
  const { forMs, atMost, clock } = options;
  const remembered = new Map<string, { at: number; result: Promise<T> }>();

  return function remember(key, work) {
    const now = clock.now().getTime();
    const before = remembered.get(key);
    if (before !== undefined && now - before.at < forMs) {
      return before.result;
    }
    const result = work();
    // Deleted first, so that the order of the map is that of age.
    remembered.delete(key);
    remembered.set(key, { at: now, result });
    const [oldest] = remembered.keys();
    if (remembered.size > atMost && oldest !== undefined) {
      remembered.delete(oldest);
    }
    return result;
  };
}
