import { eventIn } from '../events/body.ts';
import { signatureHeader } from '../events/sign.ts';
import { thinOf } from '../events/thin.ts';
import { SANDBOX_API_VERSION } from '../settings.ts';
import type { StripeEvent } from '../shapes.ts';
import type { ThinEvent } from '../store/records.ts';
import { newId, type World } from '../world.ts';

const SECRET = 'listen_secret';

/** One message to the Stripe CLI, and the name under which it acknowledges it. */
export type Message = { key: string; body: object };

/** One secret for all listeners, kept with the data: `stripe listen --print-secret` tells it. */
export function listenSecret(world: World): string {
  const kept = world.store.get('setting', SECRET)?.value;
  if (typeof kept === 'string') {
    return kept;
  }
  const secret = newId('whsec', 64);
  world.store.put('setting', { id: SECRET, value: secret });
  return secret;
}

/**
 * An event for a session that wants snapshots (`webhooks`), thin events (`v2_events`) or both; some are
 * thin only. Each
 * snapshot is sent twice, as Stripe does: in the account's version (`endpoint.api_version` null) and in
 * the newest (for `--latest`). The CLI takes its one.
 */
export function messagesOf(
  world: World,
  event: StripeEvent | ThinEvent,
  features: readonly string[],
): Message[] {
  const snapshot = event.object === 'event' ? event : undefined;
  const told = event.object === 'event' ? thinOf(event) : event;
  return [
    ...(features.includes('webhooks') && snapshot !== undefined ? snapshots(world, snapshot) : []),
    ...(features.includes('v2_events') ? [thin(world, told)] : []),
  ];
}

function snapshots(world: World, event: StripeEvent): Message[] {
  const conversation = newId('wc');
  return [null, SANDBOX_API_VERSION].map((version) => {
    const payload = JSON.stringify(eventIn(world, event, version), null, 2);
    const key = newId('wh');
    return {
      key,
      body: {
        type: 'webhook_event',
        endpoint: { api_version: version },
        event_payload: payload,
        http_headers: headersOf(world, payload),
        webhook_conversation_id: conversation,
        webhook_id: key,
      },
    };
  });
}

function thin(world: World, told: ThinEvent): Message {
  const payload = JSON.stringify(told);
  return {
    key: told.id,
    body: {
      type: 'v2_event',
      event_destination_id: 'ed_test_cli',
      payload,
      http_headers: headersOf(world, payload),
    },
  };
}

function headersOf(world: World, payload: string) {
  return {
    'Content-Type': 'application/json; charset=utf-8',
    'Stripe-Signature': signatureHeader(payload, {
      secrets: [String(world.store.get('setting', SECRET)?.value ?? '')],
      seconds: Math.floor(world.wall.now().getTime() / 1000),
    }),
    'User-Agent': 'Stripe/1.0 (+https://stripe.com/docs/webhooks; stripe-sandbox)',
  };
}
