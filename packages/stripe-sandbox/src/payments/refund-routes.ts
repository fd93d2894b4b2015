import { invalid } from '../api/errors.ts';
import { filtered, momentFilter, page } from '../api/page.ts';
import type { Params } from '../api/params.ts';
import type { Route } from '../api/route.ts';
import { emit } from '../events/emit.ts';
import type { Refund } from '../shapes.ts';
import type { World } from '../world.ts';
import { needCharge } from './charges.ts';
import { needIntent } from './intent-routes.ts';
import { finishRefund, needRefund, refundCharge } from './refunds.ts';

function createRefund(world: World, params: Params): Refund {
  const intent = params.text('payment_intent');
  const named = params.text('charge');
  if (intent === undefined && named === undefined) {
    throw invalid(
      'One of the following params should be provided for this request: payment_intent or charge.',
      { param: 'payment_intent', code: 'parameter_missing' },
    );
  }
  const charge =
    intent === undefined ? named : needIntent(world, intent, 'payment_intent').latest_charge;
  if (charge == null) {
    throw invalid(`This PaymentIntent (${intent}) does not have a successful charge to refund.`, {
      param: 'payment_intent',
    });
  }
  return refundCharge(world, {
    charge,
    amount: params.integer('amount'),
    reason: params.oneOf('reason', ['duplicate', 'fraudulent', 'requested_by_customer']),
    metadata: params.metadata(),
  });
}

export const refundRoutes: readonly Route[] = [
  ['post', '/v1/refunds', ({ world, params }) => createRefund(world, params)],
  [
    'get',
    '/v1/refunds',
    ({ world, params }) => {
      const created = momentFilter(params, 'created');
      const all = world.store
        .all('refund')
        .filter((one) => created(one.created))
        .reverse();
      return page(filtered(all, params, ['charge', 'payment_intent']), params, '/v1/refunds');
    },
  ],
  ['get', '/v1/refunds/:id', ({ world, path }) => needRefund(world, path('id'))],
  [
    'post',
    '/v1/refunds/:id',
    ({ world, path, params }) => {
      const before = needRefund(world, path('id'));
      const refund = world.store.put('refund', {
        ...before,
        metadata: params.metadata(before.metadata ?? {}),
      });
      emit(world, 'refund.updated', refund, before);
      emit(world, 'charge.refund.updated', refund, before);
      return refund;
    },
  ],
  [
    'post',
    '/v1/refunds/:id/cancel',
    ({ world, path }) => {
      const refund = needRefund(world, path('id'));
      if (refund.status !== 'pending' && refund.status !== 'requires_action') {
        throw invalid(`You cannot cancel a refund with the status ${refund.status}.`);
      }
      return finishRefund(world, refund, { as: 'canceled' });
    },
  ],
  [
    'get',
    '/v1/charges/:id/refunds',
    ({ world, path, params }) => {
      const charge = needCharge(world, path('id'));
      const all = world.store.where('refund', 'charge', charge.id).toReversed();
      return page(all, params, `/v1/charges/${charge.id}/refunds`);
    },
  ],
  [
    'post',
    '/v1/test_helpers/refunds/:id/expire',
    ({ world, path }) =>
      finishRefund(world, needRefund(world, path('id')), {
        as: 'failed',
        reason: 'expired_or_canceled_card',
      }),
  ],
];
