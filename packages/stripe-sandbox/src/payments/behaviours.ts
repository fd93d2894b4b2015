/** How a payment method of Stripe's test set behaves when it is charged. */
export type Behaviour = {
  readonly brand: 'visa' | 'mastercard' | 'sepa_debit';
  readonly last4: string;
  /** Refused, with Stripe's decline code. */
  readonly declines?: string;
  /** `always`: each payment asks the buyer; `setup`: only one that the buyer makes in person. */
  readonly authentication?: 'always' | 'setup';
  /** Settles later, and how; seconds, or the sandbox's setting when absent. */
  readonly delayed?: { readonly as: 'succeeded' | 'failed'; readonly seconds?: number };
  readonly disputed?: { readonly reason: string; readonly inquiry: boolean };
  readonly fraudWarning?: boolean;
  readonly refunds?: 'pending' | 'fails';
  /** The money is there at once, instead of in two days. */
  readonly available?: boolean;
};

const VISA: Behaviour = { brand: 'visa', last4: '4242' };
const FRAUDULENT = { reason: 'fraudulent', inquiry: false };

/** By the names of Stripe's test tokens: `pm_card_visa` and `tok_visa` are both `visa`. */
export const BEHAVIOURS: Readonly<Record<string, Behaviour>> = {
  visa: VISA,
  mastercard: { brand: 'mastercard', last4: '4444' },
  bypassPending: { ...VISA, last4: '0077', available: true },
  chargeDeclined: { ...VISA, last4: '0002', declines: 'generic_decline' },
  visa_chargeDeclined: { ...VISA, last4: '0002', declines: 'generic_decline' },
  chargeDeclinedInsufficientFunds: { ...VISA, last4: '9995', declines: 'insufficient_funds' },
  visa_chargeDeclinedInsufficientFunds: { ...VISA, last4: '9995', declines: 'insufficient_funds' },
  chargeDeclinedLostCard: { ...VISA, last4: '9987', declines: 'lost_card' },
  chargeDeclinedStolenCard: { ...VISA, last4: '9979', declines: 'stolen_card' },
  visa_chargeDeclinedStolenCard: { ...VISA, last4: '9979', declines: 'stolen_card' },
  chargeDeclinedFraudulent: { ...VISA, last4: '0019', declines: 'fraudulent' },
  chargeDeclinedProcessingError: { ...VISA, last4: '0119', declines: 'processing_error' },
  chargeDeclinedIncorrectCvc: { ...VISA, last4: '0127', declines: 'incorrect_cvc' },
  chargeDeclinedExpiredCard: { ...VISA, last4: '0069', declines: 'expired_card' },
  chargeCustomerFail: { ...VISA, last4: '0341', declines: 'generic_decline' },
  threeDSecure2Required: { ...VISA, last4: '3220', authentication: 'always' },
  threeDSecureRequired: { ...VISA, last4: '3063', authentication: 'always' },
  authenticationRequired: { ...VISA, last4: '3184', authentication: 'always' },
  authenticationRequiredOnSetup: { ...VISA, last4: '3155', authentication: 'setup' },
  createDispute: { ...VISA, last4: '0259', disputed: FRAUDULENT },
  createDisputeProductNotReceived: {
    ...VISA,
    last4: '2685',
    disputed: { reason: 'product_not_received', inquiry: false },
  },
  createDisputeInquiry: { ...VISA, last4: '1976', disputed: { ...FRAUDULENT, inquiry: true } },
  createIssuerFraudRecord: { ...VISA, last4: '5423', fraudWarning: true },
  pendingRefund: { ...VISA, last4: '7726', refunds: 'pending' },
  refundFail: { ...VISA, last4: '5126', refunds: 'fails' },
  sepa_debit: { brand: 'sepa_debit', last4: '3000', delayed: { as: 'succeeded' } },
  sepa_debit_soon: { brand: 'sepa_debit', last4: '3201', delayed: { as: 'succeeded', seconds: 3 } },
  sepa_debit_fails: { brand: 'sepa_debit', last4: '3202', delayed: { as: 'failed' } },
  sepa_debit_fails_soon: {
    brand: 'sepa_debit',
    last4: '3456',
    delayed: { as: 'failed', seconds: 3 },
  },
};

const CARD_NUMBERS: Readonly<Record<string, string>> = {
  '4242424242424242': 'visa',
  '5555555555554444': 'mastercard',
  '4000000000000077': 'bypassPending',
  '4000000000000002': 'chargeDeclined',
  '4000000000009995': 'chargeDeclinedInsufficientFunds',
  '4000000000009987': 'chargeDeclinedLostCard',
  '4000000000009979': 'chargeDeclinedStolenCard',
  '4100000000000019': 'chargeDeclinedFraudulent',
  '4000000000000119': 'chargeDeclinedProcessingError',
  '4000000000000127': 'chargeDeclinedIncorrectCvc',
  '4000000000000069': 'chargeDeclinedExpiredCard',
  '4000000000000341': 'chargeCustomerFail',
  '4000000000003220': 'threeDSecure2Required',
  '4000002760003184': 'authenticationRequired',
  '4000002500003155': 'authenticationRequiredOnSetup',
  '4000000000000259': 'createDispute',
  '4000000000002685': 'createDisputeProductNotReceived',
  '4000000000001976': 'createDisputeInquiry',
  '4000000000005423': 'createIssuerFraudRecord',
  '4000000000007726': 'pendingRefund',
  '4000000000005126': 'refundFail',
};

const IBANS: Readonly<Record<string, string>> = {
  AT611904300234573201: 'sepa_debit_soon',
  AT321904300235473204: 'sepa_debit',
  AT861904300235473202: 'sepa_debit_fails',
  IT60X0542811101000000123456: 'sepa_debit_fails_soon',
};

export function behaviourOfToken(token: string): string | undefined {
  const name = token.replace(/^(pm_card_|tok_|pm_)/, '');
  return BEHAVIOURS[name] === undefined ? undefined : name;
}

export function behaviourOfCard(number: string): string | undefined {
  return CARD_NUMBERS[number.replaceAll(/[\s-]/g, '')];
}

/** Any IBAN is taken; those of Stripe's test set behave as theirs do. */
export function behaviourOfIban(iban: string): string {
  return IBANS[iban.replaceAll(/\s/g, '').toUpperCase()] ?? 'sepa_debit';
}
