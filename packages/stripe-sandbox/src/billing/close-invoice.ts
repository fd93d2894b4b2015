import { emit } from '../events/emit.ts';
import { cancelIntent, planOf } from '../payments/intents.ts';
import type { Invoice } from '../shapes.ts';
import type { World } from '../world.ts';

export function voidInvoice(world: World, before: Invoice): Invoice {
  closePayments(world, before);
  const invoice = world.store.put('invoice', {
    ...before,
    status: 'void',
    auto_advance: false,
    next_payment_attempt: null,
    status_transitions: { ...before.status_transitions, voided_at: world.now() },
  });
  emit(world, 'invoice.voided', invoice, before);
  return invoice;
}

export function markUncollectible(world: World, before: Invoice): Invoice {
  const invoice = world.store.put('invoice', {
    ...before,
    status: 'uncollectible',
    auto_advance: false,
    next_payment_attempt: null,
    status_transitions: { ...before.status_transitions, marked_uncollectible_at: world.now() },
  });
  emit(world, 'invoice.marked_uncollectible', invoice, before);
  return invoice;
}

function closePayments(world: World, invoice: Invoice): void {
  for (const payment of world.store.where('invoice_payment', 'invoice', invoice.id)) {
    const intent = world.store.get('payment_intent', payment.payment.payment_intent ?? '');
    if (payment.status === 'open' && intent !== undefined) {
      world.store.put('invoice_payment', {
        ...payment,
        status: 'canceled',
        status_transitions: { ...payment.status_transitions, canceled_at: world.now() },
      });
      world.store.put('intent_plan', { ...planOf(world, intent.id), settlesAt: null });
      cancelIntent(world, intent, 'void_invoice');
    }
  }
}
