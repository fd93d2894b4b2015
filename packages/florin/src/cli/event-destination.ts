import { FlorinError, InvalidConfigurationError } from '../kernel/index.ts';
import { type StripeClient, toStripeFlorinError } from '../stripe/index.ts';
import { thinEventTypes } from '../webhooks/index.ts';
import type { Environment } from './environment.ts';
import { requireStripe } from './stripe.ts';

export const WEBHOOK_PATH = '/api/stripe/webhook';

/** One address that Stripe tells, and what of: types as a snapshot's, whichever kind comes. */
export type EventTarget = {
  readonly url: string;
  readonly enabled: boolean;
  readonly kind: 'endpoint' | 'destination of thin events' | 'destination of snapshots';
  readonly events: readonly string[];
};

/**
 * Creates an event destination of thin events for the service at `address`; its secret is told this once.
 * Throws `invalid_configuration` for what is no address, `conflict` when there is one for it already,
 * `stripe_unavailable`, `stripe_rejected`.
 */
export async function createDestination(
  environment: Environment,
  address: string,
): Promise<{ id: string; url: string; secret: string; events: string[] }> {
  const url = webhookAddress(address);
  const { client } = requireStripe(environment);
  const events = thinEventTypes();
  try {
    const known = (await listDestinations(client)).find(
      (one) => one.url === url && one.kind === 'destination of thin events',
    );
    if (known !== undefined) {
      throw new FlorinError(
        'conflict',
        `Stripe has an event destination of thin events for ${url} already. Enable it, change its events or delete it in Stripe (Workbench, Webhooks).`,
      );
    }
    const made = await client.v2.core.eventDestinations.create({
      name: 'Florin',
      description: 'Credits follow payments.',
      type: 'webhook_endpoint',
      event_payload: 'thin',
      events_from: ['@self'],
      enabled_events: events,
      webhook_endpoint: { url },
      include: ['webhook_endpoint.signing_secret'],
    });
    return { id: made.id, url, secret: made.webhook_endpoint?.signing_secret ?? '', events };
  } catch (error) {
    throw toStripeFlorinError(error);
  }
}

function webhookAddress(address: string): string {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new InvalidConfigurationError([
      `--destination is not an address: ${address}. Give the service's, such as https://credits.example.com.`,
    ]);
  }
  const base = address.replace(/\/+$/, '');
  return base.endsWith(WEBHOOK_PATH) ? base : `${base}${WEBHOOK_PATH}`;
}

/** The event destinations that are webhook endpoints, on all pages. */
export async function listDestinations(client: StripeClient): Promise<EventTarget[]> {
  const all = await client.v2.core.eventDestinations
    .list({ limit: 100, include: ['webhook_endpoint.url'] })
    .autoPagingToArray({ limit: 1_000 });
  return all.flatMap(({ webhook_endpoint: endpoint, status, event_payload, enabled_events }) =>
    endpoint?.url === undefined
      ? []
      : {
          url: endpoint.url,
          enabled: status === 'enabled',
          kind:
            event_payload === 'thin' ? 'destination of thin events' : 'destination of snapshots',
          events: enabled_events.map((type) =>
            event_payload === 'thin' ? type.replace(/^v1\./, '') : type,
          ),
        },
  );
}
