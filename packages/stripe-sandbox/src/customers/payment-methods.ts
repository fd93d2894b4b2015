import { readAddress } from '../api/address.ts';
import { ApiError, invalid, missingParameter, noSuch } from '../api/errors.ts';
import { filtered, page } from '../api/page.ts';
import type { Params } from '../api/params.ts';
import type { Route } from '../api/route.ts';
import { emit } from '../events/emit.ts';
import {
  BEHAVIOURS,
  type Behaviour,
  behaviourOfCard,
  behaviourOfIban,
  behaviourOfToken,
} from '../payments/behaviours.ts';
import type { PaymentMethod } from '../shapes.ts';
import { newId, type World } from '../world.ts';

const NO_DETAILS = { address: null, email: null, name: null, phone: null, tax_id: null };

/** Makes a payment method that behaves as the named one of Stripe's test set. */
export function addPaymentMethod(
  world: World,
  behaviour: string,
  details: Record<string, unknown> = {},
): PaymentMethod {
  const known = BEHAVIOURS[behaviour];
  if (known === undefined) {
    throw invalid(`No such test payment method: ${behaviour}`, { param: 'payment_method' });
  }
  const id = newId('pm');
  world.store.put('payment_method_secret', { id, behaviour });
  return world.store.put('payment_method', {
    id,
    object: 'payment_method',
    allow_redisplay: 'unspecified',
    billing_details: { ...NO_DETAILS, ...details },
    created: world.now(),
    customer: null,
    customer_account: null,
    livemode: false,
    metadata: {},
    ...(known.brand === 'sepa_debit'
      ? { type: 'sepa_debit', sepa_debit: sepaDetails(known) }
      : { type: 'card', card: cardDetails(known) }),
  });
}

function sepaDetails(known: Behaviour) {
  return {
    bank_code: '19043',
    branch_code: '',
    country: 'AT',
    fingerprint: 'SANDBOXSEPA',
    generated_from: null,
    last4: known.last4,
  };
}

function cardDetails(known: Behaviour) {
  return {
    brand: known.brand,
    checks: {
      address_line1_check: null,
      address_postal_code_check: null,
      cvc_check: 'pass' as const,
    },
    country: 'US',
    display_brand: known.brand,
    exp_month: 12,
    exp_year: 2034,
    fingerprint: `SANDBOX${known.last4}`,
    funding: 'credit',
    generated_from: null,
    last4: known.last4,
    networks: { available: [known.brand], preferred: null },
    regulated_status: 'unregulated' as const,
    three_d_secure_usage: { supported: true },
    wallet: null,
  };
}

export function behaviourOf(world: World, paymentMethod: string): Behaviour {
  const secret = world.store.get('payment_method_secret', paymentMethod);
  return BEHAVIOURS[secret?.behaviour ?? 'visa'] ?? { brand: 'visa', last4: '4242' };
}

/** A stored payment method, or a new one from a test token such as `pm_card_visa`. */
export function needPaymentMethod(
  world: World,
  id: string,
  param = 'payment_method',
): PaymentMethod {
  const found = world.store.get('payment_method', id);
  if (found !== undefined) {
    return found;
  }
  const token = behaviourOfToken(id);
  if (token === undefined) {
    throw noSuch('PaymentMethod', id, param);
  }
  return addPaymentMethod(world, token);
}

export function attachPaymentMethod(world: World, id: string, customer: string): PaymentMethod {
  const method = needPaymentMethod(world, id);
  if (method.customer === customer) {
    return method;
  }
  if (method.customer !== null) {
    throw invalid('The payment method you provided has already been attached to a customer.');
  }
  if (world.store.get('payment_method_secret', method.id)?.detached === true) {
    throw invalid(
      'This PaymentMethod was previously used without being attached to a Customer or was detached from a Customer, and may not be used again.',
    );
  }
  const attached = world.store.put('payment_method', { ...method, customer });
  emit(world, 'payment_method.attached', attached);
  return attached;
}

/** A method that is kept for a customer pays for nobody else. */
export function refuseForeignMethod(world: World, id: string, customer: string | null): void {
  const owner = world.store.get('payment_method', id)?.customer ?? null;
  if (owner === null || owner === customer) {
    return;
  }
  throw invalid(
    customer === null
      ? `The payment method \`${id}\` belongs to the Customer \`${owner}\`. Please include the Customer in the \`customer\` parameter.`
      : `The customer does not have a payment method with the ID ${id}. The payment method must be attached to the customer.`,
    { param: 'payment_method', code: 'resource_missing' },
  );
}

/** The customer's method of this id; a test token means the one made from it, or a new one. */
export function ownPaymentMethod(
  world: World,
  id: string,
  customer: string,
  param = 'default_payment_method',
): PaymentMethod {
  const owner = world.store.get('payment_method', id)?.customer ?? null;
  if (owner !== null && owner !== customer) {
    throw invalid(
      `The customer does not have a payment method with the ID ${id}. The payment method must be attached to the customer.`,
      { param, code: 'resource_missing' },
    );
  }
  const token = world.store.get('payment_method', id) === undefined && behaviourOfToken(id);
  const made = world.store
    .where('payment_method', 'customer', customer)
    .find((one) => world.store.get('payment_method_secret', one.id)?.behaviour === token);
  return made ?? attachPaymentMethod(world, id, customer);
}

/** The date on the card that was typed. */
function expiryOf({ card }: PaymentMethod, typed: Params | undefined): Partial<PaymentMethod> {
  const [month, year] = [typed?.integer('exp_month'), typed?.integer('exp_year')];
  return card === undefined || month === undefined || year === undefined
    ? {}
    : { card: { ...card, exp_month: month, exp_year: year < 100 ? 2000 + year : year } };
}

/** What a request describes as `type`, `card` and `sepa_debit`. */
export function createPaymentMethod(world: World, params: Params): PaymentMethod {
  const billing = params.object('billing_details');
  const details = {
    ...(billing?.object('address') === undefined
      ? {}
      : { address: readAddress(billing.object('address')) }),
    email: billing?.text('email') ?? null,
    name: billing?.text('name') ?? null,
    phone: billing?.text('phone') ?? null,
  };
  const method = addPaymentMethod(world, readBehaviour(world, params), details);
  return world.store.put('payment_method', {
    ...method,
    ...expiryOf(method, params.object('card')),
    metadata: params.metadata(),
  });
}

function readBehaviour(world: World, params: Params): string {
  const type = params.need('type');
  if (type === 'sepa_debit') {
    return behaviourOfIban(params.object('sepa_debit')?.need('iban') ?? '');
  }
  if (type !== 'card') {
    throw invalid(`The sandbox knows the types card and sepa_debit, not ${type}.`, {
      param: 'type',
    });
  }
  const card = params.object('card');
  if (card === undefined) {
    throw missingParameter('card');
  }
  const token = card.text('token');
  const behaviour =
    token === undefined ? behaviourOfCard(card.need('number')) : behaviourOfToken(token);
  if (behaviour === undefined) {
    throw token === undefined
      ? refusedCard('incorrect_number', {
          message:
            'Your card number is incorrect. The sandbox takes the numbers of Stripe’s test cards.',
          param: 'number',
        })
      : noSuch('token', token, 'card[token]');
  }
  if (token === undefined) {
    refuseExpiry(world, card);
  }
  return behaviour;
}

/** A month that is none, and a date that is over. Undefined parts are not looked at. */
function refuseExpiry(world: World, card: Params): void {
  const [month, year] = [card.integer('exp_month'), card.integer('exp_year')];
  if (month !== undefined && (month < 1 || month > 12)) {
    throw refusedCard('invalid_expiry_month', {
      message: "Your card's expiration month is invalid.",
      param: 'exp_month',
    });
  }
  const full = year !== undefined && year < 100 ? 2000 + year : year;
  if (full !== undefined && Date.UTC(full, month ?? 12) / 1000 <= world.now()) {
    throw refusedCard('invalid_expiry_year', {
      message: "Your card's expiration year is invalid.",
      param: 'exp_year',
    });
  }
}

/** https://docs.stripe.com/error-codes: what is wrong with a card is a card's error. */
function refusedCard(code: string, told: { message: string; param: string }): ApiError {
  return new ApiError(402, { type: 'card_error', code, ...told });
}

export const paymentMethodRoutes: readonly Route[] = [
  ['post', '/v1/payment_methods', ({ world, params }) => createPaymentMethod(world, params)],
  [
    'get',
    '/v1/payment_methods',
    ({ world, params }) => {
      const all = filtered(world.store.all('payment_method').reverse(), params, [
        'customer',
        'type',
      ]);
      return page(all, params, '/v1/payment_methods');
    },
  ],
  [
    'get',
    '/v1/payment_methods/:id',
    ({ world, path }) => needPaymentMethod(world, path('id'), 'id'),
  ],
  [
    'post',
    '/v1/payment_methods/:id',
    ({ world, path, params }) => {
      const before = needPaymentMethod(world, path('id'), 'id');
      const method = world.store.put('payment_method', {
        ...before,
        metadata: params.metadata(before.metadata ?? {}),
      });
      emit(world, 'payment_method.updated', method, before);
      return method;
    },
  ],
  [
    'post',
    '/v1/payment_methods/:id/attach',
    ({ world, path, params }) => attachPaymentMethod(world, path('id'), params.need('customer')),
  ],
  [
    'post',
    '/v1/payment_methods/:id/detach',
    ({ world, path }) => {
      const before = needPaymentMethod(world, path('id'), 'id');
      const method = world.store.put('payment_method', { ...before, customer: null });
      const { behaviour } = world.store.get('payment_method_secret', before.id) ?? {
        behaviour: '',
      };
      world.store.put('payment_method_secret', { id: before.id, behaviour, detached: true });
      emit(world, 'payment_method.detached', method, before);
      return method;
    },
  ],
];
