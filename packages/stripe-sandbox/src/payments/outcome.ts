import {
  invoicePaid,
  invoicePaymentFailed,
  invoicePaymentPending,
} from '../billing/pay-invoice.ts';
import { sessionPaid, sessionPaymentFailed, sessionPaymentPending } from '../checkout/complete.ts';
import type { PaymentIntent } from '../shapes.ts';
import type { World } from '../world.ts';

/** What a payment was for hears what became of it: its invoice first, then its checkout session. */
export function paymentSucceeded(world: World, intent: PaymentIntent): void {
  const plan = world.store.get('intent_plan', intent.id);
  if (plan?.invoice != null) {
    invoicePaid(world, plan.invoice, intent);
  }
  if (plan?.session != null) {
    sessionPaid(world, plan.session, intent);
  }
}

export function paymentIsPending(world: World, intent: PaymentIntent): void {
  const plan = world.store.get('intent_plan', intent.id);
  if (plan?.invoice != null) {
    invoicePaymentPending(world, plan.invoice, intent);
  }
  if (plan?.session != null) {
    sessionPaymentPending(world, plan.session, intent);
  }
}

export function paymentFailed(world: World, intent: PaymentIntent): void {
  const plan = world.store.get('intent_plan', intent.id);
  if (plan?.invoice != null) {
    invoicePaymentFailed(world, plan.invoice, intent);
  }
  if (plan?.session != null) {
    sessionPaymentFailed(world, plan.session);
  }
}
