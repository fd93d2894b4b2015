import type { CheckoutDeps } from '../checkout/index.ts';
import type { StripeClient } from '../stripe/index.ts';
import type { WebhookDeps } from '../webhooks/index.ts';
import type { Confirmations } from './confirmation.ts';

/** What changing a plan needs from outside. */
export type PlanChangeDeps = CheckoutDeps & {
  /** What decides about credits, over the buyer's share of requests to Stripe. */
  readonly webhooks: WebhookDeps;
  readonly confirmations: Confirmations;
};

export type Subscription = Awaited<ReturnType<StripeClient['subscriptions']['retrieve']>>;
export type SubscriptionItem = Subscription['items']['data'][number];
export type Invoice = Awaited<ReturnType<StripeClient['invoices']['createPreview']>>;
export type UpdateParams = NonNullable<Parameters<StripeClient['subscriptions']['update']>[1]>;
