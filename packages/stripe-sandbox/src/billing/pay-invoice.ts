import { invalid } from '../api/errors.ts';
import { attachPaymentMethod, ownPaymentMethod } from '../customers/payment-methods.ts';
import { emit } from '../events/emit.ts';
import { confirmIntent } from '../payments/intents.ts';
import type { Invoice, PaymentIntent, Subscription } from '../shapes.ts';
import type { Payee, World } from '../world.ts';
import { isLive, markUsed } from './discounts.ts';
import { announceInvoicePayment, payInvoicePayment } from './invoice-payments.ts';
import {
  subscriptionInvoiceFailed,
  subscriptionInvoicePaid,
  subscriptionInvoicePending,
} from './subscription-status.ts';

const DAY = 86_400;

export type PayHow = { method?: string | undefined; offSession?: boolean; authenticated?: boolean };

/** Tries to collect an open invoice. What became of it is in the invoice and its payment intent. */
export function payInvoice(world: World, invoice: Invoice, how: PayHow = {}): PaymentIntent {
  const intent = openIntentOf(world, invoice);
  const method = how.method ?? methodFor(world, invoice);
  if (method === null) {
    throw invalid(
      'There is no default_payment_method set on this Customer or Invoice. Please set a default_payment_method on the Invoice, Subscription or Customer.',
      { code: 'invoice_payment_intent_requires_action' },
    );
  }
  const own =
    invoice.customer === null ? method : ownPaymentMethod(world, method, invoice.customer).id;
  const confirmed = confirmIntent(world, intent, {
    method: own,
    offSession: how.offSession ?? false,
    authenticated: how.authenticated ?? false,
  });
  if (confirmed.status === 'requires_action') {
    const now = world.store.put('invoice', { ...currentInvoice(world, invoice), attempted: true });
    emit(world, 'invoice.payment_action_required', now);
  }
  return confirmed;
}

/** What the invoice would be charged to; null when the customer has nothing on file. */
export function methodFor(world: World, invoice: Invoice): string | null {
  const subscription = subscriptionOf(world, invoice);
  const customer = world.store.get('customer', invoice.customer ?? '');
  return (
    invoice.default_payment_method ??
    subscription?.default_payment_method ??
    customer?.invoice_settings.default_payment_method ??
    null
  );
}

export function subscriptionOf(world: World, invoice: Invoice): Subscription | undefined {
  const id = invoice.parent?.subscription_details?.subscription;
  return id === undefined ? undefined : world.store.get('subscription', id);
}

export function openIntentOf(world: World, invoice: Invoice): PaymentIntent {
  const open = world.store
    .where('invoice_payment', 'invoice', invoice.id)
    .find((one) => one.status === 'open');
  const intent = world.store.get('payment_intent', open?.payment.payment_intent ?? '');
  if (intent === undefined || invoice.status === 'draft') {
    throw invalid(`Invoice ${invoice.id} is ${invoice.status} and cannot be paid.`, {
      code: 'invoice_not_editable',
    });
  }
  return intent;
}

function currentInvoice(world: World, invoice: Invoice): Invoice {
  return world.store.get('invoice', invoice.id) ?? invoice;
}

/** What becomes of an invoice when a payment that was made for it does. */
export const invoicePayee: Payee = {
  paid: invoicePaid,
  pending: invoicePaymentPending,
  failed: invoicePaymentFailed,
};

/** The payment of an invoice succeeded. */
function invoicePaid(world: World, id: string, intent: PaymentIntent): void {
  const invoice = world.store.get('invoice', id);
  if (invoice !== undefined && invoice.status !== 'paid' && invoice.status !== 'void') {
    markInvoicePaid(world, invoice, { intent });
  }
}

/**
 * Marks an invoice paid: by a payment, by the customer's balance, or because nothing was due. Paid out of
 * band, no attempt to pay has succeeded, and no event says so. https://github.com/stripe/stripe-cli/pull/821
 */
export function markInvoicePaid(
  world: World,
  before: Invoice,
  by: { intent: PaymentIntent | null; outOfBand?: boolean },
): Invoice {
  const paidAmount =
    by.intent === null ? (by.outOfBand ? before.amount_due : 0) : by.intent.amount_received;
  const payment = by.intent === null ? null : payInvoicePayment(world, before, by.intent);
  const invoice = world.store.put('invoice', {
    ...before,
    status: 'paid',
    amount_paid: paidAmount,
    amount_remaining: 0,
    ...(by.outOfBand ? { amount_paid_off_stripe: paidAmount } : {}),
    attempted: true,
    attempt_count: before.attempt_count + (by.intent === null ? 0 : 1),
    auto_advance: false,
    next_payment_attempt: null,
    status_transitions: { ...before.status_transitions, paid_at: world.now() },
  });
  for (const discount of invoice.discounts) {
    const found = world.store.get('discount', discount);
    if (found !== undefined && isLive(world, found)) {
      markUsed(world, discount);
    }
  }
  emit(world, 'invoice.updated', invoice, before);
  emit(world, 'invoice.paid', invoice);
  if (!by.outOfBand) {
    emit(world, 'invoice.payment_succeeded', invoice);
  }
  if (payment !== null) {
    announceInvoicePayment(world, payment);
  }
  const subscription = subscriptionOf(world, invoice);
  if (subscription !== undefined) {
    subscriptionInvoicePaid(world, subscription, invoice);
  }
  return currentInvoice(world, invoice);
}

/** A bank debit is on its way: the subscription is served meanwhile, as Stripe does. */
function invoicePaymentPending(world: World, id: string): void {
  const invoice = world.store.get('invoice', id);
  if (invoice === undefined) {
    return;
  }
  const pending = world.store.put('invoice', { ...invoice, attempted: true });
  const subscription = subscriptionOf(world, pending);
  if (subscription !== undefined) {
    subscriptionInvoicePending(world, subscription);
  }
}

/**
 * The attempt failed; it is repeated after the days that the settings say. An invoice that was sent
 * waits for its customer until its due date, whatever failed.
 */
export function invoicePaymentFailed(world: World, id: string): void {
  const before = world.store.get('invoice', id);
  if (before === undefined || before.status !== 'open') {
    return;
  }
  const attempts = before.attempt_count + 1;
  const isFirst = before.billing_reason === 'subscription_create' && !startedActive(world, before);
  const days = world.settings.dunningDays[attempts - 1];
  const isSent = before.collection_method === 'send_invoice';
  const retries = !isFirst && !isSent && before.auto_advance && days !== undefined;
  const invoice = world.store.put('invoice', {
    ...before,
    attempted: true,
    attempt_count: attempts,
    next_payment_attempt: retries ? world.now() + days * DAY : null,
  });
  emit(world, 'invoice.updated', invoice, before);
  emit(world, 'invoice.payment_failed', invoice);
  const subscription = subscriptionOf(world, invoice);
  if (subscription !== undefined && !isFirst && !isSent) {
    subscriptionInvoiceFailed(world, subscription, { lastAttempt: !retries });
  }
}

/** A schedule's subscription was active before its first invoice was due: that is dunned as a renewal. */
function startedActive(world: World, invoice: Invoice): boolean {
  const subscription = subscriptionOf(world, invoice);
  const state = world.store.get('subscription_state', subscription?.id ?? '');
  return state?.incompleteExpiresAt === null && subscription?.status !== 'trialing';
}

/** Keeps the method that paid as the one for renewals. */
export function rememberMethod(world: World, subscription: string, method: string): void {
  const found = world.store.get('subscription', subscription);
  if (found !== undefined) {
    attachPaymentMethod(world, method, found.customer);
    world.store.put('subscription', { ...found, default_payment_method: method });
  }
}
