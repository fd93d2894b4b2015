import { invalid } from '../api/errors.ts';
import type { Params } from '../api/params.ts';
import { priceNamed, priceOfLine } from '../catalog/prices.ts';
import { readTaxRates } from '../catalog/tax-rates.ts';
import { ownPaymentMethod } from '../customers/payment-methods.ts';
import type { Subscription } from '../shapes.ts';
import type { World } from '../world.ts';
import {
  COLLECTION_METHODS,
  type Collection,
  refuseWithoutEmail,
  settleCollection,
} from './collection.ts';
import { readDiscounts } from './discounts.ts';
import { nextPeriodEnd } from './renew.ts';
import {
  cancelAt,
  DEFAULT_PAYMENT_SETTINGS,
  type NewSubscription,
  type NewSubscriptionItem,
} from './subscriptions.ts';
import { refuseTwice, type SubscriptionUpdate } from './update-subscription.ts';

const DAY = 86_400;

const PAUSES = ['keep_as_draft', 'mark_uncollectible', 'void'] as const;

/** `items[]` of a new subscription, all in one currency: that of the request, or of the first price. */
export function readItems(world: World, params: Params, asked?: string): NewSubscriptionItem[] {
  let currency = asked;
  const items = params.objects('items').map((item) => {
    const price = priceOfLine(world, item, currency);
    currency ??= price.currency;
    return {
      price,
      quantity: readQuantity(item) ?? 1,
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
  refuseTwice(items.map(({ price }) => price.id));
  return items;
}

/** `add_invoice_items`: what the next invoice charges once. */
export function readOnce(world: World, params: Params, currency: string): NewSubscriptionItem[] {
  return params.objects('add_invoice_items').map((item) => ({
    price: priceOfLine(world, item, currency, { credits: true }),
    quantity: readQuantity(item) ?? 1,
    taxRates: readTaxRates(world, item, 'tax_rates'),
    metadata: item.metadata(),
  }));
}

export function readQuantity(params: Params): number | undefined {
  const quantity = params.integer('quantity');
  if (quantity !== undefined && quantity < 0) {
    throw invalid('Invalid non-negative integer', {
      param: params.name('quantity'),
      code: 'parameter_invalid_integer',
    });
  }
  return quantity;
}

const MAX_TRIAL_DAYS = 730;

/** When a trial ends: seconds since 1970, `now`, or so many days from now. */
export function readTrialEnd(params: Params, now: number): number | undefined {
  const days = params.integer('trial_period_days');
  const end =
    params.moment('trial_end', now) ?? (days === undefined ? undefined : now + days * DAY);
  const param = params.name(params.has('trial_end') ? 'trial_end' : 'trial_period_days');
  if (end !== undefined && end < now) {
    throw invalid('Invalid timestamp: must be an integer Unix timestamp in the future', { param });
  }
  if (end !== undefined && end > now + MAX_TRIAL_DAYS * DAY) {
    throw invalid(`The maximum number of trial period days is ${MAX_TRIAL_DAYS} (2 years).`, {
      param,
    });
  }
  return end;
}

type PaymentSettings = NonNullable<Subscription['payment_settings']>;

/** How a subscription is paid; what is not said stays. */
export function readPaymentSettings(
  params: Params,
  before: PaymentSettings = DEFAULT_PAYMENT_SETTINGS,
): PaymentSettings {
  const given = params.object('payment_settings');
  const types = given?.texts('payment_method_types') ?? [];
  return {
    ...before,
    ...(types.length > 0 ? { payment_method_types: types } : {}),
    save_default_payment_method:
      given?.oneOf('save_default_payment_method', ['off', 'on_subscription']) ??
      before.save_default_payment_method,
  };
}

/** `collection_method` and `days_until_due`. */
export function readCollection(params: Params, before?: Collection): Collection {
  const param = 'days_until_due';
  const method = params.oneOf('collection_method', COLLECTION_METHODS);
  return settleCollection({ method, days: params.integer(param), param }, before);
}

/** `cancel_at`: seconds since 1970, or which of its periods' ends. */
export function readCancelAt(params: Params): NewSubscription['cancelAt'] {
  const written = params.text('cancel_at');
  return written === 'min_period_end' || written === 'max_period_end'
    ? written
    : (params.integer('cancel_at') ?? null);
}

/** The parameters of a change, in an update and in a preview of one. */
export function readUpdate(world: World, before: Subscription, params: Params): SubscriptionUpdate {
  const trialEnd = readTrialEnd(params, world.now());
  const withDiscounts = ['discounts', 'coupon', 'promotion_code'].some((key) => params.has(key));
  return {
    items: params.objects('items').map((item) => ({
      id: item.text('id'),
      price: priceNamed(world, item, before.currency),
      quantity: readQuantity(item),
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
    fields.cancellation_details = {
      comment: null,
      feedback: null,
      feedback_option: null,
      reason: atEnd ? 'cancellation_requested' : null,
    };
  }
  if (params.has('cancel_at')) {
    fields.cancel_at = cancelAt(
      readCancelAt(params),
      before.items.data.map((item) => item.current_period_end),
    );
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
  if (params.has('cancellation_details')) {
    fields.cancellation_details = detailsAfter(
      fields.cancellation_details ?? before.cancellation_details,
      params,
    );
  }
  if (params.has('payment_settings')) {
    fields.payment_settings = readPaymentSettings(params, before.payment_settings ?? undefined);
  }
  if (params.has('collection_method') || params.has('days_until_due')) {
    const { collection_method: method, days_until_due: days } = before;
    const collection = readCollection(params, { method, days });
    refuseWithoutEmail(world, before.customer, collection.method);
    fields.collection_method = collection.method;
    fields.days_until_due = collection.days;
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

/** What the customer says of why, added to what is known of it. */
export function detailsAfter(
  before: Subscription['cancellation_details'],
  params: Params,
): Subscription['cancellation_details'] {
  const given = params.object('cancellation_details');
  return {
    comment: given?.text('comment') ?? before?.comment ?? null,
    feedback: given?.text('feedback') ?? before?.feedback ?? null,
    feedback_option: before?.feedback_option ?? null,
    reason: before?.reason ?? null,
  };
}
