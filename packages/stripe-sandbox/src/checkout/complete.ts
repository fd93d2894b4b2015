import { invalid } from '../api/errors.ts';
import { changeCustomer, needCustomer } from '../customers/customers.ts';
import { attachPaymentMethod, needPaymentMethod } from '../customers/payment-methods.ts';
import { emit } from '../events/emit.ts';
import type { CheckoutSession, PaymentIntent } from '../shapes.ts';
import type { Payee, World } from '../world.ts';
import type { Submission, Submitted } from './attempts.ts';
import { needSession, redeemForGood } from './sessions.ts';

/** The card or debit that the buyer pays by; `keep` attaches it to the session's customer. */
export function methodOf(
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

/** What the buyer is shown of a payment. */
export function told(world: World, id: string, intent: PaymentIntent): Submitted {
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

/** The order is placed; its money may still be on its way. */
export function complete(
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
