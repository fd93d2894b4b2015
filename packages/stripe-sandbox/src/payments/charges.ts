import { noSuch } from '../api/errors.ts';
import { filtered, momentFilter, page } from '../api/page.ts';
import type { Route } from '../api/route.ts';
import { needPaymentMethod } from '../customers/payment-methods.ts';
import { emit } from '../events/emit.ts';
import type { Charge, PaymentIntent, PaymentMethod } from '../shapes.ts';
import { newId, type World } from '../world.ts';
import { addBalanceTransaction } from './balance.ts';
import type { Behaviour } from './behaviours.ts';

export const DECLINE_MESSAGES: Readonly<Record<string, string>> = {
  insufficient_funds: 'Your card has insufficient funds.',
  expired_card: 'Your card has expired.',
  incorrect_cvc: "Your card's security code is incorrect.",
  processing_error: 'An error occurred while processing your card. Try again in a little bit.',
};

/** Codes that an error says itself; the others are `card_declined` with a decline code. */
const OWN_CODES: ReadonlySet<string> = new Set([
  'expired_card',
  'incorrect_cvc',
  'processing_error',
]);

/** https://docs.stripe.com/testing#declined-payments */
export function declineError(code: string): {
  type: 'card_error';
  code: string;
  decline_code?: string;
  message: string;
} {
  const error = { type: 'card_error' as const, message: declineMessage(code) };
  if (OWN_CODES.has(code)) {
    return { ...error, code };
  }
  const own = code === 'authentication_required';
  return { ...error, code: own ? code : 'card_declined', decline_code: code };
}

function declineMessage(code: string): string {
  return DECLINE_MESSAGES[code] ?? 'Your card was declined.';
}

export type ChargeOutcome = 'succeeded' | 'pending' | 'failed' | 'uncaptured';

/** What is paid: an intent, or the same facts without one. */
export type Charged = Pick<
  PaymentIntent,
  | 'amount'
  | 'currency'
  | 'customer'
  | 'description'
  | 'metadata'
  | 'receipt_email'
  | 'presentment_details'
> & { id: string | null; shipping?: PaymentIntent['shipping'] };

/** Charges the method once for the intent, and tells what came of it. */
export function addCharge(
  world: World,
  intent: Charged,
  attempt: { method: PaymentMethod; behaviour: Behaviour; outcome: ChargeOutcome },
): Charge {
  const { method, behaviour, outcome } = attempt;
  const id = newId(behaviour.brand === 'sepa_debit' ? 'py' : 'ch');
  const captured = outcome === 'succeeded' || outcome === 'pending';
  const charge = world.store.put('charge', {
    id,
    object: 'charge',
    amount: intent.amount,
    amount_captured: captured ? intent.amount : 0,
    amount_refunded: 0,
    application: null,
    application_fee: null,
    application_fee_amount: null,
    balance_transaction: outcome === 'succeeded' ? paidIn(world, id, intent) : null,
    billing_details: method.billing_details,
    calculated_statement_descriptor: 'STRIPE SANDBOX',
    captured,
    created: world.now(),
    currency: intent.currency,
    customer: intent.customer,
    description: intent.description,
    disputed: false,
    failure_balance_transaction: null,
    failure_code: outcome === 'failed' ? failureCode(behaviour) : null,
    failure_message: outcome === 'failed' ? failureMessage(behaviour) : null,
    fraud_details: {},
    livemode: false,
    metadata: intent.metadata,
    on_behalf_of: null,
    outcome: outcomeShown(behaviour, outcome),
    paid: outcome !== 'failed',
    payment_intent: intent.id,
    payment_method: method.id,
    payment_method_details: methodDetails(method),
    ...(intent.presentment_details === undefined
      ? {}
      : { presentment_details: intent.presentment_details }),
    radar_options: {},
    receipt_email: intent.receipt_email,
    receipt_number: null,
    receipt_url: outcome === 'failed' ? null : `${world.baseUrl()}/receipts/${id}`,
    refunded: false,
    review: null,
    shipping: intent.shipping ?? null,
    source: null,
    source_transfer: null,
    statement_descriptor: null,
    statement_descriptor_suffix: null,
    status: outcome === 'uncaptured' ? 'succeeded' : outcome,
    transfer_data: null,
    transfer_group: null,
  });
  emit(world, `charge.${outcome === 'uncaptured' ? 'succeeded' : outcome}`, charge);
  return charge;
}

function paidIn(
  world: World,
  source: string,
  intent: Pick<Charged, 'amount' | 'currency'>,
): string {
  return addBalanceTransaction(world, {
    amount: intent.amount,
    currency: intent.currency,
    source,
    type: 'charge',
    fee: Math.round(intent.amount * 0.029) + 30,
  }).id;
}

function failureCode(behaviour: Behaviour): string {
  return behaviour.brand === 'sepa_debit' ? 'insufficient_funds' : 'card_declined';
}

function failureMessage(behaviour: Behaviour): string {
  return behaviour.brand === 'sepa_debit'
    ? 'The customer’s account has insufficient funds to cover this payment.'
    : declineMessage(behaviour.declines ?? 'generic_decline');
}

function outcomeShown(behaviour: Behaviour, outcome: ChargeOutcome): Charge['outcome'] {
  const failed = outcome === 'failed';
  return {
    advice_code: null,
    network_advice_code: null,
    network_decline_code: null,
    network_status: failed ? 'declined_by_network' : 'approved_by_network',
    reason: failed ? (behaviour.declines ?? 'generic_decline') : null,
    risk_level: behaviour.fraudWarning ? 'elevated' : 'normal',
    risk_score: behaviour.fraudWarning ? 65 : 12,
    seller_message: failed ? 'The bank did not return any further details.' : 'Payment complete.',
    type: failed ? 'issuer_declined' : 'authorized',
  };
}

function methodDetails(method: PaymentMethod): Charge['payment_method_details'] {
  const { card, sepa_debit: debit } = method;
  if (debit !== undefined) {
    const { bank_code, branch_code, country, fingerprint, last4 } = debit;
    return {
      type: 'sepa_debit',
      sepa_debit: { bank_code, branch_code, country, fingerprint, last4, mandate: null },
    };
  }
  return card === undefined ? { type: method.type } : { type: 'card', card: chargedCard(card) };
}

/** The card as the network saw it: not all that the payment method knows, and more of this payment. */
function chargedCard(
  card: NonNullable<PaymentMethod['card']>,
): NonNullable<NonNullable<Charge['payment_method_details']>['card']> {
  return {
    amount_authorized: null,
    authorization_code: '123456',
    brand: card.brand,
    checks: card.checks,
    country: card.country,
    electronic_commerce_indicator: null,
    exp_month: card.exp_month,
    exp_year: card.exp_year,
    ...(card.fingerprint === undefined ? {} : { fingerprint: card.fingerprint }),
    funding: card.funding,
    installments: null,
    last4: card.last4,
    mandate: null,
    network: card.brand,
    network_transaction_id: newId('n', 15).slice(2),
    regulated_status: card.regulated_status,
    three_d_secure: null,
    transaction_link_id: null,
    wallet: null,
  };
}

export function needCharge(world: World, id: string, param?: string): Charge {
  const charge = world.store.get('charge', id);
  if (charge === undefined) {
    throw noSuch('charge', id, param);
  }
  return charge;
}

/** A pending charge of a bank debit arrives, or bounces. */
export function settleCharge(world: World, before: Charge, as: 'succeeded' | 'failed'): Charge {
  const intent = world.store.get('payment_intent', before.payment_intent ?? '');
  const method = needPaymentMethod(world, before.payment_method ?? '');
  const charge = world.store.put('charge', {
    ...before,
    status: as,
    paid: as === 'succeeded',
    balance_transaction:
      as === 'succeeded' && intent !== undefined ? paidIn(world, before.id, intent) : null,
    failure_code: as === 'failed' ? 'insufficient_funds' : null,
    failure_message:
      as === 'failed'
        ? failureMessage({ brand: 'sepa_debit', last4: method.sepa_debit?.last4 ?? '' })
        : null,
  });
  emit(world, `charge.${as}`, charge);
  return charge;
}

export function captureCharge(world: World, before: Charge, amount: number): Charge {
  const charge = world.store.put('charge', {
    ...before,
    captured: true,
    amount_captured: amount,
    amount_refunded: before.amount - amount,
    balance_transaction: addBalanceTransaction(world, {
      amount,
      currency: before.currency,
      source: before.id,
      type: 'charge',
    }).id,
  });
  emit(world, 'charge.captured', charge);
  return charge;
}

export const chargeRoutes: readonly Route[] = [
  [
    'get',
    '/v1/charges',
    ({ world, params }) => {
      const created = momentFilter(params, 'created');
      const all = world.store
        .all('charge')
        .filter((one) => created(one.created))
        .reverse();
      return page(filtered(all, params, ['customer', 'payment_intent']), params, '/v1/charges');
    },
  ],
  ['get', '/v1/charges/:id', ({ world, path }) => needCharge(world, path('id'))],
  [
    'post',
    '/v1/charges/:id',
    ({ world, path, params }) => {
      const before = needCharge(world, path('id'));
      const charge = world.store.put('charge', {
        ...before,
        metadata: params.metadata(before.metadata),
        description: params.text('description') ?? before.description,
      });
      emit(world, 'charge.updated', charge, before);
      return charge;
    },
  ],
];
