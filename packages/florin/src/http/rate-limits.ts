import { FlorinError } from '../kernel/index.ts';

/** Requests a minute. */
export type Limits = {
  /** One address, on what anyone may ask. */
  readonly anyone: number;
  /** One address, with credentials that are refused. */
  readonly refused: number;
  /** One user, on everything of theirs. */
  readonly buyer: number;
  /** One user, starting checkouts, and what else makes Stripe work. */
  readonly checkout: number;
  /** Requests to Stripe that one user makes the service send. */
  readonly stripe: number;
};

export const DEFAULT_LIMITS: Limits = {
  anyone: 3_000,
  refused: 300,
  buyer: 6_000,
  checkout: 300,
  stripe: 60,
};

export type RateLimits = {
  /**
   * Takes one of `key`'s requests; without a key nothing is counted. Throws `rate_limited` with the
   * seconds to wait.
   */
  take(limit: keyof Limits, key: string | undefined): Promise<void>;
};

const WINDOW_MS = 60_000;

/**
 * Counts requests in this process's memory, by `now` in milliseconds, which never goes back: of several
 * processes behind one balancer, each counts its own. Neither the webhook nor a server with its key is
 * limited: Stripe must never be turned away because others are noisy, and the server is the app's own.
 */
export function createRateLimits(limits: Limits, now = () => performance.now()): RateLimits {
  const counters = Object.fromEntries(
    Object.entries(limits).map(([name, most]) => [name, createCounter(most, now)]),
  );
  return {
    async take(limit, key) {
      const waitMs = key === undefined ? 0 : (counters[limit]?.(key) ?? 0);
      if (waitMs > 0) {
        const retryAfter = Math.ceil(waitMs / 1000);
        throw new FlorinError('rate_limited', `Too many requests. Wait ${retryAfter} seconds.`, {
          details: { retryAfter },
        });
      }
    },
  };
}

/** Counts each key for a minute from its first request on; says how many milliseconds are left of one that is full. */
function createCounter(most: number, now: () => number): (key: string) => number {
  const windows = new Map<string, { taken: number; readonly endsAt: number }>();
  return function count(key) {
    const at = now();
    // All are equally long, so they end in the order in which they began.
    for (const [each, { endsAt }] of windows) {
      if (endsAt > at) {
        break;
      }
      windows.delete(each);
    }
    const window = windows.get(key) ?? { taken: 0, endsAt: at + WINDOW_MS };
    windows.set(key, window);
    window.taken += 1;
    return window.taken > most ? window.endsAt - at : 0;
  };
}
