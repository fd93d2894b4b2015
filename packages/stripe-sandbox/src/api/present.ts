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
  return { ...object };
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
    case 'checkout.session.line_items':
      return linesShown(world.store.get('session_plan', id)?.lines ?? [], {
        url: `/v1/checkout/sessions/${id}/line_items`,
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
      return currencyOptions(object as unknown as Price);
    default:
      return undefined;
  }
}

/** A price's own currency is among its options; the sandbox's prices have no other. */
function currencyOptions(price: Price): Record<string, object> {
  return {
    [price.currency]: {
      custom_unit_amount: null,
      tax_behavior: price.tax_behavior,
      unit_amount: price.unit_amount,
      unit_amount_decimal: price.unit_amount_decimal,
    },
  };
}

export function refundsOf(world: World, charge: Charge): WireList<Refund> {
  const refunds = world.store.where('refund', 'charge', charge.id).toReversed();
  return listOf(refunds, `/v1/charges/${charge.id}/refunds`);
}

function linesShown<T>(lines: readonly T[], page: { url: string }) {
  return {
    ...listOf(lines.slice(0, LINES_INSIDE), page.url),
    has_more: lines.length > LINES_INSIDE,
  };
}
