import Stripe from 'stripe';
import { describe, expect, it } from 'vitest';
import { toProblem } from '../../../src/http/problem.ts';
import { explainStripe, isOtherParameters } from '../../../src/stripe/index.ts';

const { errors } = Stripe;
const KEY = 'sk_live_51Canary0123456789';

type Raw = ConstructorParameters<typeof errors.StripeError>[0];
const raw = (statusCode: number, more: Record<string, unknown> = {}): Raw =>
  ({ statusCode, message: `No such thing (${KEY})`, ...more }) as Raw;

describe("Stripe's failures, told to a buyer", () => {
  it.each([
    ['no answer', new errors.StripeConnectionError(raw(0)), 503, 'stripe_unavailable'],
    ['too many requests', new errors.StripeRateLimitError(raw(429)), 503, 'stripe_unavailable'],
    ['an error of its own', new errors.StripeAPIError(raw(500)), 503, 'stripe_unavailable'],
    [
      'a lock it could not take',
      new errors.StripeInvalidRequestError(raw(409, { code: 'lock_timeout' })),
      503,
      'stripe_unavailable',
    ],
    [
      'a key that it does not know',
      new errors.StripeAuthenticationError(raw(401)),
      502,
      'stripe_rejected',
    ],
    [
      'a key that may not do this',
      new errors.StripePermissionError(raw(403)),
      502,
      'stripe_rejected',
    ],
    [
      'a price that it does not know',
      new errors.StripeInvalidRequestError(
        raw(400, { code: 'resource_missing', message: 'No such price: price_X' }),
      ),
      400,
      'price_unknown',
    ],
    [
      'an archived price',
      new errors.StripeInvalidRequestError(raw(400, { message: 'The price is inactive.' })),
      502,
      'stripe_rejected',
    ],
    ['what nobody foresaw', new TypeError(`fetch failed with ${KEY}`), 500, 'internal'],
  ])('%s', (what, thrown, status, code) => {
    const error = explainStripe(thrown);
    const problem = toProblem(error, 'r');
    expect(problem).toMatchObject({ status, code });
    if (!what.includes('price')) {
      expect(JSON.stringify(problem)).not.toContain(KEY);
    }
  });

  it('a key that was used with other parameters is told apart, so that another one is taken', () => {
    const reused = explainStripe(new errors.StripeIdempotencyError(raw(400)));
    expect(isOtherParameters(reused)).toBe(true);
    expect(isOtherParameters(explainStripe(new errors.StripeAPIError(raw(500))))).toBe(false);
  });
});
