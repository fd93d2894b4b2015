import { ApiError, invalid, noSuch } from '../api/errors.ts';
import { filtered, momentFilter, page } from '../api/page.ts';
import type { Params } from '../api/params.ts';
import type { Route } from '../api/route.ts';
import { inCurrency, priceOfLine } from '../catalog/prices.ts';
import { readTaxRates } from '../catalog/tax-rates.ts';
import { needCustomer } from '../customers/customers.ts';
import { ownPaymentMethod } from '../customers/payment-methods.ts';
import { emit } from '../events/emit.ts';
import { declined } from '../payments/intent-routes.ts';
import { tellSchedule } from '../schedules/follow.ts';
import type { Subscription } from '../shapes.ts';
import { inTimeOf, type World } from '../world.ts';
import { endDiscount, readDiscounts } from './discounts.ts';
import { endSubscription } from './end-subscription.ts';
import { prorate } from './proration.ts';
import { readCycle } from './read-cycle.ts';
import { nextPeriodEnd } from './renew.ts';
import { addSubscription, type NewSubscriptionItem, needSubscription } from './subscriptions.ts';
import { billNow, type SubscriptionUpdate, updateSubscription } from './update-subscription.ts';

const DAY = 86_400;
const PAUSES = ['keep_as_draft', 'mark_uncollectible', 'void'] as const;

function createSubscription(world: World, params: Params): Subscription {
  const customer = needCustomer(world, params.need('customer'), 'customer');
  const method = params.text('default_payment_method');
  const behavior = params.text('payment_behavior') ?? 'allow_incomplete';
  return inTimeOf(world, customer.id, () => {
    const items = readItems(world, params, params.text('currency'));
    const trialDays = params.integer('trial_period_days');
    const made = addSubscription(world, {
      customer: customer.id,
      items,
      metadata: params.metadata(),
      description: params.text('description') ?? null,
      defaultTaxRates: readTaxRates(world, params, 'default_tax_rates'),
      trialEnd:
        params.moment('trial_end', world.now()) ??
        (trialDays === undefined ? null : world.now() + trialDays * DAY),
      missingPaymentMethod:
        params.object('trial_settings')?.object('end_behavior')?.text('missing_payment_method') ??
        null,
      ...readCycle(world, params, items),
      defaultPaymentMethod:
        method === undefined ? null : ownPaymentMethod(world, method, customer.id).id,
      discounts: readDiscounts(world, params),
      collectionMethod: params.text('collection_method') ?? 'charge_automatically',
      daysUntilDue: params.integer('days_until_due') ?? null,
      cancelAt: params.integer('cancel_at') ?? null,
      cancelAtPeriodEnd: params.flag('cancel_at_period_end') ?? false,
      firstPayment: behavior === 'default_incomplete' ? 'wait' : 'now',
      offSession: params.flag('off_session') ?? false,
    });
    if (behavior === 'error_if_incomplete' && made.status === 'incomplete') {
      throw refusal(world, made);
    }
    return made;
  });
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
    return invalid('This customer has no attached payment source or default payment method.', {
      code: 'resource_missing',
    });
  }
  return Object.assign(declined(intent), { keep: false });
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

/** `items[]` of a new subscription; `currency`: what the request says that it is in. */
export function readItems(world: World, params: Params, currency?: string): NewSubscriptionItem[] {
  const items = params.objects('items').map((item) => ({
    price: inCurrency(priceOfLine(world, item), currency?.toLowerCase(), item.name('price')),
    quantity: item.integer('quantity') ?? 1,
    metadata: item.metadata(),
    taxRates: readTaxRates(world, item, 'tax_rates'),
  }));
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

function update(world: World, before: Subscription, params: Params): Subscription {
  if (before.ended_at !== null) {
    throw invalid(
      'A canceled subscription can only update its cancellation_details and metadata.',
      { code: 'resource_missing' },
    );
  }
  refuseAgainstSchedule(before, params);
  const after = updateSubscription(world, before, readUpdate(world, before, params));
  if (params.text('payment_behavior') === 'error_if_incomplete' && isUnpaid(world, before, after)) {
    throw refusal(world, after);
  }
  if (params.has('items')) {
    tellSchedule(world, after);
  }
  return after;
}

/** The parameters of a change, in an update and in a preview of one. */
export function readUpdate(world: World, before: Subscription, params: Params): SubscriptionUpdate {
  const trialEnd = params.moment('trial_end', world.now());
  const withDiscounts = ['discounts', 'coupon', 'promotion_code'].some((key) => params.has(key));
  return {
    items: params.objects('items').map((item) => ({
      id: item.text('id'),
      price: item.has('price') || item.has('price_data') ? priceOfLine(world, item) : undefined,
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

function cancel(world: World, before: Subscription, params: Params): Subscription {
  if (before.ended_at !== null) {
    throw invalid(`No such subscription: '${before.id}'`, { code: 'resource_missing' });
  }
  return cancelNow(world, before, {
    prorates: params.flag('prorate') ?? false,
    invoices: params.flag('invoice_now') ?? false,
    comment: params.object('cancellation_details')?.text('comment'),
  });
}

/** Ends a subscription at once; the rest of its period may be credited, and the end invoiced. */
export function cancelNow(
  world: World,
  before: Subscription,
  how: { prorates: boolean; invoices: boolean; comment?: string | undefined },
): Subscription {
  if (how.prorates) {
    for (const item of before.items.data) {
      prorate(world, before, { change: { before: item, after: null }, at: world.now() });
    }
  }
  if (how.invoices) {
    billNow(world, before, { full: false, reason: 'subscription_update' });
  }
  return endSubscription(world, needSubscription(world, before.id), 'cancellation_requested', {
    comment: how.comment,
  });
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
  const price = params.text('price');
  const all = world.store
    .all('subscription')
    .filter(
      (one) =>
        created(one.created) &&
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
