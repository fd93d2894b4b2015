import type { Catalog } from '../catalog/index.ts';
import type { Charges } from '../charge/index.ts';
import type { CatchUpSession } from '../checkout/index.ts';
import type { Config } from '../config.ts';
import type { Context, Database } from '../db/index.ts';
import type { JobOutcome } from '../jobs/index.ts';
import type { Spender } from '../ledger/index.ts';
import type { StripeClient } from '../stripe/index.ts';
import type { WebhookDeps } from '../webhooks/index.ts';
import type { Limits } from './rate-limits.ts';

/** All that the service is made of, passed in. */
export type AppDeps = Context & {
  readonly config: Config;
  readonly catalog: Catalog;
  /** What processes events. */
  readonly webhooks: WebhookDeps;
  /** The database for deliveries and /readyz, which go on whatever others do; default: `db`. */
  readonly reserved?: Database;
  readonly stripe: StripeClient;
  /** True in `florin dev`, where pages may offer what is only for show. */
  readonly development: boolean;
  /** Takes credits, those that wait in one call. */
  readonly spender: Spender;
  readonly charges: Charges;
  /** Runs what is due of the background jobs. */
  readonly runJobs: () => Promise<readonly JobOutcome[]>;
  /** Processes a paid checkout whose webhook is late; default: asks Stripe for its events. */
  readonly catchUpSession?: CatchUpSession;
  /** Requests a minute. */
  readonly limits?: Partial<Limits>;
  /** Where the built pages are; default: beside the built code. */
  readonly pagesDirectory?: string;
};
