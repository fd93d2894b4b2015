import { filtered, page } from '../api/page.ts';
import type { Params } from '../api/params.ts';
import type { Route } from '../api/route.ts';
import { discountLines, readLines, totals } from '../checkout/lines.ts';
import type { Quote } from '../shapes.ts';
import { inTimeOf, type World } from '../world.ts';
import { acceptQuote } from './accept-quote.ts';
import {
  cancelQuote,
  changeQuote,
  createQuote,
  finalizeQuote,
  mustBe,
  needQuote,
  readCollection,
} from './quotes.ts';

const PATH = '/v1/quotes';

function updateQuote(world: World, before: Quote, params: Params): Quote {
  mustBe(before, ['draft'], 'update');
  const plan = world.store.get('quote_plan', before.id);
  const again = params.has('line_items') && plan !== undefined;
  const lines = again
    ? discountLines(
        world,
        readLines(world, params, { currency: before.currency ?? undefined }),
        plan.redemptions,
      )
    : (plan?.lines ?? []);
  if (again) {
    world.store.put('quote_plan', { ...plan, lines });
  }
  const sums = totals(lines, { trial: false });
  const { method, days } = readCollection(params, {
    method: before.collection_method,
    days: before.invoice_settings.days_until_due,
  });
  return changeQuote(world, before, {
    collection_method: method,
    invoice_settings: { ...before.invoice_settings, days_until_due: days },
    amount_subtotal: sums.amount_subtotal,
    amount_total: sums.amount_total,
    description: params.text('description') ?? before.description,
    expires_at: params.integer('expires_at') ?? before.expires_at,
    metadata: params.metadata(before.metadata),
  });
}

/** Runs in the customer's time. */
function onQuote(work: (world: World, quote: Quote, params: Params) => object): Route[2] {
  return ({ world, path, params }) => {
    const quote = needQuote(world, path('id'));
    return inTimeOf(world, quote.customer, () => work(world, quote, params));
  };
}

export const quoteRoutes: readonly Route[] = [
  [
    'post',
    PATH,
    ({ world, params }) =>
      inTimeOf(world, params.text('customer'), () => createQuote(world, params)),
  ],
  [
    'get',
    PATH,
    ({ world, params }) =>
      page(
        filtered(world.store.all('quote').reverse(), params, ['customer', 'status', 'test_clock']),
        params,
        PATH,
      ),
  ],
  ['get', `${PATH}/:id`, ({ world, path }) => needQuote(world, path('id'))],
  ['post', `${PATH}/:id`, onQuote(updateQuote)],
  ['post', `${PATH}/:id/finalize`, onQuote(finalizeQuote)],
  ['post', `${PATH}/:id/accept`, onQuote(acceptQuote)],
  ['post', `${PATH}/:id/cancel`, onQuote(cancelQuote)],
  [
    'get',
    `${PATH}/:id/line_items`,
    ({ world, path, params }) => {
      const { id } = needQuote(world, path('id'));
      const lines = world.store.get('quote_plan', id)?.lines ?? [];
      return page(lines, params, `${PATH}/${id}/line_items`);
    },
  ],
];
