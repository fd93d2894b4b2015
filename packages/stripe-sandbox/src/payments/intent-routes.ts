import { readRecipient } from '../api/address.ts';
import { ApiError, invalid, noSuch, type StripeErrorBody } from '../api/errors.ts';
import { readAmount } from '../api/money.ts';
import { filtered, momentFilter, page } from '../api/page.ts';
import type { Params } from '../api/params.ts';
import type { Route } from '../api/route.ts';
import { needCustomer } from '../customers/customers.ts';
import {
  createPaymentMethod,
  needPaymentMethod,
  refuseForeignMethod,
} from '../customers/payment-methods.ts';
import type { PaymentIntent } from '../shapes.ts';
import { inTimeOf, type World } from '../world.ts';
import { addIntent, cancelIntent, captureIntent, confirmIntent } from './intents.ts';

export function needIntent(world: World, id: string, param?: string): PaymentIntent {
  const intent = world.store.get('payment_intent', id);
  if (intent === undefined) {
    throw noSuch('payment_intent', id, param);
  }
  return intent;
}

function createIntent(world: World, params: Params): PaymentIntent {
  const { amount, currency } = readAmount(params);
  const customer = params.text('customer');
  if (customer !== undefined) {
    needCustomer(world, customer, 'customer');
  }
  const types = params.texts('payment_method_types');
  return inTimeOf(world, customer, () => {
    const intent = addIntent(world, {
      amount,
      currency,
      customer: customer ?? null,
      description: params.text('description') ?? null,
      metadata: params.metadata(),
      captureMethod: params.text('capture_method') ?? 'automatic_async',
      setupFutureUsage: params.text('setup_future_usage') ?? null,
      ...(types.length > 0 ? { methodTypes: types } : {}),
      receiptEmail: params.text('receipt_email') ?? null,
      shipping: readShipping(params),
      plan: { returnUrl: params.text('return_url') ?? null },
    });
    return params.flag('confirm') ? confirmAsAsked(world, intent, params) : intent;
  });
}

/** To whom, and by whom, what is paid for is sent. */
function readShipping(params: Params): PaymentIntent['shipping'] {
  const given = params.object('shipping');
  const recipient = readRecipient(given);
  return recipient === null
    ? null
    : {
        ...recipient,
        carrier: given?.text('carrier') ?? null,
        tracking_number: given?.text('tracking_number') ?? null,
      };
}

const UNPAID = ['requires_payment_method', 'requires_confirmation', 'requires_action'];

function confirmAsAsked(world: World, intent: PaymentIntent, params: Params): PaymentIntent {
  if (!UNPAID.includes(intent.status)) {
    throw unexpectedState(intent, 'confirm');
  }
  const data = params.object('payment_method_data');
  const method =
    params.text('payment_method') ??
    (data === undefined ? intent.payment_method : createPaymentMethod(world, data).id);
  if (method === null) {
    throw invalid(
      "You cannot confirm this PaymentIntent because it's missing a payment method. You can either update the PaymentIntent with a payment method and then confirm it again, or confirm it again directly with a payment method or ConfirmationToken.",
      { code: 'payment_intent_unexpected_state' },
    );
  }
  refuseForeignMethod(world, method, intent.customer);
  const sent = params.has('shipping') ? { ...intent, shipping: readShipping(params) } : intent;
  const confirmed = confirmIntent(world, sent, {
    method,
    offSession: params.flag('off_session') ?? false,
    returnUrl: params.text('return_url'),
  });
  if (confirmed.last_payment_error !== null) {
    throw declined(confirmed);
  }
  return confirmed;
}

/** The 402 of a declined payment; what the attempt wrote stays. */
export function declined(intent: PaymentIntent): ApiError {
  const error = intent.last_payment_error as unknown as StripeErrorBody;
  return new ApiError(402, { ...error, payment_intent: intent }, { keep: true });
}

function unexpectedState(intent: PaymentIntent, verb: string): ApiError {
  return invalid(
    `You cannot ${verb} this PaymentIntent because it has a status of ${intent.status}.`,
    { code: 'payment_intent_unexpected_state' },
  );
}

function updateIntent(world: World, before: PaymentIntent, params: Params): PaymentIntent {
  const fixed = ['amount', 'currency', 'payment_method', 'customer'].find((key) => params.has(key));
  if (fixed !== undefined && !UNPAID.includes(before.status)) {
    throw invalid(
      `This PaymentIntent's ${fixed} could not be updated because it has a status of ${before.status}. You may only update the ${fixed} of a PaymentIntent with one of the following statuses: ${UNPAID.join(', ')}.`,
      { param: fixed, code: 'payment_intent_unexpected_state' },
    );
  }
  const customer = params.text('customer') ?? before.customer;
  const method = params.text('payment_method');
  const { amount, currency } = readAmount(params, before);
  if (method !== undefined) {
    refuseForeignMethod(world, method, customer);
  }
  return world.store.put('payment_intent', {
    ...before,
    amount,
    currency,
    ...(method === undefined
      ? {}
      : {
          payment_method: needPaymentMethod(world, method).id,
          status:
            before.status === 'requires_payment_method' ? 'requires_confirmation' : before.status,
        }),
    receipt_email: params.text('receipt_email') ?? before.receipt_email,
    ...(params.has('shipping') ? { shipping: readShipping(params) } : {}),
    setup_future_usage: params.text('setup_future_usage') ?? before.setup_future_usage,
    description: params.text('description') ?? before.description,
    metadata: params.metadata(before.metadata),
    customer,
  });
}

function capture(world: World, intent: PaymentIntent, params: Params): PaymentIntent {
  if (intent.status !== 'requires_capture') {
    throw unexpectedState(intent, 'capture');
  }
  const amount = params.integer('amount_to_capture') ?? intent.amount;
  if (amount < 1 || amount > intent.amount) {
    throw invalid('amount_to_capture must be at most the authorized amount.', {
      param: 'amount_to_capture',
      code: 'amount_too_large',
    });
  }
  return captureIntent(world, intent, amount);
}

export const intentRoutes: readonly Route[] = [
  ['post', '/v1/payment_intents', ({ world, params }) => createIntent(world, params)],
  [
    'get',
    '/v1/payment_intents',
    ({ world, params }) => {
      const created = momentFilter(params, 'created');
      const all = world.store
        .all('payment_intent')
        .filter((one) => created(one.created))
        .reverse();
      return page(filtered(all, params, ['customer']), params, '/v1/payment_intents');
    },
  ],
  ['get', '/v1/payment_intents/:id', ({ world, path }) => needIntent(world, path('id'))],
  [
    'post',
    '/v1/payment_intents/:id',
    ({ world, path, params }) => updateIntent(world, needIntent(world, path('id')), params),
  ],
  [
    'post',
    '/v1/payment_intents/:id/confirm',
    ({ world, path, params }) => confirmAsAsked(world, needIntent(world, path('id')), params),
  ],
  [
    'post',
    '/v1/payment_intents/:id/capture',
    ({ world, path, params }) => capture(world, needIntent(world, path('id')), params),
  ],
  [
    'post',
    '/v1/payment_intents/:id/cancel',
    ({ world, path, params }) => {
      const intent = needIntent(world, path('id'));
      if (['succeeded', 'canceled', 'processing'].includes(intent.status)) {
        throw unexpectedState(intent, 'cancel');
      }
      return cancelIntent(world, intent, params.text('cancellation_reason') ?? null);
    },
  ],
];
