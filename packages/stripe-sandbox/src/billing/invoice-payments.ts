import { noSuch } from '../api/errors.ts';
import { filtered, page } from '../api/page.ts';
import type { Route } from '../api/route.ts';
import { emit } from '../events/emit.ts';
import type { Invoice, InvoicePayment, PaymentIntent } from '../shapes.ts';
import { newId, type World } from '../world.ts';

/** Since 2025-03-31 the link between an invoice and what paid it is an object of its own. */
export function addInvoicePayment(world: World, invoice: Invoice, intent: string): InvoicePayment {
  return world.store.put('invoice_payment', {
    id: newId('inpay'),
    object: 'invoice_payment',
    amount_paid: null,
    amount_requested: invoice.amount_due,
    created: world.now(),
    currency: invoice.currency,
    invoice: invoice.id,
    is_default: true,
    livemode: false,
    payment: { type: 'payment_intent', payment_intent: intent },
    status: 'open',
    status_transitions: { canceled_at: null, paid_at: null },
  });
}

export function invoicePaymentOf(world: World, intent: string): InvoicePayment | undefined {
  const invoice = world.store.get('intent_plan', intent)?.invoice;
  return invoice == null
    ? undefined
    : world.store
        .where('invoice_payment', 'invoice', invoice)
        .find((one) => one.payment.payment_intent === intent);
}

/** Marks it paid; the event is sent by the caller, after the invoice's own. */
export function payInvoicePayment(
  world: World,
  invoice: Invoice,
  intent: PaymentIntent,
): InvoicePayment {
  const before = invoicePaymentOf(world, intent.id) ?? addInvoicePayment(world, invoice, intent.id);
  return world.store.put('invoice_payment', {
    ...before,
    amount_paid: intent.amount_received,
    status: 'paid',
    status_transitions: { ...before.status_transitions, paid_at: world.now() },
  });
}

export function announceInvoicePayment(world: World, payment: InvoicePayment): void {
  emit(world, 'invoice_payment.paid', payment);
}

export const invoicePaymentRoutes: readonly Route[] = [
  [
    'get',
    '/v1/invoice_payments',
    ({ world, params }) => {
      const payment = params.object('payment');
      const intent = payment?.text('payment_intent');
      const all = world.store
        .all('invoice_payment')
        .filter((one) => intent === undefined || one.payment.payment_intent === intent)
        .reverse();
      return page(filtered(all, params, ['invoice', 'status']), params, '/v1/invoice_payments');
    },
  ],
  [
    'get',
    '/v1/invoice_payments/:id',
    ({ world, path }) => {
      const payment = world.store.get('invoice_payment', path('id'));
      if (payment === undefined) {
        throw noSuch('invoice_payment', path('id'));
      }
      return payment;
    },
  ],
];
