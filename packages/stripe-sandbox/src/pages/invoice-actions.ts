import { needInvoice } from '../billing/invoices.ts';
import { payInvoice } from '../billing/pay-invoice.ts';
import { addPaymentMethod } from '../customers/payment-methods.ts';
import { behaviourOfCard } from '../payments/behaviours.ts';
import { inTimeOf, type World } from '../world.ts';
import type { Step } from './checkout-actions.ts';

/** The customer pays an open invoice on its page; one that is paid or void is only shown. */
export function pressPayInvoice(
  world: World,
  id: string,
  fields: Readonly<Record<string, string>>,
): Step {
  const invoice = needInvoice(world, id);
  const behaviour = behaviourOfCard(fields['card'] ?? '');
  if (behaviour === undefined) {
    return { error: 'This is no test card. Take one of those listed below the card number.' };
  }
  if (invoice.status !== 'open') {
    return { to: `${world.baseUrl()}/invoices/${id}` };
  }
  const intent = world.store.commit(() =>
    inTimeOf(world, invoice.customer, () =>
      payInvoice(world, invoice, { method: addPaymentMethod(world, behaviour).id }),
    ),
  );
  if (intent.status === 'requires_action') {
    return { to: `${world.baseUrl()}/authenticate/${intent.id}` };
  }
  return intent.last_payment_error === null
    ? { to: `${world.baseUrl()}/invoices/${id}` }
    : {
        error: `${intent.last_payment_error['message']} Try another card; nothing was charged.`,
      };
}
