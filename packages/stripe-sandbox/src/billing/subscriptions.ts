import { noSuch } from '../api/errors.ts';
import { amountOf } from '../catalog/amount.ts';
import { planOf } from '../catalog/plan.ts';
import { refuseSecondCurrency, settleCurrency } from '../customers/currency.ts';
import { needCustomer } from '../customers/customers.ts';
import { emit } from '../events/emit.ts';
import type { Invoice, Price, Subscription, SubscriptionItem, TaxRate } from '../shapes.ts';
import { listOf } from '../shapes.ts';
import { newId, type World } from '../world.ts';
import { isMetered } from './cycle-lines.ts';
import { addDiscount, type Redemption } from './discounts.ts';
import { finalizeInvoice } from './finalize-invoice.ts';
import { firstInvoice } from './first-invoice.ts';
import { addInvoiceItem } from './invoice-items.ts';
import { methodFor, payInvoice } from './pay-invoice.ts';
import { MONTHLY, periodsSince } from './periods.ts';

const INCOMPLETE_SECONDS = 23 * 3600;
export const TRIAL_NOTICE_SECONDS = 3 * 86_400;

export const DEFAULT_PAYMENT_SETTINGS: NonNullable<Subscription['payment_settings']> = {
  payment_method_options: null,
  payment_method_types: null,
  save_default_payment_method: 'off',
};

export type NewSubscriptionItem = {
  price: Price;
  quantity: number;
  metadata?: Record<string, string>;
  taxRates?: readonly TaxRate[] | undefined;
};

export type NewSubscription = {
  customer: string;
  items: readonly NewSubscriptionItem[];
  /** Default: that of the first item's price. */
  currency?: string | undefined;
  /** One-time prices that the first invoice charges too. */
  once?: readonly NewSubscriptionItem[];
  metadata?: Record<string, string>;
  description?: string | null;
  defaultTaxRates?: TaxRate[] | undefined;
  trialEnd?: number | null;
  missingPaymentMethod?: string | null;
  billingCycleAnchor?: number | null;
  anchorConfig?: Subscription['billing_cycle_anchor_config'];
  paymentSettings?: Subscription['payment_settings'] | undefined;
  defaultPaymentMethod?: string | null;
  discounts?: readonly Redemption[];
  collectionMethod?: string;
  daysUntilDue?: number | null;
  cancelAt?: number | 'min_period_end' | 'max_period_end' | null | undefined;
  cancelAtPeriodEnd?: boolean;
  session?: string;
  /** The schedule that makes it. */
  schedule?: string;
  /** Where it began earlier than now. */
  startDate?: number | undefined;
  /** Where its time before the first full period is not charged: `none`. */
  prorations?: string | undefined;
  /**
   * `wait`: the first invoice is left open, for a checkout page to pay. `draft`: the subscription is
   * active at once and its first invoice collects itself as a renewal's does. It is one whatever is said
   * here where invoices are sent: https://docs.stripe.com/billing/invoices/subscription#new-subscription-invoices
   */
  firstPayment: 'now' | 'wait' | 'draft';
  offSession?: boolean;
};

/** Makes a subscription with its first invoice; one that must be paid starts `incomplete`. */
export function addSubscription(world: World, input: NewSubscription): Subscription {
  const id = newId('sub');
  const now = world.now();
  const trialing = input.trialEnd != null && input.trialEnd > now;
  const currency = input.currency ?? input.items[0]?.price.currency ?? world.settings.currency;
  refuseSecondCurrency(world, input.customer, { currency, asked: input.currency !== undefined });
  settleCurrency(world, input.customer, { currency, changes: true });
  const sends = input.collectionMethod === 'send_invoice';
  const isDraft = (input.firstPayment === 'draft' || sends) && !trialing;
  const made = world.store.put(
    'subscription',
    buildSubscription(world, { id, input, currency, trialing, isDraft }),
  );
  world.store.put('subscription_state', {
    id,
    trialWillEndSent: false,
    incompleteExpiresAt: trialing || isDraft ? null : now + INCOMPLETE_SECONDS,
  });
  const discounts = (input.discounts ?? []).map(
    (one) =>
      addDiscount(world, {
        ...one,
        start: made.start_date,
        customer: input.customer,
        subscription: id,
        session: input.session ?? null,
      }).id,
  );
  const subscription = world.store.put('subscription', { ...made, discounts });
  for (const extra of input.once ?? []) {
    addInvoiceItem(world, {
      customer: input.customer,
      currency,
      amount: amountOf(extra.price, { ...extra, currency }),
      ...extra,
      description: extra.price.nickname ?? extra.price.id,
      period: { start: now, end: now },
    });
  }
  const prorates = input.prorations !== 'none';
  const draft = firstInvoice(world, subscription, { trialing, isDraft, prorates });
  const withInvoice = world.store.put('subscription', {
    ...subscription,
    ...(draft === undefined ? begunUnpaid(trialing) : { latest_invoice: draft.id }),
  });
  emit(world, 'customer.subscription.created', withInvoice);
  if (trialing && (input.trialEnd ?? 0) - now <= TRIAL_NOTICE_SECONDS) {
    sendTrialNotice(world, withInvoice);
  }
  if (isDraft || draft === undefined) {
    return withInvoice;
  }
  const invoice = finalizeInvoice(world, draft);
  if (invoice.status === 'open' && input.firstPayment === 'now') {
    payFirst(world, invoice, input.offSession ?? false);
  }
  return needSubscription(world, id);
}

/** Nothing is due yet. */
function begunUnpaid(trialing: boolean): Partial<Subscription> {
  return { status: trialing ? 'trialing' : 'active', latest_invoice: null };
}

/** Three days before a trial ends, or at once when it is shorter. */
export function sendTrialNotice(world: World, subscription: Subscription): void {
  const state = world.store.get('subscription_state', subscription.id);
  if (state !== undefined) {
    world.store.put('subscription_state', { ...state, trialWillEndSent: true });
  }
  emit(world, 'customer.subscription.trial_will_end', subscription);
}

function payFirst(world: World, invoice: Invoice, offSession: boolean): void {
  if (invoice.collection_method === 'send_invoice') {
    emit(world, 'invoice.sent', invoice);
    return;
  }
  if (methodFor(world, invoice) !== null) {
    payInvoice(world, invoice, { offSession });
  }
}

function buildSubscription(
  world: World,
  made: {
    id: string;
    input: NewSubscription;
    currency: string;
    trialing: boolean;
    isDraft: boolean;
  },
): Subscription {
  const { id, input, currency, trialing } = made;
  const now = world.now();
  const customer = needCustomer(world, input.customer, 'customer');
  const began = input.startDate ?? now;
  const anchor = trialing ? (input.trialEnd ?? now) : (input.billingCycleAnchor ?? began);
  const items = input.items.map((item) => {
    const every = item.price.recurring ?? MONTHLY;
    const current = periodsSince({ anchor, every }, { from: began, now }).at(-1);
    const period = trialing || current === undefined ? { start: now, end: anchor } : current;
    return buildItem(world, { subscription: id, ...item, period });
  });
  const ends = items.map((item) => item.current_period_end);
  const earliestEnd = Math.min(...ends);
  return {
    id,
    object: 'subscription',
    application: null,
    application_fee_percent: null,
    automatic_tax: { disabled_reason: null, enabled: false, liability: null },
    billing_cycle_anchor: anchor,
    billing_cycle_anchor_config: input.anchorConfig ?? null,
    billing_mode: { flexible: { proration_discounts: 'included' }, type: 'flexible' },
    billing_schedules: [],
    billing_thresholds: null,
    cancel_at: input.cancelAtPeriodEnd ? earliestEnd : cancelAt(input.cancelAt, ends),
    cancel_at_period_end: input.cancelAtPeriodEnd ?? false,
    canceled_at: null,
    cancellation_details: { comment: null, feedback: null, feedback_option: null, reason: null },
    collection_method: input.collectionMethod ?? 'charge_automatically',
    created: now,
    currency,
    customer: customer.id,
    customer_account: null,
    days_until_due: input.daysUntilDue ?? null,
    default_payment_method: input.defaultPaymentMethod ?? null,
    default_source: null,
    default_tax_rates: input.defaultTaxRates ?? [],
    description: input.description ?? null,
    discounts: [],
    ended_at: null,
    invoice_settings: {
      account_tax_ids: null,
      custom_fields: null,
      description: null,
      footer: null,
      issuer: { type: 'self' },
    },
    items: listOf(items, `/v1/subscription_items?subscription=${id}`),
    latest_invoice: null,
    livemode: false,
    managed_payments: null,
    metadata: input.metadata ?? {},
    next_pending_invoice_item_invoice: null,
    on_behalf_of: null,
    pause_collection: null,
    payment_settings: input.paymentSettings ?? DEFAULT_PAYMENT_SETTINGS,
    pending_invoice_item_interval: null,
    pending_setup_intent: null,
    pending_update: null,
    schedule: input.schedule ?? null,
    start_date: began,
    status: trialing ? 'trialing' : made.isDraft ? 'active' : 'incomplete',
    test_clock: customer.test_clock ?? null,
    transfer_data: null,
    trial_end: trialing ? (input.trialEnd ?? null) : null,
    trial_settings: {
      end_behavior: {
        billing_cycle_anchor: null,
        missing_payment_method: input.missingPaymentMethod ?? 'create_invoice',
      },
    },
    trial_start: trialing ? now : null,
  };
}

/** Seconds since 1970; a word names the earliest or the latest end of a period. */
export function cancelAt(
  asked: NewSubscription['cancelAt'],
  ends: readonly number[],
): number | null {
  switch (asked) {
    case 'min_period_end':
      return Math.min(...ends);
    case 'max_period_end':
      return Math.max(...ends);
    default:
      return asked ?? null;
  }
}

export function buildItem(
  world: World,
  item: NewSubscriptionItem & { subscription: string; period: { start: number; end: number } },
): SubscriptionItem {
  return {
    id: newId('si', 14),
    object: 'subscription_item',
    billing_thresholds: null,
    created: world.now(),
    current_period_end: item.period.end,
    current_period_start: item.period.start,
    current_trial: null,
    discounts: [],
    metadata: item.metadata ?? {},
    plan: planOf(item.price),
    price: item.price,
    ...(isMetered(item.price) ? {} : { quantity: item.quantity }),
    subscription: item.subscription,
    tax_rates: [...(item.taxRates ?? [])],
  };
}

export function needSubscription(world: World, id: string, param?: string): Subscription {
  const subscription = world.store.get('subscription', id);
  if (subscription === undefined) {
    throw noSuch('subscription', id, param);
  }
  return subscription;
}
