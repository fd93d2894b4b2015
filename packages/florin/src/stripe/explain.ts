import { FlorinError } from '../kernel/index.ts';
import { isUnknownToStripe, toStripeFlorinError } from './lookups.ts';

/** Stripe's failure in words for whoever has to act: the buyer, or the shop's owner. */
export function explainStripe(error: unknown): FlorinError {
  const mapped = toStripeFlorinError(error);
  const { status } = mapped.details;
  if (mapped.code !== 'stripe_rejected') {
    return mapped;
  }
  const options = { details: mapped.details, cause: mapped.cause };
  if (status === 401 || status === 403) {
    const message = "Stripe does not accept the service's key, or the key may not do this.";
    return new FlorinError('stripe_rejected', message, options);
  }
  if (isUnknownToStripe(error) && /price/i.test(mapped.message)) {
    const message = 'Stripe does not know this price. The shop has to mend its catalogue.';
    return new FlorinError('price_unknown', message, options);
  }
  return mapped;
}

/** The key was used with other parameters before: another choice, or another configuration. */
export function isOtherParameters(error: FlorinError): boolean {
  return error.details['stripeType'] === 'StripeIdempotencyError';
}
