import {
  type Catalog,
  type CatalogPrice,
  createPriceDirectory,
  type Proration,
} from '../../catalog/index.ts';
import { silentLogger, systemClock } from '../../kernel/index.ts';
import type { StripeClient } from '../../stripe/index.ts';
import { type Check, messageOf, ok, warning } from './check.ts';

type Configurations = Awaited<ReturnType<StripeClient['billingPortal']['configurations']['list']>>;
type Features = Configurations['data'][number]['features'];

const NAME = 'stripe.portal';
const WHERE = 'Stripe: Settings, Billing, Customer portal';

/** What the portal does otherwise than the account page, and what to change so that both agree. */
type Difference = { readonly found: string; readonly mend: string };

/**
 * Compares the settings of Stripe's portal with the catalogue's: what is changed there should cost and bring
 * what the account page would show (docs/plan-changes.md). Credits follow the money either way, so a
 * difference is a warning.
 */
export async function checkPortal(stripe: StripeClient, catalog: Catalog | null): Promise<Check[]> {
  const plans = catalog?.prices.filter(({ kind }) => kind === 'recurring') ?? [];
  return catalog === null || plans.length === 0
    ? []
    : [await compare(stripe, { proration: catalog.checkout.proration, plans })];
}

type Sold = { readonly proration: Proration; readonly plans: readonly CatalogPrice[] };

async function compare(stripe: StripeClient, sold: Sold): Promise<Check> {
  let found: Configurations['data'];
  try {
    found = (await stripe.billingPortal.configurations.list({ is_default: true, limit: 1 })).data;
  } catch (error) {
    return warning(
      NAME,
      `the settings of the customer portal cannot be read: ${messageOf(error)}`,
      `Give the restricted key the right to read customer portal configurations, or compare them by docs/plan-changes.md in ${WHERE}.`,
    );
  }
  const [configuration] = found;
  if (configuration === undefined) {
    return warning(
      NAME,
      'the customer portal has no settings yet: the billing page does not open',
      `Save them in ${WHERE}.`,
    );
  }
  const update = configuration.features.subscription_update;
  const differences = [
    ...differencesOfUpdates(update, sold),
    ...(await differencesOfPlans(stripe, { update, plans: sold.plans })),
    ...differencesOfCancelling(configuration.features.subscription_cancel),
  ];
  return differences.length === 0
    ? ok(NAME, `${configuration.id} agrees with the catalogue`)
    : warning(
        NAME,
        `${configuration.id}: ${differences.map((one) => one.found).join('; ')}`,
        `In ${WHERE}: ${differences.map((one) => one.mend).join('; ')}.`,
      );
}

function differencesOfUpdates(
  update: Features['subscription_update'],
  { proration, plans }: Sold,
): Difference[] {
  if (!update.enabled) {
    return [];
  }
  const allowed: readonly string[] = update.default_allowed_updates;
  const conditions = update.schedule_at_period_end?.conditions ?? [];
  return [
    ...when(update.proration_behavior !== proration, {
      found: `a plan that is switched there is prorated by ${update.proration_behavior}, and here by ${proration}`,
      mend: `set prorations to ${proration} (features.subscription_update.proration_behavior), or checkout.proration in the catalogue to ${update.proration_behavior}`,
    }),
    ...when(conditions.length > 0, {
      found: `a switch waits for the end of the period there (${conditions.map(({ type }) => type).join(', ')}), and here none does`,
      mend: 'let every switch happen at once (features.subscription_update.schedule_at_period_end.conditions: none)',
    }),
    ...differencesOfQuantities(allowed.includes('quantity'), plans),
  ];
}

function differencesOfQuantities(mayChange: boolean, plans: readonly CatalogPrice[]): Difference[] {
  const seats = plans.filter(({ perSeat }) => perSeat === true);
  return [
    ...when(mayChange && seats.length === 0, {
      found: 'quantities can be changed there, and no plan of the catalogue is sold by the seat',
      mend: 'turn changes of quantity off (features.subscription_update.default_allowed_updates without quantity), or set perSeat on the plans that are',
    }),
    ...when(!mayChange && seats.length > 0, {
      found: `quantities cannot be changed there, and ${listed(seats)} ${seats.length === 1 ? 'is' : 'are'} sold by the seat`,
      mend: 'turn changes of quantity on (features.subscription_update.default_allowed_updates with quantity)',
    }),
  ];
}

/** Which plans can be switched to: those of the catalogue, where the portal lists any. */
async function differencesOfPlans(
  stripe: StripeClient,
  { update, plans }: { update: Features['subscription_update']; plans: readonly CatalogPrice[] },
): Promise<Difference[]> {
  const { default_allowed_updates: allowed, enabled, products } = update;
  if (!enabled) {
    return [];
  }
  if (!allowed.includes('price')) {
    return when(plans.length > 1, {
      found: 'plans cannot be switched there, and here they can',
      mend: 'turn switching plans on (features.subscription_update.default_allowed_updates with price)',
    });
  }
  if (products == null || products.length === 0) {
    return [];
  }
  const offered = new Set(products.flatMap(({ prices }) => prices));
  const directory = createPriceDirectory({ stripe, clock: systemClock, logger: silentLogger });
  const missing: CatalogPrice[] = [];
  for (const plan of plans) {
    // What Stripe does not sell is told by `florin catalog check`.
    const price = await directory.resolve(plan).catch(() => null);
    if (price?.active === true && !offered.has(price.stripePriceId)) {
      missing.push(plan);
    }
  }
  return when(missing.length > 0, {
    found: `${listed(missing)} cannot be switched to there`,
    mend: `add ${listed(missing)} to the plans that customers can switch to (features.subscription_update.products)`,
  });
}

function differencesOfCancelling(cancel: Features['subscription_cancel']): Difference[] {
  if (!cancel.enabled || cancel.mode === 'at_period_end') {
    return [];
  }
  return when(cancel.proration_behavior !== 'none', {
    found: `a cancellation there ends at once with ${cancel.proration_behavior}: it takes back the credits that it gives money back for`,
    mend: 'let cancellations happen at the end of the period (features.subscription_cancel.mode: at_period_end), unless that is meant',
  });
}

function listed(prices: readonly CatalogPrice[]): string {
  return prices.map(({ id }) => id).join(', ');
}

function when(differs: boolean, difference: Difference): Difference[] {
  return differs ? [difference] : [];
}
