import { createHmac, randomUUID } from 'node:crypto';

export const PRICE = 'price_QUICK_SCAN';

/** What Stripe sends of one paid checkout, and the names in it. */
export type SignedPurchase = {
  readonly body: string;
  /** The header `Stripe-Signature`. */
  readonly signature: string;
  readonly eventId: string;
  readonly sessionId: string;
  readonly paymentId: string;
};

/** A checkout of a pack with its line in it, signed as Stripe does. */
export function newPurchase(
  account: string,
  { secret, customer }: { secret: string; customer: string | null },
): SignedPurchase {
  const mark = randomUUID().replaceAll('-', '');
  const eventId = `evt_${mark}`;
  const sessionId = `cs_${mark}`;
  const paymentId = `pi_${mark}`;
  const line = {
    id: `li_${mark}`,
    object: 'item',
    amount_subtotal: 500,
    amount_total: 500,
    amount_discount: 0,
    currency: 'usd',
    quantity: 1,
    description: 'Quick Scan',
    price: { id: PRICE, object: 'price', lookup_key: null, unit_amount: 500 },
  };
  const session = {
    id: sessionId,
    object: 'checkout.session',
    mode: 'payment',
    status: 'complete',
    payment_status: 'paid',
    amount_total: 500,
    currency: 'usd',
    customer,
    client_reference_id: account,
    metadata: {},
    payment_intent: paymentId,
    invoice: null,
    subscription: null,
    line_items: { object: 'list', data: [line], has_more: false },
  };
  const created = Math.floor(Date.now() / 1000);
  const body = JSON.stringify({
    id: eventId,
    object: 'event',
    api_version: '2026-10-28.endive',
    created,
    type: 'checkout.session.completed',
    livemode: false,
    pending_webhooks: 1,
    request: { id: null, idempotency_key: null },
    data: { object: session },
  });
  const v1 = createHmac('sha256', secret).update(`${created}.${body}`).digest('hex');
  return { body, signature: `t=${created},v1=${v1}`, eventId, sessionId, paymentId };
}
