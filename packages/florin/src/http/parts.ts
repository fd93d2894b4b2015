import { createPriceDirectory, type PriceDirectory } from '../catalog/index.ts';
import type { CatchUpSession, CheckoutDeps, RecentSessions } from '../checkout/index.ts';
import { createMemory } from '../kernel/index.ts';
import { readRole } from '../members/index.ts';
import { type Confirmations, createConfirmations } from '../plan-change/index.ts';
import { createPlanCookie, createPlanSessions, type PlanCookie } from '../plan-session/index.ts';
import { createCatchUp, createEventWriter, type WebhookDeps } from '../webhooks/index.ts';
import type { RoleOf } from './acting.ts';
import { type BalanceFeed, createBalanceFeed } from './balance-feed.ts';
import { createStripeFor, type StripeFor } from './buyer-stripe.ts';
import { type Callers, createCallers } from './callers.ts';
import { type AddressOf, createAddressOf } from './client-address.ts';
import type { AppDeps } from './deps.ts';
import { createMetrics, type Metrics } from './observe.ts';
import { createRateLimits, DEFAULT_LIMITS, type RateLimits } from './rate-limits.ts';
import { createUserTokens } from './user-token.ts';

/** A page asks every second what became of a checkout; Stripe is asked this often at most. */
const SESSION_KEPT_MS = 2_000;
const SESSIONS_KEPT = 1_000;

/** What the routes share: made once from what is passed in. */
export type Parts = AppDeps & {
  /** The webhooks' parts over the reserved connections. */
  readonly deliveries: WebhookDeps;
  readonly callers: Callers;
  readonly roleOf: RoleOf;
  readonly rateLimits: RateLimits;
  readonly addressOf: AddressOf;
  readonly stripeFor: StripeFor;
  readonly metrics: Metrics;
  readonly planCookie: PlanCookie;
  readonly prices: PriceDirectory;
  readonly checkout: CheckoutDeps;
  readonly confirmations: Confirmations;
  readonly feed: BalanceFeed;
  readonly catchUpSession: CatchUpSession;
  readonly recentSessions: RecentSessions;
};

export function createParts(deps: AppDeps): Parts {
  const { db, clock, ids, logger, config, catalog, webhooks, stripe } = deps;
  const rateLimits = createRateLimits({ ...DEFAULT_LIMITS, ...deps.limits });
  const reserved = deps.reserved ?? db;
  const addressOf = createAddressOf({ trustedProxies: config.trustedProxies, logger });
  const prices = createPriceDirectory({ stripe, clock, logger });
  const metrics = createMetrics(db);
  const tokens = { secrets: config.planSessionSecrets, clock, ids };
  const roleOf: RoleOf = (of) => readRole(db, of);
  const callers = createCallers({
    roleOf,
    rateLimits,
    serverKeys: config.serverKeys,
    userTokens: createUserTokens({
      url: config.supabase.url,
      jwtSecrets: config.supabase.jwtSecrets,
      clock,
    }),
    onRefused: (c) => rateLimits.take('refused', addressOf(c)),
  });
  return {
    ...deps,
    deliveries: { ...webhooks, db: reserved, write: createEventWriter(reserved) },
    callers,
    roleOf,
    rateLimits,
    addressOf,
    stripeFor: createStripeFor({ config, rateLimits, addressOf }),
    metrics,
    prices,
    planCookie: createPlanCookie(config.cookieDomain),
    checkout: {
      db,
      clock,
      ids,
      logger,
      stripe,
      catalog,
      prices,
      planSessions: createPlanSessions(tokens),
      appUrl: config.appUrl,
    },
    confirmations: createConfirmations(tokens),
    feed: createBalanceFeed({
      db,
      logger,
      open: metrics.streams,
      credit: catalog.credit,
    }),
    catchUpSession: deps.catchUpSession ?? createCatchUp(webhooks),
    recentSessions: createMemory({ forMs: SESSION_KEPT_MS, atMost: SESSIONS_KEPT, clock }),
  };
}
