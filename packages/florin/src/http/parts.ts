import { createPriceDirectory, type PriceDirectory } from '../catalog/index.ts';
import type { CheckoutDeps, SettleSession } from '../checkout/index.ts';
import { runJobs } from '../jobs/index.ts';
import { createSpendBatcher } from '../ledger/index.ts';
import { createPlanCookie, createPlanSessions, type PlanCookie } from '../plan-session/index.ts';
import { type BalanceFeed, createBalanceFeed } from './balance-feed.ts';
import { type Callers, createCallers } from './callers.ts';
import type { AppDeps } from './deps.ts';
import { clientAddress, createRateLimits, DEFAULT_LIMITS, type RateLimits } from './limits.ts';
import { createMetrics, type Metrics } from './observe.ts';
import { settleFromEvents } from './settle.ts';
import { createUserTokens } from './user-token.ts';

/** What the routes share: made once from what is passed in. */
export type Parts = AppDeps & {
  readonly callers: Callers;
  readonly rateLimits: RateLimits;
  readonly metrics: Metrics;
  readonly planCookie: PlanCookie;
  readonly prices: PriceDirectory;
  readonly checkout: CheckoutDeps;
  readonly feed: BalanceFeed;
  readonly spend: NonNullable<AppDeps['spend']>;
  readonly runJobs: NonNullable<AppDeps['runJobs']>;
  readonly settleSession: SettleSession;
};

export function createParts(deps: AppDeps): Parts {
  const { config, webhooks, stripe } = deps;
  const { db, catalog, clock, ids, logger } = webhooks;
  const rateLimits = createRateLimits({ ...DEFAULT_LIMITS, ...deps.limits });
  const prices = createPriceDirectory({ stripe, clock, logger });
  const metrics = createMetrics();
  const callers = createCallers({
    serverKeys: config.serverKeys,
    userTokens: createUserTokens({
      url: config.supabase.url,
      jwtSecrets: config.supabase.jwtSecrets,
      clock,
    }),
    async onRefused(c) {
      const address = clientAddress(c, config.trustedProxies);
      if (address !== undefined) {
        await rateLimits.take('refused', address);
      }
    },
  });
  return {
    ...deps,
    callers,
    rateLimits,
    metrics,
    prices,
    planCookie: createPlanCookie(config.cookieDomain),
    checkout: {
      db,
      stripe,
      catalog,
      prices,
      logger,
      planSessions: createPlanSessions({ secrets: config.planSessionSecrets, clock, ids }),
      appUrl: config.appUrl,
    },
    feed: createBalanceFeed({ db, logger, open: metrics.streams }),
    spend: deps.spend ?? createSpendBatcher(db),
    runJobs: deps.runJobs ?? (() => runJobs(webhooks, { client: stripe })),
    settleSession: deps.settleSession ?? settleFromEvents({ stripe, webhooks }),
  };
}
