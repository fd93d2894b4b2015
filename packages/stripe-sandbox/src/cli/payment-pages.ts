import { invalid } from '../api/errors.ts';
import type { Route } from '../api/route.ts';
import { needSession } from '../checkout/sessions.ts';
import { submitSession } from '../checkout/submit.ts';
import { declined } from '../payments/intent-routes.ts';
import type { CheckoutSession } from '../shapes.ts';

/** What the hosted page's own script calls at Stripe, and `stripe trigger` too. Not documented there. */
function pageOf(session: CheckoutSession): object {
  return {
    id: `ppage_${session.id.slice(8)}`,
    object: 'checkout.session',
    session_id: session.id,
    mode: session.mode,
    status: session.status,
    payment_status: session.payment_status,
    currency: session.currency,
    livemode: false,
    total_summary: { due: session.amount_total, total: session.amount_total },
    invoice: null,
  };
}

export const paymentPageRoutes: readonly Route[] = [
  ['get', '/v1/payment_pages/:id', ({ world, path }) => pageOf(needSession(world, path('id')))],
  [
    'post',
    '/v1/payment_pages/:id/confirm',
    ({ world, path, params }) => {
      const session = needSession(world, path('id'));
      const expected = params.integer('expected_amount');
      if (expected !== undefined && expected !== session.amount_total) {
        throw invalid('The amount has changed.', { param: 'expected_amount' });
      }
      const submitted = submitSession(world, session.id, {
        method: params.text('payment_method'),
      });
      if (submitted.outcome === 'declined' && submitted.intent !== null) {
        throw declined(submitted.intent);
      }
      return pageOf(needSession(world, session.id));
    },
  ],
];
