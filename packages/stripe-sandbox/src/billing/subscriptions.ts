import { noSuch } from '../api/errors.ts';
import { planOf } from '../catalog/plan.ts';
import { needCustomer } from '../customers/customers.ts';
import { emit } from '../events/emit.ts';
import type { Invoice, Price, Subscription, SubscriptionItem, TaxRate } from '../shapes.ts';
import { listOf } from '../shapes.ts';
import type { DraftLine } from '../store/records.ts';
import { newId, type World } from '../world.ts';
import { addDiscount, isLive, type Redemption } from './discounts.ts';
import { addInvoiceItem, takePendingItems } from './invoice-items.ts';
import { addInvoice, finalizeInvoice } from './invoices.ts';
import { priceAmount } from './lines.ts';
import { methodFor, payInvoice } from './pay-invoice.ts';
import { periodEnd, periodStart } from './periods.ts';

const INCOMPLETE_SECONDS = 23 * 3600;
export const TRIAL_NOTICE_SECONDS = 3 * 86_400;

export type NewSubscriptionItem = {
  price: Price;
  quantity: number;
  metadata?: Record<string, string>;
  taxRates?: readonly TaxRate[] | undefined;
};

export type NewSubscription = {
  customer: string;
  items: readonly NewSubscriptionItem[];
  /** One-time prices that the first invoice charges too. */
  once?: readonly NewSubscriptionItem[];
  metadata?: Record<string, string>;
  description?: string | null;
  defaultTaxRates?: TaxRate[] | undefined;
  trialEnd?: number | null;
  missingPaymentMethod?: string | null;
  billingCycleAnchor?: number | null;
  defaultPaymentMethod?: string | null;
  discounts?: readonly Redemption[];
  collectionMethod?: string;
  daysUntilDue?: number | null;
  cancelAt?: number | null;
  cancelAtPeriodEnd?: boolean;
  session?: string;
  /** The schedule that makes it. */
  schedule?: string;
  /** Where it began earlier than now: its cycles count from there. */
  startDate?: number;
  /**
   * `wait`: the first invoice is left open, for a checkout page to pay. `draft`: the subscription is
   * active at once and its first invoice collects itself as a renewal's does.
   */
  firstPayment: 'now' | 'wait' | 'draft';
  offSession?: boolean;
};

/** Makes a subscription with its first invoice; one that must be paid starts `incomplete`. */
export function addSubscription(world: World, input: NewSubscription): Subscription {
  const id = newId('sub');
  const now = world.now();
  const trialing = input.trialEnd != null && input.trialEnd > now;
  const isDraft = input.firstPayment === 'draft' && !trialing;
  const made = world.store.put('subscription', buildSubscription(world, { id, input, trialing }));
  world.store.put('subscription_state', {
    id,
    trialWillEndSent: false,
    incompleteExpiresAt: trialing || isDraft ? null : now + INCOMPLETE_SECONDS,
  });
  const discounts = (input.discounts ?? []).map(
    (one) =>
      addDiscount(world, {
        ...one,
        customer: input.customer,
        subscription: id,
        session: input.session ?? null,
      }).id,
  );
  const subscription = world.store.put('subscription', { ...made, discounts });
  for (const extra of input.once ?? []) {
    addInvoiceItem(world, {
      customer: input.customer,
      currency: subscription.currency,
      amount: priceAmount(extra.price, extra.quantity),
      ...extra,
      description: extra.price.nickname ?? extra.price.id,
      period: { start: now, end: now },
    });
  }
  const draft = firstInvoice(world, subscription, { trialing, isDraft });
  const withInvoice = world.store.put('subscription', {
    ...subscription,
    latest_invoice: draft.id,
  });
  emit(world, 'customer.subscription.created', withInvoice);
  if (trialing && (input.trialEnd ?? 0) - now <= TRIAL_NOTICE_SECONDS) {
    sendTrialNotice(world, withInvoice);
  }
  if (isDraft) {
    return withInvoice;
  }
  const invoice = finalizeInvoice(world, draft);
  if (invoice.status === 'open' && input.firstPayment === 'now') {
    payFirst(world, invoice, input.offSession ?? false);
  }
  return needSubscription(world, id);
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
    return;
  }
  if (methodFor(world, invoice) !== null) {
    payInvoice(world, invoice, { offSession });
  }
}

function firstInvoice(
  world: World,
  subscription: Subscription,
  { trialing, isDraft }: { trialing: boolean; isDraft: boolean },
): Invoice {
  const [first] = subscription.items.data;
  return addInvoice(world, {
    customer: subscription.customer,
    currency: subscription.currency,
    reason: 'subscription_create',
    subscription,
    lines: [
      ...cycleLines(subscription, { trialing }),
      ...takePendingItems(world, { customer: subscription.customer, subscription: null }),
    ],
    discounts: trialing ? [] : liveDiscounts(world, subscription),
    collectionMethod: subscription.collection_method,
    daysUntilDue: subscription.days_until_due,
    finalizesAt: isDraft ? world.now() + world.settings.draftSeconds : null,
    period: {
      start: first?.current_period_start ?? world.now(),
      end: first?.current_period_start ?? world.now(),
    },
  });
}

/** The subscription's own discounts that still count, and the customer's when it has none. */
export function liveDiscounts(world: World, subscription: Subscription): string[] {
  const own = subscription.discounts.length > 0;
  const ofCustomer = world.store.get('customer', subscription.customer)?.discount?.id;
  const ids = own ? subscription.discounts : ofCustomer === undefined ? [] : [ofCustomer];
  return ids.filter((id) => {
    const discount = world.store.get('discount', id);
    return discount !== undefined && isLive(world, discount);
  });
}

/** One line an item for its current period; during a trial each is for nothing. */
export function cycleLines(
  subscription: Subscription,
  { trialing }: { trialing: boolean },
): DraftLine[] {
  const licensed = subscription.items.data.filter((item) => !isMetered(item.price));
  return licensed.map((item) => ({
    price: item.price,
    quantity: item.quantity ?? 1,
    amount: trialing ? 0 : priceAmount(item.price, item.quantity ?? 1),
    currency: subscription.currency,
    description: trialing
      ? 'Trial period'
      : `${item.quantity ?? 1} × ${item.price.nickname ?? item.price.id}`,
    period: { start: item.current_period_start, end: item.current_period_end },
    subscription: subscription.id,
    subscriptionItem: item.id,
    invoiceItem: null,
    proration: false,
    taxRates: item.tax_rates,
    metadata: subscription.metadata,
  }));
}

function buildSubscription(
  world: World,
  made: { id: string; input: NewSubscription; trialing: boolean },
): Subscription {
  const { id, input, trialing } = made;
  const now = world.now();
  const customer = needCustomer(world, input.customer, 'customer');
  const began = input.startDate ?? now;
  const anchor = trialing ? (input.trialEnd ?? now) : (input.billingCycleAnchor ?? began);
  const items = input.items.map((item) => {
    const every = item.price.recurring ?? { interval: 'month', interval_count: 1 };
    const end = trialing || anchor > now ? anchor : periodEnd(anchor, now, every);
    const start = began < now ? periodStart(anchor, now, every) : now;
    return buildItem(world, { subscription: id, ...item, period: { start, end } });
  });
  const earliestEnd = Math.min(...items.map((item) => item.current_period_end));
  return {
    id,
    object: 'subscription',
    application: null,
    application_fee_percent: null,
    automatic_tax: { disabled_reason: null, enabled: false, liability: null },
    billing_cycle_anchor: anchor,
    billing_cycle_anchor_config: null,
    billing_mode: { flexible: { proration_discounts: 'included' }, type: 'flexible' },
    billing_schedules: [],
    billing_thresholds: null,
    cancel_at: input.cancelAtPeriodEnd ? earliestEnd : (input.cancelAt ?? null),
    cancel_at_period_end: input.cancelAtPeriodEnd ?? false,
    canceled_at: null,
    cancellation_details: { comment: null, feedback: null, feedback_option: null, reason: null },
    collection_method: input.collectionMethod ?? 'charge_automatically',
    created: now,
    currency: input.items[0]?.price.currency ?? world.settings.currency,
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
    payment_settings: {
      payment_method_options: null,
      payment_method_types: null,
      save_default_payment_method: 'off',
    },
    pending_invoice_item_interval: null,
    pending_setup_intent: null,
    pending_update: null,
    schedule: input.schedule ?? null,
    start_date: began,
    status: trialing ? 'trialing' : input.firstPayment === 'draft' ? 'active' : 'incomplete',
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

/** Its usage is charged when a period is over. */
function isMetered(price: Price): boolean {
  return price.recurring?.usage_type === 'metered';
}

export function needSubscription(world: World, id: string, param?: string): Subscription {
  const subscription = world.store.get('subscription', id);
  if (subscription === undefined) {
    throw noSuch('subscription', id, param);
  }
  return subscription;
}
