import type { Catalog, PriceDirectory } from '../catalog/index.ts';
import type { Context } from '../db/index.ts';
import type { StripeClient } from '../stripe/index.ts';

/** What charging needs from outside. */
export type ChargeDeps = Context & {
  readonly stripe: StripeClient;
  readonly catalog: Catalog;
};

/** What agreeing to it needs besides. */
export type TopUpDeps = ChargeDeps & {
  readonly prices: PriceDirectory;
  /** Where buyers return to: from the configuration, never from a request. */
  readonly appUrl: string;
};
