import type { Executor } from '../db/index.ts';
import type { Logger } from '../kernel/index.ts';
import type { StripeClient } from '../stripe/index.ts';

export type ConsoleDeps = {
  readonly db: Executor;
  /** Is asked for what only Stripe knows. */
  readonly stripe: StripeClient;
  readonly logger: Logger;
};
