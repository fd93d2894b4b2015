import { describe, expect, it } from 'vitest';
import { FlorinError } from '../kernel/index.ts';
import { consequenceOf, failureCodeOf } from './decline.ts';

const refused = (details: object) =>
  new FlorinError('stripe_rejected', 'Stripe refused the request.', {
    details: { stripeType: 'StripeCardError', status: 402, ...details },
  });

describe('what a decline means', () => {
  it('is named by the bank where it says why, else by Stripe', () => {
    expect(
      failureCodeOf(refused({ stripeCode: 'card_declined', declineCode: 'do_not_honor' })),
    ).toBe('do_not_honor');
    expect(failureCodeOf(refused({ stripeCode: 'expired_card', declineCode: '' }))).toBe(
      'expired_card',
    );
    expect(failureCodeOf(refused({}))).toBe('unknown');
    expect(
      failureCodeOf(
        refused({ stripeCode: 'authentication_required', declineCode: 'generic_decline' }),
      ),
    ).toBe('authentication_required');
  });

  it('is no decline when it is not about the card', () => {
    const about = (details: object) =>
      failureCodeOf(refused({ stripeType: 'StripeInvalidRequestError', ...details }));
    expect(about({ stripeCode: 'resource_missing' })).toBe('stripe_rejected');
    expect(about({ stripeCode: 'parameter_unknown' })).toBe('stripe_rejected');
  });

  it.each(['lost_card', 'stolen_card', 'fraudulent', 'pickup_card', 'expired_card'])(
    '%s leaves the card alone at once',
    (code) => {
      expect(consequenceOf(code, 0).pause).toBe('card_declined');
    },
  );

  it.each(['insufficient_funds', 'do_not_honor', 'processing_error', 'a_code_of_2031'])(
    '%s may pass: an hour, a day, three days, then the buyer is asked',
    (code) => {
      const hours = [0, 1, 2].map((before) => consequenceOf(code, before));
      expect(hours).toEqual(
        [1, 24, 72].map((each) => ({ pause: null, notBeforeSeconds: each * 3600 })),
      );
      expect(consequenceOf(code, 3).pause).toBe('card_declined');
    },
  );

  it.each(['authentication_required', 'no_payment_method', 'price_changed', 'stripe_rejected'])(
    '%s asks the buyer, by its own name',
    (code) => {
      expect(consequenceOf(code, 0).pause).toBe(code);
    },
  );
});
