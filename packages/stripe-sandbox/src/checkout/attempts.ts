import { voidInvoice } from '../billing/close-invoice.ts';
import { expireIncomplete } from '../billing/end-subscription.ts';
import { cancelIntent } from '../payments/intents.ts';
import type { CheckoutSession, PaymentIntent } from '../shapes.ts';
import type { SessionPlan } from '../store/records.ts';
import type { World } from '../world.ts';
import { sessionPlan } from './sessions.ts';

/** What the buyer fills in before they press Pay. */
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

/** Keeps what a try to pay has made; the next try goes on with it. */
export function remember(world: World, id: string, made: SessionPlan['attempted']): void {
  const plan = sessionPlan(world, id);
  world.store.put('session_plan', { ...plan, attempted: { ...plan.attempted, ...made } });
}

/**
 * A declined try left a payment, an invoice or a subscription, and the order is another since: the
 * payment asks what the order comes to now, the others make way for those of the next try.
 */
export function reviseAttempt(world: World, before: CheckoutSession): CheckoutSession {
  const plan = sessionPlan(world, before.id);
  const { subscription: id, paymentIntent, ...kept } = plan.attempted;
  const subscription = world.store.get('subscription', id ?? '');
  if (subscription?.status === 'incomplete') {
    expireIncomplete(world, subscription);
  }
  const invoice = world.store.get('invoice', before.invoice ?? '');
  if (invoice?.status === 'open') {
    voidInvoice(world, invoice);
  }
  const intent = world.store.get('payment_intent', paymentIntent ?? '');
  const amount = before.amount_total ?? 0;
  if (intent !== undefined && amount > 0) {
    world.store.put('payment_intent', { ...intent, amount });
  } else if (intent !== undefined) {
    cancelIntent(world, intent, null);
  }
  const goesOn = intent !== undefined && amount > 0 ? { paymentIntent: intent.id } : {};
  world.store.put('session_plan', { ...plan, attempted: { ...kept, ...goesOn } });
  return world.store.put('checkout_session', {
    ...before,
    invoice: null,
    subscription: null,
    payment_intent: goesOn.paymentIntent ?? null,
  });
}
