import type { Executor } from '../db/index.ts';
import type { Logger } from '../kernel/index.ts';
import type { StripeClient } from '../stripe/index.ts';

export type ConsoleDeps = {
  readonly db: Executor;
  /** Is asked for what only Stripe knows. */
  readonly stripe: StripeClient;
  /** The prices that are paid by the seat, by id and lookup_key. */
  readonly perSeat: readonly string[];
  readonly logger: Logger;
};
