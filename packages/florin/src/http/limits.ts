import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
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

const WINDOW_SECONDS = 60;

/**
 * Counts requests in this process's memory: of several processes behind one balancer, each counts its
 * own. Neither the webhook nor a server with its key is limited: Stripe must never be turned away
 * because others are noisy, and the server is the app's own.
 */
export function createRateLimits(limits: Limits): RateLimits {
  const limiters = Object.fromEntries(
    Object.entries(limits).map(([name, points]) => [
      name,
      new RateLimiterMemory({ keyPrefix: name, points, duration: WINDOW_SECONDS }),
    ]),
  );
  return {
    async take(limit, key) {
      if (key === undefined) {
        return;
      }
      try {
        await limiters[limit]?.consume(key);
      } catch (refusal) {
        if (!(refusal instanceof RateLimiterRes)) {
          throw refusal;
        }
        const retryAfter = Math.max(1, Math.ceil(refusal.msBeforeNext / 1000));
        throw new FlorinError('rate_limited', `Too many requests. Wait ${retryAfter} seconds.`, {
          details: { retryAfter },
        });
      }
    },
  };
}
