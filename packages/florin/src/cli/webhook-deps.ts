import { loadCatalog } from '../catalog/index.ts';
import type { Database } from '../db/index.ts';
import { randomIds, silentLogger, systemClock } from '../kernel/index.ts';
import { createAnnouncer, withDecimals } from '../ledger/index.ts';
import { createStripeLookups, type StripeClient } from '../stripe/index.ts';
import type { WebhookDeps } from '../webhooks/index.ts';
import type { Environment } from './environment.ts';
import { requireStripe } from './stripe.ts';

/**
 * What it takes to process an event here as the service does: the same catalogue, the same Stripe.
 * Throws `invalid_configuration` where a setting is missing.
 */
export async function webhookDeps(
  db: Database,
  environment: Environment,
): Promise<WebhookDeps & { readonly client: StripeClient }> {
  const { client, live } = requireStripe(environment);
  const catalog = await loadCatalog(environment['FLORIN_CATALOG']);
  return {
    // What is written here is in the catalogue's decimals: the ledger has to agree.
    db: withDecimals(db, catalog.credit.decimals),
    client,
    catalog,
    stripe: createStripeLookups(client),
    livemode: live,
    logger: silentLogger,
    clock: systemClock,
    ids: randomIds,
    announce: createAnnouncer(db),
  };
}
