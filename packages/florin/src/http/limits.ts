import { isIPv6 } from 'node:net';
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { FlorinError } from '../kernel/index.ts';
import type { RequestContext } from './context.ts';

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
};

export const DEFAULT_LIMITS: Limits = { anyone: 3_000, refused: 300, buyer: 6_000, checkout: 300 };

export type RateLimits = {
  /** Takes one of `key`'s requests. Throws `rate_limited` with the seconds to wait. */
  take(limit: keyof Limits, key: string): Promise<void>;
};

const WINDOW_SECONDS = 60;

/**
 * Counted in this process's memory: with several parts behind one balancer each counts its own.
 * Neither the webhook nor a server with its key is limited: the first must never be turned away by
 * somebody else's noise, the second is ours.
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

/**
 * The address to count by: the connection's, or what the trusted proxies say it was. An IPv6 user
 * has a /64 to choose from. Undefined where the app is mounted and no connection is seen: the host
 * has its own limits there.
 */
export function clientAddress(c: RequestContext, trustedProxies: number): string | undefined {
  const peer = c.env?.incoming?.socket?.remoteAddress;
  const forwarded = (c.req.header('x-forwarded-for') ?? '').split(',').map((one) => one.trim());
  const address = trustedProxies > 0 ? (forwarded.at(-trustedProxies) ?? peer) : peer;
  if (address === undefined || address === '') {
    return peer;
  }
  return isIPv6(address) && !address.startsWith('::ffff:') ? networkOf(address) : address;
}

function networkOf(address: string): string {
  const [head = '', tail] = address.split('::');
  const front = head === '' ? [] : head.split(':');
  const missing = tail === undefined ? 0 : 8 - front.length - tail.split(':').length;
  const groups = [...front, ...Array<string>(Math.max(0, missing)).fill('0')];
  return `${groups.slice(0, 4).join(':')}::/64`;
}
