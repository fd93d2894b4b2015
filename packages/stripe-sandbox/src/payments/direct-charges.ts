import { ApiError, invalid, missingParameter } from '../api/errors.ts';
import { readAmount } from '../api/money.ts';
import type { Params } from '../api/params.ts';
import type { Route } from '../api/route.ts';
import { needCustomer } from '../customers/customers.ts';
import {
  behaviourOf,
  needPaymentMethod,
  refuseForeignMethod,
} from '../customers/payment-methods.ts';
import type { Charge, PaymentMethod } from '../shapes.ts';
import { inTimeOf, type World } from '../world.ts';
import { addCharge, captureCharge, declineError, needCharge } from './charges.ts';
import { followCharge } from './follow-charge.ts';

/** A charge without a payment intent, as programs older than those make it. https://docs.stripe.com/api/charges/create */
function createCharge(world: World, params: Params): Charge {
  const customer = params.text('customer') ?? null;
  if (customer !== null) {
    needCustomer(world, customer, 'customer');
  }
  const { amount, currency } = readAmount(params);
  const method = payer(world, params, customer);
  const behaviour = behaviourOf(world, method.id);
  const code = behaviour.declines ?? (behaviour.authentication && 'authentication_required');
  return inTimeOf(world, customer, () => {
    const charge = addCharge(
      world,
      {
        id: null,
        amount,
        currency,
        customer,
        description: params.text('description') ?? null,
        metadata: params.metadata(),
        receipt_email: params.text('receipt_email') ?? null,
      },
      {
        method,
        behaviour,
        outcome:
          code !== undefined
            ? 'failed'
            : params.flag('capture') === false
              ? 'uncaptured'
              : 'succeeded',
      },
    );
    if (code !== undefined) {
      throw new ApiError(402, { ...declineError(code), charge: charge.id }, { keep: true });
    }
    followCharge(world, charge, behaviour);
    return needCharge(world, charge.id);
  });
}

/** The source that is named, or the customer's default. */
function payer(world: World, params: Params, customer: string | null): PaymentMethod {
  const source = params.text('source');
  const kept =
    customer === null
      ? undefined
      : needCustomer(world, customer).invoice_settings.default_payment_method;
  const id = source ?? kept ?? undefined;
  if (id === undefined) {
    if (customer === null) {
      throw missingParameter('source');
    }
    throw invalid('Cannot charge a customer that has no active card', {
      param: 'card',
      code: 'missing',
    });
  }
  refuseForeignMethod(world, id, customer);
  return needPaymentMethod(world, id, 'source');
}

function capture(world: World, before: Charge, params: Params): Charge {
  if (before.captured || before.status !== 'succeeded') {
    throw invalid(`Charge ${before.id} has already been captured.`, {
      code: 'charge_already_captured',
    });
  }
  if (before.payment_intent !== null) {
    throw invalid('This charge is captured by capturing its payment intent.');
  }
  const amount = params.integer('amount') ?? before.amount;
  if (amount < 1 || amount > before.amount) {
    throw invalid(`The amount must be between 1 and ${before.amount}.`, { param: 'amount' });
  }
  return captureCharge(world, before, amount);
}

export const directChargeRoutes: readonly Route[] = [
  ['post', '/v1/charges', ({ world, params }) => createCharge(world, params)],
  [
    'post',
    '/v1/charges/:id/capture',
    ({ world, path, params }) => capture(world, needCharge(world, path('id')), params),
  ],
];
