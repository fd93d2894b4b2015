import { invalid } from '../api/errors.ts';
import { addDiscount } from '../billing/discounts.ts';
import { addInvoice } from '../billing/invoices.ts';
import { addSubscription } from '../billing/subscriptions.ts';
import type { Quote, SessionLine } from '../shapes.ts';
import type { World } from '../world.ts';
import { changeQuote, mustBe } from './quotes.ts';

const DAY = 86_400;

/** The customer agrees: a subscription begins, or a draft invoice is made of what is paid once. */
export function acceptQuote(world: World, quote: Quote): Quote {
  mustBe(quote, ['open'], 'accept');
  if (quote.expires_at <= world.now()) {
    throw invalid('This quote has expired.', { code: 'quote_unexpected_state' });
  }
  const plan = world.store.get('quote_plan', quote.id);
  const lines = plan?.lines ?? [];
  const recurring = lines.filter((line) => line.price.recurring !== null);
  const made =
    recurring.length > 0
      ? subscribe(world, quote, { recurring, lines })
      : { invoice: invoiceOnce(world, quote, lines) };
  return changeQuote(
    world,
    quote,
    {
      ...made,
      status: 'accepted',
      status_transitions: { ...quote.status_transitions, accepted_at: world.now() },
    },
    'quote.accepted',
  );
}

function subscribe(
  world: World,
  quote: Quote,
  of: { recurring: readonly SessionLine[]; lines: readonly SessionLine[] },
): { subscription: string; invoice: string | null } {
  const { trial_period_days: days, metadata, description } = quote.subscription_data;
  const items = (lines: readonly SessionLine[]) =>
    lines.map((line) => ({ price: line.price, quantity: line.quantity ?? 1 }));
  const subscription = addSubscription(world, {
    customer: quote.customer ?? '',
    currency: quote.currency ?? undefined,
    items: items(of.recurring),
    once: items(of.lines.filter((line) => line.price.recurring === null)),
    metadata: metadata ?? {},
    description,
    trialEnd: days === null ? null : world.now() + days * DAY,
    collectionMethod: quote.collection_method,
    daysUntilDue: quote.invoice_settings.days_until_due,
    discounts: world.store.get('quote_plan', quote.id)?.redemptions ?? [],
    firstPayment: 'draft',
  });
  return { subscription: subscription.id, invoice: subscription.latest_invoice };
}

function invoiceOnce(world: World, quote: Quote, lines: readonly SessionLine[]): string {
  const redemptions = world.store.get('quote_plan', quote.id)?.redemptions ?? [];
  const period = { start: world.now(), end: world.now() };
  return addInvoice(world, {
    customer: quote.customer ?? '',
    currency: quote.currency ?? world.settings.currency,
    reason: 'quote_accept',
    quote: quote.id,
    collectionMethod: quote.collection_method,
    daysUntilDue: quote.invoice_settings.days_until_due,
    discounts: redemptions.map(
      (one) => addDiscount(world, { ...one, customer: quote.customer }).id,
    ),
    finalizesAt: world.now() + world.settings.draftSeconds,
    lines: lines.map((line) => ({
      price: line.price,
      quantity: line.quantity ?? 1,
      amount: line.amount_subtotal,
      currency: line.currency,
      description: line.description ?? line.price.id,
      period,
      subscription: null,
      subscriptionItem: null,
      invoiceItem: null,
      proration: false,
    })),
  }).id;
}
