import { invalid } from '../api/errors.ts';
import { addCustomer, needCustomer } from '../customers/customers.ts';
import type { CheckoutSession } from '../shapes.ts';
import { inTimeOf, type World } from '../world.ts';
import { remember, type Submission, type Submitted } from './attempts.ts';
import { refuseUnsaid } from './custom-amount.ts';
import { submitPayment } from './pay-order.ts';
import { needSession, sessionPlan } from './sessions.ts';
import { submitSubscription } from './subscribe.ts';

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
