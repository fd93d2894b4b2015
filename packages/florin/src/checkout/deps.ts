import type { Catalog, PriceDirectory } from '../catalog/index.ts';
import type { Context } from '../db/index.ts';
import type { PlanSessions } from '../plan-session/index.ts';
import type { StripeClient } from '../stripe/index.ts';

/** What starting and following a checkout needs from outside. */
export type CheckoutDeps = Context & {
  readonly stripe: StripeClient;
  readonly catalog: Catalog;
  readonly prices: PriceDirectory;
  readonly planSessions: PlanSessions;
  /** Where buyers return to: from the configuration, never from a request. */
  readonly appUrl: string;
};
