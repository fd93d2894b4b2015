import type { StripeClient } from '../stripe/index.ts';
import type { WebhookDeps } from '../webhooks/index.ts';

/** What a comparison needs from outside: what processes events, and Stripe itself. */
export type ReconcileDeps = WebhookDeps & { readonly client: StripeClient };
