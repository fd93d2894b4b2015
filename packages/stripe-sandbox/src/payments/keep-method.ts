import { attachPaymentMethod } from '../customers/payment-methods.ts';
import type { PaymentIntent } from '../shapes.ts';
import type { World } from '../world.ts';

/** `setup_future_usage`: what paid is the customer's from now on. */
export function keepMethod(world: World, intent: PaymentIntent): void {
  const method = world.store.get('payment_method', intent.payment_method ?? '');
  if (intent.setup_future_usage !== null && intent.customer !== null && method?.customer === null) {
    attachPaymentMethod(world, method.id, intent.customer);
  }
}
