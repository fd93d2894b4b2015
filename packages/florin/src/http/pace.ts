/** Returns how many milliseconds a call of this key has to wait; undefined when that is too long. */
export type Pace = (key: string) => number | undefined;

/** Keys whose turn has passed are forgotten when there are more than this. */
const MAX_KEYS = 10_000;

/**
 * Lets `perSecond` calls a second through for each key, a second's worth of them at once, and lets the
 * next ones wait for their turn, in the order in which they came, up to `maxWaitMs` (the generic cell rate
 * algorithm). `now` is in milliseconds and never goes back.
 */
export function createPace(options: {
  perSecond: number;
  maxWaitMs: number;
  now: () => number;
}): Pace {
  const { perSecond, maxWaitMs, now } = options;
  const interval = 1000 / perSecond;
  const burst = interval * (perSecond - 1);
  /** When a key will have used nothing of its share. */
  const freeAt = new Map<string, number>();

  return function pace(key) {
    const at = now();
    const free = Math.max(freeAt.get(key) ?? 0, at);
    const wait = Math.max(0, free - at - burst);
    if (wait > maxWaitMs) {
      return undefined;
    }
    if (freeAt.size > MAX_KEYS) {
      for (const [each, time] of freeAt) {
        if (time <= at) {
          freeAt.delete(each);
        }
      }
    }
    freeAt.set(key, free + interval);
    return wait;
  };
}
