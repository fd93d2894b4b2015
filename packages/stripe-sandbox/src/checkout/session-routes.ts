import { filtered, momentFilter, page } from '../api/page.ts';
import type { Params } from '../api/params.ts';
import type { Route } from '../api/route.ts';
import type { CheckoutSession } from '../shapes.ts';
import { inTimeOf, type World } from '../world.ts';
import { createSession } from './create-session.ts';
import { expireSession, needSession, sessionPlan } from './sessions.ts';

function list(world: World, params: Params): CheckoutSession[] {
  const created = momentFilter(params, 'created');
  const email = params.object('customer_details')?.text('email');
  const all = world.store
    .all('checkout_session')
    .filter(
      (one) =>
        created(one.created) && (email === undefined || one.customer_details?.email === email),
    );
  return filtered(all.reverse(), params, [
    'customer',
    'payment_intent',
    'payment_link',
    'status',
    'subscription',
  ]);
}

export const sessionRoutes: readonly Route[] = [
  [
    'post',
    '/v1/checkout/sessions',
    ({ world, params }) =>
      inTimeOf(world, params.text('customer'), () => createSession(world, params)),
  ],
  [
    'get',
    '/v1/checkout/sessions',
    ({ world, params }) => page(list(world, params), params, '/v1/checkout/sessions'),
  ],
  ['get', '/v1/checkout/sessions/:id', ({ world, path }) => needSession(world, path('id'))],
  [
    'post',
    '/v1/checkout/sessions/:id',
    ({ world, path, params }) => {
      const before = needSession(world, path('id'));
      return world.store.put('checkout_session', {
        ...before,
        metadata: params.metadata(before.metadata ?? {}),
      });
    },
  ],
  [
    'post',
    '/v1/checkout/sessions/:id/expire',
    ({ world, path }) => {
      const session = needSession(world, path('id'));
      return inTimeOf(world, session.customer, () => expireSession(world, session));
    },
  ],
  [
    'get',
    '/v1/checkout/sessions/:id/line_items',
    ({ world, path, params }) => {
      const { id } = needSession(world, path('id'));
      return page(sessionPlan(world, id).lines, params, `/v1/checkout/sessions/${id}/line_items`);
    },
  ],
];
