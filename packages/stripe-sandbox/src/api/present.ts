import type { Charge, Invoice, Price, Refund, WireList } from '../shapes.ts';
import { listOf } from '../shapes.ts';
import type { World } from '../world.ts';

export type Shown = Record<string, unknown>;

/** Lines shown inside an invoice; the rest is listed under `/lines`. */
const LINES_INSIDE = 10;

/** An object as Stripe shows it: what is stored, with the lists that belong inside. */
export function present(world: World, object: object): Shown {
  const kind = (object as { object?: string }).object;
  if (kind === 'invoice' && !('deleted' in object)) {
    return presentInvoice(world, object as Invoice);
  }
  if (kind === 'event') {
    const deliveries = world.store.where('delivery', 'event', (object as { id: string }).id);
    const pending = deliveries.filter((delivery) => delivery.status === 'pending').length;
    return { ...object, pending_webhooks: pending };
  }
  return withoutHidden({ ...object });
}

/** Tiers and other currencies of a price or coupon are shown only where they are asked for. */
function withoutHidden(shown: Shown): Shown {
  switch (shown['object']) {
    case 'price':
    case 'coupon':
      return bare(shown) ?? shown;
    case 'subscription_item':
    case 'item':
      return 'deleted' in shown ? shown : { ...shown, price: bare(shown['price'] as Shown) };
    case 'subscription': {
      const items = shown['items'] as { data: Shown[] };
      return { ...shown, items: { ...items, data: items.data.map(withoutHidden) } };
    }
    default:
      return shown;
  }
}

function bare(price: Shown | undefined): Shown | undefined {
  if (price === undefined) {
    return undefined;
  }
  if (price['tiers'] === undefined && price['currency_options'] === undefined) {
    return price;
  }
  const { tiers: _tiers, currency_options: _options, ...rest } = price;
  return rest;
}

function presentInvoice(world: World, invoice: Invoice): Shown {
  if ('lines' in invoice) {
    // A preview: it is kept nowhere, and brings its lines.
    return { ...invoice };
  }
  const lines = world.store.get('invoice_lines', invoice.id)?.lines ?? [];
  return {
    ...invoice,
    lines: {
      ...listOf(lines.slice(0, LINES_INSIDE), `/v1/invoices/${invoice.id}/lines`),
      has_more: lines.length > LINES_INSIDE,
      total_count: lines.length,
    },
  };
}

/** Lists that appear only when they are asked for with `expand`. */
export function includable(world: World, object: Shown, field: string): unknown {
  const id = String(object['id']);
  switch (`${object['object']}.${field}`) {
    case 'charge.refunds':
      return refundsOf(world, object as unknown as Charge);
    case 'invoice.payments':
      return listOf(world.store.where('invoice_payment', 'invoice', id), '/v1/invoice_payments');
    case 'invoice.confirmation_secret':
      return confirmationSecret(world, id);
    case 'checkout.session.line_items':
      return linesShown(world.store.get('session_plan', id)?.lines ?? [], {
        url: `/v1/checkout/sessions/${id}/line_items`,
      });
    case 'quote.line_items':
      return linesShown(world.store.get('quote_plan', id)?.lines ?? [], {
        url: `/v1/quotes/${id}/line_items`,
      });
    case 'payment_link.line_items':
      return linesShown(world.store.get('link_plan', id)?.lines ?? [], {
        url: `/v1/payment_links/${id}/line_items`,
      });
    case 'customer.subscriptions':
      return listOf(
        world.store.where('subscription', 'customer', id).filter((one) => one.ended_at === null),
        `/v1/customers/${id}/subscriptions`,
      );
    case 'price.currency_options':
      return currencyOptions(world.store.get('price', id) ?? (object as unknown as Price));
    case 'coupon.currency_options': {
      const coupon = world.store.get('coupon', id);
      const own =
        coupon?.currency == null ? {} : { [coupon.currency]: { amount_off: coupon.amount_off } };
      return { ...own, ...coupon?.currency_options };
    }
    case 'price.tiers':
      return world.store.get('price', id)?.tiers;
    default:
      return undefined;
  }
}

/** A price's own currency is among its options. */
function currencyOptions(price: Price): Record<string, object> {
  return {
    [price.currency]: {
      custom_unit_amount: price.custom_unit_amount,
      tax_behavior: price.tax_behavior,
      ...(price.tiers === undefined ? {} : { tiers: price.tiers }),
      unit_amount: price.unit_amount,
      unit_amount_decimal: price.unit_amount_decimal,
    },
    ...price.currency_options,
  };
}

export function refundsOf(world: World, charge: Charge): WireList<Refund> {
  const refunds = world.store.where('refund', 'charge', charge.id).toReversed();
  return listOf(refunds, `/v1/charges/${charge.id}/refunds`);
}

/** What a browser confirms the payment of an open invoice with. */
function confirmationSecret(world: World, invoice: string): object | null {
  const payment = world.store
    .where('invoice_payment', 'invoice', invoice)
    .find((one) => one.status === 'open');
  const intent = world.store.get('payment_intent', payment?.payment.payment_intent ?? '');
  return intent?.client_secret == null
    ? null
    : { client_secret: intent.client_secret, type: 'payment_intent' };
}

function linesShown<T>(lines: readonly T[], page: { url: string }) {
  return {
    ...listOf(lines.slice(0, LINES_INSIDE), page.url),
    has_more: lines.length > LINES_INSIDE,
  };
}
