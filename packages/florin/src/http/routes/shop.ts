import { listPlans } from '../../checkout/index.ts';
import { SHOP } from '../../contract/index.ts';
import type { Parts } from '../parts.ts';
import { type App, addRoute } from '../route.ts';

/** Adds what a page reads before anybody has signed in. */
export function addShop(app: App, parts: Parts): void {
  const { addressOf, catalog, config, checkout, development, rateLimits } = parts;

  addRoute(app, SHOP.plans, async (c) => {
    await rateLimits.take('anyone', addressOf(c));
    return { plans: await listPlans(checkout) };
  });

  const settings = {
    supabaseUrl: config.supabase.url ?? null,
    supabasePublishableKey: config.supabase.publishableKey ?? null,
    appUrl: config.appUrl,
    development,
    creditDecimals: catalog.credit.decimals,
  };
  addRoute(app, SHOP.settings, () => settings);
}
