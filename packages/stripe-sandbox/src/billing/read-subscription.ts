import { invalid } from '../api/errors.ts';
import type { Params } from '../api/params.ts';
import { priceNamed, priceOfLine } from '../catalog/prices.ts';
import { readTaxRates } from '../catalog/tax-rates.ts';
import { ownPaymentMethod } from '../customers/payment-methods.ts';
import type { Subscription } from '../shapes.ts';
import type { World } from '../world.ts';
import { readDiscounts } from './discounts.ts';
import { nextPeriodEnd } from './renew.ts';
import type { NewSubscriptionItem } from './subscriptions.ts';
import type { SubscriptionUpdate } from './update-subscription.ts';

const PAUSES = ['keep_as_draft', 'mark_uncollectible', 'void'] as const;

/** `items[]` of a new subscription, all in one currency: that of the request, or of the first price. */
export function readItems(world: World, params: Params, asked?: string): NewSubscriptionItem[] {
  let currency = asked;
  const items = params.objects('items').map((item) => {
    const price = priceOfLine(world, item, currency);
    currency ??= price.currency;
    return {
      price,
      quantity: item.integer('quantity') ?? 1,
      metadata: item.metadata(),
      taxRates: readTaxRates(world, item, 'tax_rates'),
    };
  });
  if (items.length === 0) {
    throw invalid('Missing required param: items.', { param: 'items', code: 'parameter_missing' });
  }
  const oneTime = items.find((item) => item.price.recurring === null);
  if (oneTime !== undefined) {
    throw invalid(
      `The price specified is set to \`type=one_time\` but this field only accepts prices with \`type=recurring\`.`,
      { param: 'items[0][price]' },
    );
  }
  return items;
}

/** The parameters of a change, in an update and in a preview of one. */
export function readUpdate(world: World, before: Subscription, params: Params): SubscriptionUpdate {
  const trialEnd = params.moment('trial_end', world.now());
  const withDiscounts = ['discounts', 'coupon', 'promotion_code'].some((key) => params.has(key));
  return {
    items: params.objects('items').map((item) => ({
      id: item.text('id'),
      price: priceNamed(world, item, before.currency),
      quantity: item.integer('quantity'),
      deleted: item.flag('deleted'),
      taxRates: readTaxRates(world, item, 'tax_rates'),
    })),
    prorationBehavior: params.oneOf('proration_behavior', [
      'create_prorations',
      'always_invoice',
      'none',
    ]),
    prorationDate: params.integer('proration_date'),
    resetCycle: params.text('billing_cycle_anchor') === 'now',
    ...(trialEnd === undefined ? {} : { trialEnd }),
    ...(withDiscounts ? { discounts: readDiscounts(world, params) } : {}),
    fields: readFields(world, before, params),
  };
}

function readFields(world: World, before: Subscription, params: Params): Partial<Subscription> {
  const fields: Partial<Subscription> = { metadata: params.metadata(before.metadata) };
  const method = params.text('default_payment_method');
  if (method !== undefined) {
    fields.default_payment_method = ownPaymentMethod(world, method, before.customer).id;
  }
  const atEnd = params.flag('cancel_at_period_end');
  if (atEnd !== undefined) {
    fields.cancel_at_period_end = atEnd;
    fields.cancel_at = atEnd ? nextPeriodEnd(before) : null;
    fields.canceled_at = atEnd ? world.now() : null;
  }
  if (params.has('cancel_at')) {
    fields.cancel_at = params.integer('cancel_at') ?? null;
  }
  if (params.has('pause_collection')) {
    const pause = params.object('pause_collection');
    fields.pause_collection =
      pause === undefined
        ? null
        : {
            behavior: pause.oneOf('behavior', PAUSES) ?? pause.need('behavior'),
            resumes_at: pause.integer('resumes_at') ?? null,
          };
  }
  const rates = readTaxRates(world, params, 'default_tax_rates');
  if (rates !== undefined) {
    fields.default_tax_rates = rates;
  }
  if (params.text('description') !== undefined) {
    fields.description = params.text('description') ?? null;
  }
  return fields;
}
