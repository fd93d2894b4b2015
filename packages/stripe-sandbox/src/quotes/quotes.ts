import { invalid, missingParameter, noSuch } from '../api/errors.ts';
import type { Params } from '../api/params.ts';
import { COLLECTION_METHODS, type Collection, settleCollection } from '../billing/collection.ts';
import { readDiscounts } from '../billing/discounts.ts';
import { discountLines, readLines, totals } from '../checkout/lines.ts';
import { runningCurrency } from '../customers/currency.ts';
import { needCustomer } from '../customers/customers.ts';
import { emit } from '../events/emit.ts';
import type { Quote, SessionLine } from '../shapes.ts';
import { newId, nextNumber, type World } from '../world.ts';

const MONTH = 30 * 86_400;

/** Makes a draft of what is offered to a customer. */
export function createQuote(world: World, params: Params): Quote {
  const customer = needCustomer(world, params.need('customer'), 'customer');
  const currency = runningCurrency(world, customer.id);
  const lines = readLines(world, params, { currency });
  const [first] = lines;
  if (first === undefined) {
    throw missingParameter('line_items');
  }
  const collection = readCollection(params);
  const id = newId('qt');
  const redemptions = readDiscounts(world, params);
  const discounted = discountLines(world, lines, redemptions);
  world.store.put('quote_plan', { id, lines: discounted, redemptions });
  const sums = totals(discounted, { trial: false });
  const data = params.object('subscription_data');
  const quote = world.store.put('quote', {
    id,
    object: 'quote',
    amount_subtotal: sums.amount_subtotal,
    amount_total: sums.amount_total,
    application: null,
    application_fee_amount: null,
    application_fee_percent: null,
    automatic_tax: { enabled: false, liability: null, provider: null, status: null },
    collection_method: collection.method,
    computed: computedOf(discounted),
    created: world.now(),
    currency: first.currency,
    customer: customer.id,
    customer_account: null,
    default_tax_rates: [],
    description: params.text('description') ?? null,
    discounts: [],
    expires_at: params.integer('expires_at') ?? world.now() + MONTH,
    footer: params.text('footer') ?? null,
    from_quote: null,
    header: params.text('header') ?? null,
    invoice: null,
    invoice_settings: {
      custom_fields: null,
      days_until_due: collection.days,
      description: null,
      footer: null,
      issuer: { type: 'self' },
    },
    livemode: false,
    metadata: params.metadata(),
    number: null,
    on_behalf_of: null,
    status: 'draft',
    status_transitions: { accepted_at: null, canceled_at: null, finalized_at: null },
    subscription: null,
    subscription_data: {
      billing_mode: { flexible: { proration_discounts: 'included' }, type: 'flexible' },
      description: data?.text('description') ?? null,
      effective_date: null,
      metadata: data?.metadata() ?? {},
      trial_period_days: data?.integer('trial_period_days') ?? null,
    },
    subscription_schedule: null,
    test_clock: customer.test_clock ?? null,
    total_details: sums.total_details,
    transfer_data: null,
  });
  emit(world, 'quote.created', quote);
  return quote;
}

/** `collection_method` and `invoice_settings[days_until_due]`. */
export function readCollection(params: Params, before?: Collection): Collection {
  return settleCollection(
    {
      method: params.oneOf('collection_method', COLLECTION_METHODS),
      days: params.object('invoice_settings')?.integer('days_until_due'),
      param: 'invoice_settings[days_until_due]',
    },
    before,
  );
}

/** What is due at once, and what each period. */
function computedOf(lines: readonly SessionLine[]): Quote['computed'] {
  const recurring = lines.filter((line) => line.price.recurring !== null);
  const every = recurring[0]?.price.recurring;
  const upfront = totals(lines, { trial: false });
  return {
    recurring:
      every == null
        ? null
        : {
            ...totals(recurring, { trial: false }),
            interval: every.interval,
            interval_count: every.interval_count,
          },
    upfront,
  };
}

export function needQuote(world: World, id: string): Quote {
  const quote = world.store.get('quote', id);
  if (quote === undefined) {
    throw noSuch('quote', id);
  }
  return quote;
}

export function mustBe(quote: Quote, statuses: readonly string[], verb: string): Quote {
  if (!statuses.includes(quote.status)) {
    throw invalid(`You cannot ${verb} a quote with a status of ${quote.status}.`, {
      code: 'quote_unexpected_state',
    });
  }
  return quote;
}

/** Stores changes of a quote, and announces them. */
export function changeQuote(
  world: World,
  before: Quote,
  changes: Partial<Quote>,
  event?: string,
): Quote {
  const quote = world.store.put('quote', { ...before, ...changes });
  if (event !== undefined) {
    emit(world, event, quote, before);
  }
  return quote;
}

/** The offer stands: it is numbered, and can be accepted until it expires. */
export function finalizeQuote(world: World, draft: Quote, params: Params): Quote {
  mustBe(draft, ['draft'], 'finalize');
  const number = String(nextNumber(world, `quote:${draft.customer ?? ''}`)).padStart(4, '0');
  return changeQuote(
    world,
    draft,
    {
      status: 'open',
      number: `QT-${draft.id.slice(-6).toUpperCase()}-${number}`,
      expires_at: params.integer('expires_at') ?? draft.expires_at,
      status_transitions: { ...draft.status_transitions, finalized_at: world.now() },
    },
    'quote.finalized',
  );
}

export function cancelQuote(world: World, quote: Quote): Quote {
  mustBe(quote, ['draft', 'open'], 'cancel');
  return changeQuote(
    world,
    quote,
    {
      status: 'canceled',
      status_transitions: { ...quote.status_transitions, canceled_at: world.now() },
    },
    'quote.canceled',
  );
}
