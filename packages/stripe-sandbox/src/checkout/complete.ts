import { invalid } from '../api/errors.ts';
import { addInvoice, finalizeInvoice, needInvoice } from '../billing/invoices.ts';
import { openIntentOf, payInvoice, rememberMethod } from '../billing/pay-invoice.ts';
import {
  addSubscription,
  type NewSubscriptionItem,
  needSubscription,
} from '../billing/subscriptions.ts';
import { addCustomer, changeCustomer, needCustomer } from '../customers/customers.ts';
import { attachPaymentMethod, needPaymentMethod } from '../customers/payment-methods.ts';
import { emit } from '../events/emit.ts';
import { addIntent, confirmIntent, planOf } from '../payments/intents.ts';
import { addSetupIntent, confirmSetup } from '../payments/setup-intents.ts';
import type { CheckoutSession, Invoice, PaymentIntent, SessionLine, TaxRate } from '../shapes.ts';
import { inTimeOf, type Payee, type World } from '../world.ts';
import { remember } from './attempts.ts';
import { refuseUnsaid } from './custom-amount.ts';
import { isTrial, needSession, redeemForGood, redemptionsOf, sessionPlan } from './sessions.ts';

export type Submission = {
  /** A payment method's id or test token; absent where nothing is to be paid. */
  method?: string | undefined;
  email?: string | undefined;
  name?: string | undefined;
  /** Adaptive Pricing: what the buyer was shown and paid, in another currency. */
  presentment?: { presentment_amount: number; presentment_currency: string };
};

export type Submitted =
  | { outcome: 'complete'; session: CheckoutSession }
  | { outcome: 'declined'; message: string; intent: PaymentIntent | null }
  | { outcome: 'requires_action'; url: string; intent: PaymentIntent };

/** The buyer presses Pay. A declined session stays open, and the next press goes on with it. */
export function submitSession(world: World, id: string, given: Submission): Submitted {
  const open = needSession(world, id);
  if (open.status !== 'open') {
    throw invalid(`This Checkout Session is ${open.status}.`, {
      code: 'checkout_session_not_open',
    });
  }
  refuseUnsaid(sessionPlan(world, id).lines);
  return inTimeOf(world, open.customer, () => {
    const session = withCustomer(world, open, given);
    return session.mode === 'subscription'
      ? submitSubscription(world, session, given)
      : submitPayment(world, session, given);
  });
}

/** Who is buying: the session's customer, or a new one where the mode or the session wants one. */
function withCustomer(world: World, before: CheckoutSession, given: Submission): CheckoutSession {
  const known = before.customer === null ? null : needCustomer(world, before.customer);
  const email = known?.email ?? before.customer_email ?? given.email ?? 'buyer@example.com';
  const name = known?.name ?? given.name ?? null;
  const attempted = sessionPlan(world, before.id).attempted;
  const wanted =
    before.mode === 'subscription' ||
    before.customer_creation === 'always' ||
    before.invoice_creation?.enabled === true;
  const customer =
    known?.id ?? attempted.customer ?? (wanted ? addCustomer(world, { email, name }).id : null);
  if (customer !== null && known === null) {
    remember(world, before.id, { customer });
  }
  return world.store.put('checkout_session', {
    ...before,
    customer,
    customer_details: {
      address: null,
      business_name: null,
      email,
      individual_name: null,
      name,
      phone: null,
      tax_exempt: 'none',
      tax_ids: [],
    },
  });
}

function submitPayment(world: World, session: CheckoutSession, given: Submission): Submitted {
  if (session.mode === 'setup') {
    return submitSetup(world, session, given);
  }
  if (session.amount_total === 0) {
    redeemForGood(world, session);
    return { outcome: 'complete', session: complete(world, session, 'no_payment_required') };
  }
  if (session.invoice_creation?.enabled) {
    return submitInvoiced(world, session, given);
  }
  const plan = sessionPlan(world, session.id);
  const intent =
    world.store.get('payment_intent', plan.attempted.paymentIntent ?? '') ??
    addIntent(world, {
      amount: session.amount_total ?? 0,
      currency: session.currency ?? world.settings.currency,
      customer: session.customer,
      description: plan.paymentDescription,
      metadata: plan.paymentMetadata,
      captureMethod: plan.captureMethod,
      setupFutureUsage: plan.setupFutureUsage,
      methodTypes: session.payment_method_types,
      receiptEmail: session.customer_details?.email ?? null,
      ...(given.presentment === undefined ? {} : { presentment: given.presentment }),
      plan: { session: session.id, returnUrl: `${world.baseUrl()}/c/pay/${session.id}/return` },
    });
  remember(world, session.id, { paymentIntent: intent.id });
  world.store.put('checkout_session', {
    ...session,
    payment_intent: intent.id,
    ...(given.presentment === undefined ? {} : { presentment_details: given.presentment }),
  });
  const method = methodOf(world, session, given, plan.setupFutureUsage !== null);
  return told(world, session.id, confirmIntent(world, intent, { method }));
}

/** Setup mode keeps a card and takes no money. */
function submitSetup(world: World, session: CheckoutSession, given: Submission): Submitted {
  const intent = addSetupIntent(world, {
    customer: session.customer,
    metadata: session.metadata ?? {},
  });
  const method = methodOf(world, { ...session, customer: null }, given, false);
  const set = confirmSetup(world, intent, { method, authenticated: true });
  if (set.last_setup_error !== null) {
    const message = String(set.last_setup_error.message);
    return { outcome: 'declined', message, intent: null };
  }
  const kept = { ...session, setup_intent: set.id };
  return { outcome: 'complete', session: complete(world, kept, 'no_payment_required') };
}

/** `invoice_creation`: the payment is that of an invoice made by hand. */
function submitInvoiced(world: World, session: CheckoutSession, given: Submission): Submitted {
  const plan = sessionPlan(world, session.id);
  const existing = session.invoice === null ? undefined : needInvoice(world, session.invoice);
  const discounts = existing === undefined ? redeemForGood(world, session) : [];
  const invoice =
    existing ??
    finalizeInvoice(
      world,
      addInvoice(world, {
        customer: session.customer ?? '',
        currency: session.currency ?? world.settings.currency,
        reason: 'manual',
        lines: plan.lines.map((line) => ({
          price: line.price,
          quantity: line.quantity ?? 1,
          amount: line.amount_subtotal,
          currency: line.currency,
          description: line.description ?? line.price.id,
          period: { start: world.now(), end: world.now() },
          subscription: null,
          subscriptionItem: null,
          invoiceItem: null,
          proration: false,
          taxRates: (line.taxes ?? []).map(({ rate }) => rate),
        })),
        discounts,
        metadata: session.metadata ?? {},
      }),
    );
  const intent = openIntentOf(world, invoice);
  world.store.put('intent_plan', { ...planOf(world, intent.id), session: session.id });
  world.store.put('checkout_session', {
    ...session,
    invoice: invoice.id,
    payment_intent: intent.id,
  });
  const method = methodOf(world, session, given, true);
  return told(world, session.id, payInvoice(world, invoice, { method }));
}

function submitSubscription(world: World, session: CheckoutSession, given: Submission): Submitted {
  const plan = sessionPlan(world, session.id);
  const method = given.method === undefined ? null : methodOf(world, session, given, true);
  const subscription =
    plan.attempted.subscription === undefined
      ? startSubscription(world, session, method)
      : needSubscription(world, plan.attempted.subscription);
  remember(world, session.id, { subscription: subscription.id });
  if (method !== null) {
    rememberMethod(world, subscription.id, method);
  }
  if (subscription.latest_invoice === null) {
    const begun = { ...session, subscription: subscription.id };
    return { outcome: 'complete', session: complete(world, begun, 'no_payment_required') };
  }
  const invoice = needInvoice(world, subscription.latest_invoice);
  const begun = world.store.put('checkout_session', {
    ...session,
    ...(plan.subscriptionData.billingCycleAnchor === null ? {} : sumsOf(invoice)),
    subscription: subscription.id,
    invoice: invoice.id,
  });
  if (invoice.status === 'paid') {
    const status =
      isTrial(plan.subscriptionData) || invoice.total === 0 ? 'no_payment_required' : 'paid';
    return { outcome: 'complete', session: complete(world, begun, status) };
  }
  const intent = openIntentOf(world, invoice);
  world.store.put('intent_plan', {
    ...planOf(world, intent.id),
    session: session.id,
    returnUrl: `${world.baseUrl()}/c/pay/${session.id}/return`,
  });
  return told(
    world,
    session.id,
    payInvoice(world, invoice, { method: method ?? methodOf(world, session, given, true) }),
  );
}

/** What is due until the cycle's anchor is counted to the second when the buyer pays. */
function sumsOf({ subtotal, total }: Invoice) {
  return { amount_subtotal: subtotal, amount_total: total };
}

function startSubscription(world: World, session: CheckoutSession, method: string | null) {
  const plan = sessionPlan(world, session.id);
  const data = plan.subscriptionData;
  const [recurring, once] = [
    plan.lines.filter((line) => line.price.recurring !== null),
    plan.lines.filter((line) => line.price.recurring === null),
  ];
  return addSubscription(world, {
    customer: session.customer ?? '',
    items: recurring.map((line) => itemOf(line, data.defaultTaxRates)),
    once: once.map((line) => itemOf(line, data.defaultTaxRates)),
    defaultTaxRates: data.defaultTaxRates,
    metadata: data.metadata,
    description: data.description,
    trialEnd:
      data.trialEnd ?? (data.trialDays === null ? null : world.now() + data.trialDays * 86_400),
    missingPaymentMethod: data.missingPaymentMethod,
    billingCycleAnchor: data.billingCycleAnchor,
    prorations: data.prorations,
    defaultPaymentMethod: method,
    discounts: redemptionsOf(world, session),
    session: session.id,
    firstPayment: 'wait',
  });
}

/** What a line sells; rates that are only the subscription's default ones are not its own. */
function itemOf(line: SessionLine, defaults: readonly TaxRate[]): NewSubscriptionItem {
  const rates = (line.taxes ?? []).map(({ rate }) => rate);
  const isDefault =
    rates.length === defaults.length && rates.every(({ id }, at) => id === defaults[at]?.id);
  return {
    price: line.price,
    quantity: line.quantity ?? 1,
    taxRates: isDefault ? [] : rates,
  };
}

function methodOf(
  world: World,
  session: CheckoutSession,
  given: Submission,
  keep: boolean,
): string {
  if (given.method === undefined) {
    throw invalid('Missing required param: payment_method.', {
      param: 'payment_method',
      code: 'parameter_missing',
    });
  }
  const method = needPaymentMethod(world, given.method);
  if (keep && session.customer !== null) {
    attachPaymentMethod(world, method.id, session.customer);
  }
  return method.id;
}

function told(world: World, id: string, intent: PaymentIntent): Submitted {
  if (intent.status === 'requires_action') {
    return {
      outcome: 'requires_action',
      url: `${world.baseUrl()}/authenticate/${intent.id}`,
      intent,
    };
  }
  if (intent.last_payment_error !== null) {
    return { outcome: 'declined', message: String(intent.last_payment_error['message']), intent };
  }
  const session = needSession(world, id);
  return {
    outcome: 'complete',
    session: intent.status === 'requires_capture' ? complete(world, session, 'unpaid') : session,
  };
}

function complete(
  world: World,
  before: CheckoutSession,
  paymentStatus: 'paid' | 'unpaid' | 'no_payment_required',
): CheckoutSession {
  const session = world.store.put('checkout_session', {
    ...before,
    status: 'complete',
    payment_status: paymentStatus,
    url: null,
  });
  if (session.customer !== null && session.customer_details?.email != null) {
    const customer = needCustomer(world, session.customer);
    if (customer.email === null) {
      changeCustomer(world, customer, { email: session.customer_details.email });
    }
  }
  emit(world, 'checkout.session.completed', session);
  return session;
}

/** What becomes of a session when a payment that was made for it does. */
export const sessionPayee: Payee = {
  paid: sessionPaid,
  pending: sessionPaymentPending,
  failed: sessionPaymentFailed,
};

/** The session's payment has succeeded: at once, after authentication, or days after it completed. */
function sessionPaid(world: World, id: string, intent: PaymentIntent): void {
  const session = needSession(world, id);
  if (session.status === 'open') {
    if (session.mode === 'payment' && session.invoice === null) {
      redeemForGood(world, session);
    }
    complete(world, { ...session, payment_intent: shownIntent(session, intent) }, 'paid');
  } else if (session.payment_status === 'unpaid') {
    const paid = world.store.put('checkout_session', { ...session, payment_status: 'paid' });
    if (intent.capture_method !== 'manual') {
      emit(world, 'checkout.session.async_payment_succeeded', paid);
    }
  }
}

/** In subscription mode the session names the invoice, not the payment. */
function shownIntent(session: CheckoutSession, intent: PaymentIntent): string | null {
  return session.mode === 'payment' ? intent.id : null;
}

/** A bank debit is on its way: the session is complete and unpaid. */
function sessionPaymentPending(world: World, id: string, intent: PaymentIntent): void {
  const session = needSession(world, id);
  if (session.status === 'open') {
    if (session.mode === 'payment' && session.invoice === null) {
      redeemForGood(world, session);
    }
    complete(world, { ...session, payment_intent: shownIntent(session, intent) }, 'unpaid');
  }
}

/** The debit bounced. A card that was declined leaves the session open instead. */
function sessionPaymentFailed(world: World, id: string): void {
  const session = needSession(world, id);
  if (session.status === 'complete' && session.payment_status === 'unpaid') {
    emit(world, 'checkout.session.async_payment_failed', session);
  }
}
