import { needInvoice } from '../billing/invoices.ts';
import { openIntentOf, payInvoice, rememberMethod } from '../billing/pay-invoice.ts';
import {
  addSubscription,
  type NewSubscriptionItem,
  needSubscription,
} from '../billing/subscriptions.ts';
import { planOf } from '../payments/intents.ts';
import type { CheckoutSession, Invoice, SessionLine, TaxRate } from '../shapes.ts';
import type { World } from '../world.ts';
import { remember, type Submission, type Submitted } from './attempts.ts';
import { complete, methodOf, told } from './complete.ts';
import { isTrial, redemptionsOf, sessionPlan } from './sessions.ts';

/** One try to subscribe: the first try makes the subscription, the next ones pay its invoice. */
export function submitSubscription(
  world: World,
  session: CheckoutSession,
  given: Submission,
): Submitted {
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
    currency: session.currency ?? undefined,
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
