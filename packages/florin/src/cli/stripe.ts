import { InvalidConfigurationError } from '../kernel/index.ts';
import { createStripeClient, isLiveKey, type StripeClient } from '../stripe/index.ts';
import type { Environment } from './environment.ts';

/** Stripe as the settings name it, or a fault that says what to set. */
export function requireStripe(environment: Environment): { client: StripeClient; live: boolean } {
  const secretKey = environment['STRIPE_SECRET_KEY'];
  if (secretKey === undefined) {
    throw new InvalidConfigurationError([
      'STRIPE_SECRET_KEY is missing: copy it from Stripe (Developers, API keys), or start `florin dev` in this folder.',
    ]);
  }
  const client = createStripeClient({ secretKey, apiBase: environment['STRIPE_API_BASE'] });
  return { client, live: isLiveKey(secretKey) };
}
