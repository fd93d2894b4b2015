import type { Catalog, PriceDirectory } from '../catalog/index.ts';
import type { Database } from '../db/index.ts';
import type { Clock, Logger } from '../kernel/index.ts';
import type { StripeClient } from '../stripe/index.ts';

/** What charging needs from outside. */
export type ChargeDeps = {
  readonly db: Database;
  readonly stripe: StripeClient;
  readonly catalog: Catalog;
  readonly clock: Clock;
  readonly logger: Logger;
};

/** What agreeing to it needs besides. */
export type TopUpDeps = ChargeDeps & {
  readonly prices: PriceDirectory;
  /** Where buyers return to: from the configuration, never from a request. */
  readonly appUrl: string;
};
