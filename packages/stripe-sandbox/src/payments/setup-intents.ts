import { ApiError, invalid, noSuch, type StripeErrorBody } from '../api/errors.ts';
import { filtered, page } from '../api/page.ts';
import type { Params } from '../api/params.ts';
import type { Route } from '../api/route.ts';
import { needCustomer } from '../customers/customers.ts';
import {
  attachPaymentMethod,
  behaviourOf,
  createPaymentMethod,
  needPaymentMethod,
  refuseForeignMethod,
} from '../customers/payment-methods.ts';
import { emit } from '../events/emit.ts';
import type { SetupIntent } from '../shapes.ts';
import { newId, type World } from '../world.ts';
import { declineError } from './charges.ts';

export type NewSetup = {
  customer: string | null;
  metadata?: Record<string, string>;
  description?: string | null;
  usage?: string;
  methodTypes?: string[];
};

/** Keeps a payment method for later, without a payment. */
export function addSetupIntent(world: World, input: NewSetup): SetupIntent {
  const id = newId('seti');
  const intent = world.store.put('setup_intent', {
    id,
    object: 'setup_intent',
    allowed_payment_method_types: null,
    application: null,
    automatic_payment_methods: null,
    cancellation_reason: null,
    client_secret: `${id}_secret_${newId('s').slice(2)}`,
    created: world.now(),
    customer: input.customer,
    customer_account: null,
    description: input.description ?? null,
    excluded_payment_method_types: null,
    flow_directions: null,
    last_setup_error: null,
    latest_attempt: null,
    livemode: false,
    managed_payments: null,
    mandate: null,
    metadata: input.metadata ?? {},
    next_action: null,
    on_behalf_of: null,
    payment_method: null,
    payment_method_configuration_details: null,
    payment_method_options: {},
    payment_method_types: input.methodTypes ?? ['card'],
    single_use_mandate: null,
    status: 'requires_payment_method',
    usage: input.usage ?? 'off_session',
  });
  emit(world, 'setup_intent.created', intent);
  return intent;
}

/** Attaches the method to the customer; a card that declines when it is set up is refused. */
export function confirmSetup(
  world: World,
  before: SetupIntent,
  given: { method: string; authenticated?: boolean },
): SetupIntent {
  const method = needPaymentMethod(world, given.method);
  const behaviour = behaviourOf(world, method.id);
  // `chargeCustomerFail` attaches and is declined only when it is charged.
  if (behaviour.declines !== undefined && behaviour.last4 !== '0341') {
    const failed = world.store.put('setup_intent', {
      ...before,
      status: 'requires_payment_method',
      last_setup_error: declineError(behaviour.declines),
    });
    emit(world, 'setup_intent.setup_failed', failed);
    return failed;
  }
  const asks = behaviour.authentication !== undefined && given.authenticated !== true;
  if (!asks && before.customer !== null) {
    attachPaymentMethod(world, method.id, before.customer);
  }
  const after = world.store.put('setup_intent', {
    ...before,
    payment_method: method.id,
    last_setup_error: null,
    status: asks ? 'requires_action' : 'succeeded',
    next_action: asks ? { type: 'use_stripe_sdk', use_stripe_sdk: {} } : null,
  });
  emit(world, asks ? 'setup_intent.requires_action' : 'setup_intent.succeeded', after);
  return after;
}

function needSetup(world: World, id: string): SetupIntent {
  const intent = world.store.get('setup_intent', id);
  if (intent === undefined) {
    throw noSuch('setupintent', id);
  }
  return intent;
}

function create(world: World, params: Params): SetupIntent {
  const customer = params.text('customer') ?? null;
  if (customer !== null) {
    needCustomer(world, customer, 'customer');
  }
  const types = params.texts('payment_method_types');
  const intent = addSetupIntent(world, {
    customer,
    metadata: params.metadata(),
    description: params.text('description') ?? null,
    usage: params.text('usage') ?? 'off_session',
    ...(types.length > 0 ? { methodTypes: types } : {}),
  });
  return params.flag('confirm') ? confirm(world, intent, params) : intent;
}

function confirm(world: World, intent: SetupIntent, params: Params): SetupIntent {
  if (intent.status === 'succeeded' || intent.status === 'canceled') {
    throw invalid(
      `You cannot confirm this SetupIntent because it has a status of ${intent.status}.`,
      { code: 'setup_intent_unexpected_state' },
    );
  }
  const data = params.object('payment_method_data');
  const method =
    params.text('payment_method') ??
    (data === undefined ? intent.payment_method : createPaymentMethod(world, data).id) ??
    params.need('payment_method');
  refuseForeignMethod(world, method, intent.customer);
  const confirmed = confirmSetup(world, intent, { method });
  if (confirmed.last_setup_error !== null) {
    const error = confirmed.last_setup_error as unknown as StripeErrorBody;
    throw new ApiError(402, error, { keep: true });
  }
  return confirmed;
}

export const setupIntentRoutes: readonly Route[] = [
  ['post', '/v1/setup_intents', ({ world, params }) => create(world, params)],
  [
    'get',
    '/v1/setup_intents',
    ({ world, params }) => {
      const all = filtered(world.store.all('setup_intent').reverse(), params, [
        'customer',
        'payment_method',
      ]);
      return page(all, params, '/v1/setup_intents');
    },
  ],
  ['get', '/v1/setup_intents/:id', ({ world, path }) => needSetup(world, path('id'))],
  [
    'post',
    '/v1/setup_intents/:id/confirm',
    ({ world, path, params }) => confirm(world, needSetup(world, path('id')), params),
  ],
  [
    'post',
    '/v1/setup_intents/:id/cancel',
    ({ world, path, params }) => {
      const before = needSetup(world, path('id'));
      if (before.status === 'succeeded' || before.status === 'canceled') {
        throw invalid(`You cannot cancel this SetupIntent: it is ${before.status}.`, {
          code: 'setup_intent_unexpected_state',
        });
      }
      const intent = world.store.put('setup_intent', {
        ...before,
        status: 'canceled',
        cancellation_reason: params.text('cancellation_reason') ?? null,
      });
      emit(world, 'setup_intent.canceled', intent);
      return intent;
    },
  ],
];
