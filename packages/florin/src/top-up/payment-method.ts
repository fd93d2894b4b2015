import { FlorinError } from '../kernel/index.ts';
import {
  idOf,
  isUnknownToStripe,
  type StripeClient,
  toStripeFlorinError,
} from '../stripe/index.ts';

export type PaymentMethod = { readonly id: string; readonly label: string };

/** What can be charged at once while its owner is away. */
const AT_ONCE = new Set(['card', 'link']);
const MOST = 20;

type Listed = Awaited<ReturnType<StripeClient['customers']['listPaymentMethods']>>['data'][number];

/** The customer's default card, or else the one saved last; undefined when there is none. */
export async function findPaymentMethod(
  stripe: StripeClient,
  customerId: string,
): Promise<PaymentMethod | undefined> {
  try {
    const customer = await stripe.customers.retrieve(customerId);
    const chosen = customer.deleted
      ? null
      : (customer.invoice_settings?.default_payment_method ?? null);
    const defaultId = idOf(chosen);
    const { data } = await stripe.customers.listPaymentMethods(customerId, { limit: MOST });
    const usable = data.filter(({ type }) => AT_ONCE.has(type));
    const method = usable.find(({ id }) => id === defaultId) ?? usable[0];
    return method === undefined ? undefined : described(method);
  } catch (error) {
    throw toStripeFlorinError(error);
  }
}

/** Whether the method that a top-up charges still belongs to its customer. */
export async function isStillSaved(
  stripe: StripeClient,
  { customerId, paymentMethodId }: { customerId: string; paymentMethodId: string },
): Promise<boolean> {
  const { customer } = await stripe.paymentMethods.retrieve(paymentMethodId);
  return idOf(customer) === customerId;
}

/** What a setup session has saved. Throws `not_found` for a session that is not this customer's. */
export async function paymentMethodOf(
  stripe: StripeClient,
  { customerId, setupSessionId }: { customerId: string; setupSessionId: string },
): Promise<PaymentMethod | undefined> {
  try {
    const session = await stripe.checkout.sessions.retrieve(setupSessionId, {
      expand: ['setup_intent.payment_method'],
    });
    if (idOf(session.customer) !== customerId || session.mode !== 'setup') {
      throw new FlorinError('not_found', 'That page did not save a card for this account.');
    }
    const intent = typeof session.setup_intent === 'string' ? null : session.setup_intent;
    const method = typeof intent?.payment_method === 'string' ? null : intent?.payment_method;
    return method === null || method === undefined ? undefined : described(method);
  } catch (error) {
    throw isUnknownToStripe(error)
      ? new FlorinError('not_found', 'That page did not save a card for this account.')
      : toStripeFlorinError(error);
  }
}

function described({ id, type, card }: Listed): PaymentMethod {
  return { id, label: card === undefined ? type : `${card.brand} •••• ${card.last4}` };
}
