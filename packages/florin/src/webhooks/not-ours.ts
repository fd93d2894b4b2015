import type { StripeEvent } from '../stripe/index.ts';
import type { WebhookDeps } from './deps.ts';

/** Events of another mode or of a connected account are not ours; they stay visible in the inbox. */
export function notOurs(deps: WebhookDeps, event: StripeEvent): string | undefined {
  if (event.livemode !== deps.livemode) {
    const mode = (live: boolean) => (live ? 'live' : 'test');
    return `A ${mode(event.livemode)}-mode event, and STRIPE_SECRET_KEY is of ${mode(deps.livemode)} mode.`;
  }
  if (event.account !== null && event.account !== (deps.stripeAccount ?? null)) {
    return `An event of the connected account ${event.account}: not ours.`;
  }
  return undefined;
}
