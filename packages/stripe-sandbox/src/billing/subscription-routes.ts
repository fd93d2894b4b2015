import { ApiError, invalid, noSuch } from '../api/errors.ts';
import { filtered, momentFilter, page } from '../api/page.ts';
import type { Params } from '../api/params.ts';
import type { Route } from '../api/route.ts';
import { amountOf } from '../catalog/amount.ts';
import { refuseRestricted } from '../catalog/restrictions.ts';
import { readTaxRates } from '../catalog/tax-rates.ts';
import { needCustomer } from '../customers/customers.ts';
import { ownPaymentMethod } from '../customers/payment-methods.ts';
import { emit } from '../events/emit.ts';
import { declined } from '../payments/intent-routes.ts';
import { tellSchedule } from '../schedules/follow.ts';
import type { Subscription } from '../shapes.ts';
import { inTimeOf, type World } from '../world.ts';
import { billNow } from './bill-now.ts';
import { refuseWithoutEmail } from './collection.ts';
import { endDiscount, type Redemption, readDiscounts } from './discounts.ts';
import { type CancellationDetails, endSubscription } from './end-subscription.ts';
import { addInvoiceItem } from './invoice-items.ts';
import { prorate } from './proration.ts';
import { readCycle } from './read-cycle.ts';
import {
  detailsAfter,
  readCancelAt,
  readCollection,
  readItems,
  readOnce,
  readPaymentSettings,
  readTrialEnd,
  readUpdate,
} from './read-subscription.ts';
import { addSubscription, type NewSubscriptionItem, needSubscription } from './subscriptions.ts';
import { updateSubscription } from './update-subscription.ts';

function createSubscription(world: World, params: Params): Subscription {
  const customer = needCustomer(world, params.need('customer'), 'customer');
  const method = params.text('default_payment_method');
  const behavior = params.text('payment_behavior') ?? 'allow_incomplete';
  return inTimeOf(world, customer.id, () => {
    const currency = params.text('currency')?.toLowerCase();
    const items = readItems(world, params, currency);
    const collection = readCollection(params);
    refuseWithoutEmail(world, customer.id, collection.method);
    const made = addSubscription(world, {
      customer: customer.id,
      items,
      currency,
      metadata: params.metadata(),
      description: params.text('description') ?? null,
      defaultTaxRates: readTaxRates(world, params, 'default_tax_rates'),
      once: readOnce(world, params, currency ?? items[0]?.price.currency ?? ''),
      paymentSettings: readPaymentSettings(params),
      trialEnd: readTrialEnd(params, world.now()) ?? null,
      missingPaymentMethod:
        params.object('trial_settings')?.object('end_behavior')?.text('missing_payment_method') ??
        null,
      ...readCycle(world, params, items),
      defaultPaymentMethod:
        method === undefined ? null : ownPaymentMethod(world, method, customer.id).id,
      discounts: readRedeemable(world, params, { customer: customer.id, items, currency }),
      collectionMethod: collection.method,
      daysUntilDue: collection.days,
      cancelAt: readCancelAt(params),
      cancelAtPeriodEnd: params.flag('cancel_at_period_end') ?? false,
      firstPayment: behavior === 'default_incomplete' ? 'wait' : 'now',
      offSession: params.flag('off_session') ?? false,
    });
    const unpaid = made.status === 'incomplete' && behavior !== 'default_incomplete';
    if (unpaid && (behavior === 'error_if_incomplete' || hasNothingToPayWith(world, made))) {
      throw refusal(world, made);
    }
    return made;
  });
}

/** The discounts of a new subscription; a promotion code must be meant for it. */
function readRedeemable(
  world: World,
  params: Params,
  of: { customer: string; items: NewSubscriptionItem[]; currency: string | undefined },
): Redemption[] {
  const currency = of.currency ?? of.items[0]?.price.currency ?? '';
  const amounts = of.items.map(({ price, quantity }) => amountOf(price, { quantity, currency }));
  const amount = amounts.reduce((sum, one) => sum + one, 0);
  const discounts = readDiscounts(world, params);
  for (const { promotionCode } of discounts) {
    refuseRestricted(world, promotionCode, { customer: of.customer, amount, currency });
  }
  return discounts;
}

/** `error_if_incomplete`: a payment that fails, or needs its buyer, makes no subscription and no change at all. */
function refusal(world: World, subscription: Subscription): Error {
  const intent = intentOf(world, subscription);
  if (intent?.status === 'requires_action') {
    return new ApiError(402, {
      type: 'card_error',
      code: 'subscription_payment_intent_requires_action',
      message:
        'Payment for this subscription requires additional user action before it can be completed successfully.',
    });
  }
  if (intent === undefined || intent.last_payment_error === null) {
    return invalid(
      'This customer has no attached payment source or default payment method. Please consider adding a default payment method. For more information, visit https://stripe.com/docs/billing/subscriptions/payment-methods-setting#payment-method-priority.',
      { code: 'resource_missing' },
    );
  }
  return Object.assign(declined(intent), { keep: false });
}

/** Nothing was tried, because there is nothing to try. */
function hasNothingToPayWith(world: World, subscription: Subscription): boolean {
  const intent = intentOf(world, subscription);
  return (
    subscription.collection_method === 'charge_automatically' &&
    intent?.status === 'requires_payment_method' &&
    intent.last_payment_error === null
  );
}

function intentOf(world: World, { latest_invoice: invoice }: Subscription) {
  const payment = world.store.where('invoice_payment', 'invoice', invoice ?? '').at(-1);
  return world.store.get('payment_intent', payment?.payment.payment_intent ?? '');
}

/** Whether the invoice of this change is to be paid at once and is neither paid nor on its way. */
function isUnpaid(world: World, before: Subscription, after: Subscription): boolean {
  const invoice = world.store.get('invoice', after.latest_invoice ?? '');
  return (
    after.latest_invoice !== before.latest_invoice &&
    invoice?.status === 'open' &&
    invoice.collection_method === 'charge_automatically' &&
    intentOf(world, after)?.status !== 'processing'
  );
}

function update(world: World, before: Subscription, params: Params): Subscription {
  const words = params
    .keys()
    .filter((key) => !['metadata', 'cancellation_details', 'expand'].includes(key));
  if (before.ended_at !== null && words.length === 0) {
    return world.store.put('subscription', {
      ...before,
      metadata: params.metadata(before.metadata),
      cancellation_details: detailsAfter(before.cancellation_details, params),
    });
  }
  if (before.ended_at !== null) {
    throw invalid(
      'A canceled subscription can only update its cancellation_details and metadata.',
      { code: 'resource_missing' },
    );
  }
  refuseAgainstSchedule(before, params);
  addOnce(world, before, params);
  const after = updateSubscription(world, before, readUpdate(world, before, params));
  if (params.text('payment_behavior') === 'error_if_incomplete' && isUnpaid(world, before, after)) {
    throw refusal(world, after);
  }
  if (params.has('items')) {
    tellSchedule(world, after);
  }
  return after;
}

/** `add_invoice_items` of a change wait for the invoice that comes next. */
function addOnce(world: World, { id, customer, currency }: Subscription, params: Params): void {
  for (const extra of readOnce(world, params, currency)) {
    addInvoiceItem(world, {
      ...extra,
      customer,
      currency,
      amount: amountOf(extra.price, { ...extra, currency }),
      description: extra.price.nickname ?? extra.price.id,
      period: { start: world.now(), end: world.now() },
      subscription: id,
    });
  }
}

/** When a schedule runs a subscription, the schedule says when it ends. */
function refuseAgainstSchedule(before: Subscription, params: Params): void {
  const key = ['cancel_at_period_end', 'cancel_at'].find((one) => params.has(one));
  if (before.schedule !== null && key !== undefined) {
    throw invalid(
      `The subscription is managed by the subscription schedule \`${before.schedule}\`, and updating any cancelation behavior directly is not allowed. Please update the schedule instead.`,
      { param: key },
    );
  }
}

function cancel(world: World, before: Subscription, params: Params): Subscription {
  if (before.ended_at !== null) {
    throw noSuch('subscription', before.id);
  }
  return cancelNow(world, before, {
    prorates: params.flag('prorate') ?? false,
    invoices: params.flag('invoice_now') ?? false,
    comment: params.object('cancellation_details')?.text('comment'),
    feedback: params.object('cancellation_details')?.text('feedback'),
  });
}

/** Ends a subscription at once; the rest of its period may be credited, and the end invoiced. */
export function cancelNow(
  world: World,
  before: Subscription,
  how: { prorates: boolean; invoices: boolean } & CancellationDetails,
): Subscription {
  if (how.prorates) {
    for (const item of before.items.data) {
      prorate(world, before, { change: { before: item, after: null }, at: world.now() });
    }
  }
  if (how.invoices) {
    billNow(world, before, { full: false, reason: 'subscription_update' });
  }
  return endSubscription(world, needSubscription(world, before.id), 'cancellation_requested', how);
}

function dropDiscounts(world: World, before: Subscription): object {
  const [discount] = before.discounts.flatMap((id) => world.store.get('discount', id) ?? []);
  if (discount === undefined) {
    throw noSuch('discount', before.id);
  }
  const after = world.store.put('subscription', { ...before, discounts: [] });
  endDiscount(world, discount);
  emit(world, 'customer.subscription.updated', after, before);
  return { ...discount, deleted: true };
}

function resume(world: World, before: Subscription): Subscription {
  if (before.status !== 'paused') {
    throw invalid('Only a paused subscription can be resumed.');
  }
  const resumed = updateSubscription(world, { ...before, status: 'active' }, { resetCycle: true });
  emit(world, 'customer.subscription.resumed', resumed);
  return resumed;
}

function list(world: World, params: Params): Subscription[] {
  const status = params.text('status');
  const created = momentFilter(params, 'created');
  const [starts, ends] = [
    momentFilter(params, 'current_period_start'),
    momentFilter(params, 'current_period_end'),
  ];
  const price = params.text('price');
  const all = world.store
    .all('subscription')
    .filter(
      (one) =>
        created(one.created) &&
        one.items.data.some(
          (item) => starts(item.current_period_start) && ends(item.current_period_end),
        ) &&
        (status === 'all' ||
          (status === undefined ? one.status !== 'canceled' : matches(one, status))) &&
        (price === undefined || one.items.data.some((item) => item.price.id === price)),
    );
  return filtered(all.reverse(), params, ['customer', 'collection_method', 'test_clock']);
}

function matches(subscription: Subscription, status: string): boolean {
  return status === 'ended' ? subscription.ended_at !== null : subscription.status === status;
}

function onSubscription(
  work: (world: World, subscription: Subscription, params: Params) => object,
): Route[2] {
  return ({ world, path, params }) => {
    const subscription = needSubscription(world, path('id'));
    return inTimeOf(world, subscription.customer, () => work(world, subscription, params));
  };
}

export const subscriptionRoutes: readonly Route[] = [
  ['post', '/v1/subscriptions', ({ world, params }) => createSubscription(world, params)],
  [
    'get',
    '/v1/subscriptions',
    ({ world, params }) => page(list(world, params), params, '/v1/subscriptions'),
  ],
  ['get', '/v1/subscriptions/:id', ({ world, path }) => needSubscription(world, path('id'))],
  ['post', '/v1/subscriptions/:id', onSubscription(update)],
  ['delete', '/v1/subscriptions/:id', onSubscription(cancel)],
  ['post', '/v1/subscriptions/:id/resume', onSubscription(resume)],
  ['delete', '/v1/subscriptions/:id/discount', onSubscription(dropDiscounts)],
];
