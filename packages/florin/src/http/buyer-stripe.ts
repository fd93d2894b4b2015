import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from '../config.ts';
import { FlorinError } from '../kernel/index.ts';
import { createStripeClient, type StripeClient } from '../stripe/index.ts';
import type { AddressOf } from './client-address.ts';
import type { RequestContext } from './context.ts';
import { createPace, type Pace } from './pace.ts';
import type { RateLimits } from './rate-limits.ts';

/** Makes the Stripe client for one account and one request. */
export type StripeFor = (c: RequestContext, accountId: string) => StripeClient;

/** How long a call waits for its turn, at most twice; the wait is part of its request's time. */
const MAX_WAIT_MS = 2_000;

/**
 * Stripe for what buyers ask of the service. Each request that is sent, retries included, is taken from
 * the account's share, its address's and everybody's, so that free sign-ups cannot use up the shop's rate
 * limit at Stripe: a call beyond them throws `rate_limited` and sends nothing. One address has half of
 * what all have. Webhooks, jobs and top-ups have a client of their own, without limits
 * (docs/decisions/0085).
 */
export function createStripeFor(options: {
  config: Config;
  rateLimits: RateLimits;
  addressOf: AddressOf;
}): StripeFor {
  const { config, rateLimits, addressOf } = options;
  const { secretKey, apiBase } = config.stripe;
  const paceOf = (perSecond: number) =>
    createPace({ perSecond, maxWaitMs: MAX_WAIT_MS, now: () => performance.now() });
  const ofAll = paceOf(config.buyerStripeCalls);
  const ofAddress = paceOf(Math.ceil(config.buyerStripeCalls / 2));
  return (c, accountId) =>
    createStripeClient({
      secretKey,
      apiBase,
      async mayAsk() {
        await rateLimits.take('stripe', accountId);
        const address = addressOf(c);
        if (address !== undefined) {
          await takeTurn(ofAddress, address);
        }
        await takeTurn(ofAll, '');
      },
    });
}

async function takeTurn(pace: Pace, key: string): Promise<void> {
  const wait = pace(key);
  if (wait === undefined) {
    const message =
      'Many buyers are asking at this moment. Nothing was charged; try again shortly.';
    const retryAfter = MAX_WAIT_MS / 1000;
    throw new FlorinError('rate_limited', message, { details: { retryAfter } });
  }
  if (wait > 0) {
    await sleep(wait);
  }
}
