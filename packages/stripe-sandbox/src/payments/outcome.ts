import type { PaymentIntent } from '../shapes.ts';
import type { Payee, World } from '../world.ts';

/** What a payment was for hears what became of it: its invoice first, then its checkout session. */
export function announceOutcome(world: World, outcome: keyof Payee, intent: PaymentIntent): void {
  const { invoice, session } = world.store.get('intent_plan', intent.id) ?? {};
  if (invoice != null) {
    world.payees.invoice[outcome](world, invoice, intent);
  }
  if (session != null) {
    world.payees.session[outcome](world, session, intent);
  }
}
