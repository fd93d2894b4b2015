import type { FlorinError } from '../kernel/index.ts';
import type { PauseReason } from './consent.ts';

/**
 * Decline codes after which a card must not be tried again: it is gone, wrong, or its owner said no.
 * Card networks fine those who go on. https://docs.stripe.com/declines/codes
 */
const NEVER_AGAIN = new Set([
  'card_not_supported',
  'currency_not_supported',
  'expired_card',
  'fraudulent',
  'incorrect_cvc',
  'incorrect_number',
  'invalid_account',
  'invalid_cvc',
  'invalid_expiry_month',
  'invalid_expiry_year',
  'invalid_number',
  'lost_card',
  'merchant_blacklist',
  'new_account_information_available',
  'no_action_taken',
  'not_permitted',
  'pickup_card',
  'restricted_card',
  'revocation_of_all_authorizations',
  'revocation_of_authorization',
  'security_violation',
  'service_not_allowed',
  'stolen_card',
  'stop_payment_order',
  'testmode_decline',
  'transaction_not_allowed',
]);

/** Ours, and what each asks of the buyer. */
const OWN: Readonly<Record<string, PauseReason>> = {
  authentication_required: 'authentication_required',
  no_payment_method: 'no_payment_method',
  price_changed: 'price_changed',
  stripe_rejected: 'stripe_rejected',
};

const DAY_SECONDS = 86_400;
/** Seconds until the next attempt after the first, second, third decline in a row; then it pauses. */
const GAPS: readonly number[] = [3_600, DAY_SECONDS, 3 * DAY_SECONDS];

/** The most telling name of a refused payment: the bank's reason, Stripe's, or ours. */
export function failureCodeOf({ details }: FlorinError): string {
  const { stripeType, stripeCode, declineCode } = details;
  if (stripeType !== 'StripeCardError') {
    return 'stripe_rejected';
  }
  if (stripeCode === 'authentication_required' || declineCode === 'authentication_required') {
    return 'authentication_required';
  }
  // The SDK writes an empty decline code where Stripe sends none.
  return String(declineCode || stripeCode || 'unknown');
}

/**
 * What a failed top-up means for the next: whether the buyer has to act first, and how long the card
 * is left alone. A code that banks may invent counts as one that may pass; three of those pause too.
 */
export function consequenceOf(
  failureCode: string,
  declinesBefore: number,
): { readonly pause: PauseReason | null; readonly notBeforeSeconds: number } {
  const gap = GAPS[declinesBefore];
  const declined = NEVER_AGAIN.has(failureCode) || gap === undefined ? 'card_declined' : null;
  return { pause: OWN[failureCode] ?? declined, notBeforeSeconds: gap ?? 0 };
}
