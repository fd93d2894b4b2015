import { finalizeInvoice } from '../billing/finalize-invoice.ts';
import { addInvoice, needInvoice } from '../billing/invoices.ts';
import { openIntentOf, payInvoice } from '../billing/pay-invoice.ts';
import { addIntent, confirmIntent, planOf } from '../payments/intents.ts';
import { addSetupIntent, confirmSetup } from '../payments/setup-intents.ts';
import type { CheckoutSession } from '../shapes.ts';
import type { World } from '../world.ts';
import { remember, type Submission, type Submitted } from './attempts.ts';
import { complete, methodOf, told } from './complete.ts';
import { redeemForGood, sessionPlan } from './sessions.ts';

/** One try to pay an order once, or to keep a card: a session in `payment` or `setup` mode. */
export function submitPayment(
  world: World,
  session: CheckoutSession,
  given: Submission,
): Submitted {
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
  const said = session.invoice_creation?.invoice_data;
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
        metadata: said?.metadata ?? session.metadata ?? {},
        fields: {
          custom_fields: said?.custom_fields ?? null,
          description: said?.description ?? null,
          footer: said?.footer ?? null,
        },
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
