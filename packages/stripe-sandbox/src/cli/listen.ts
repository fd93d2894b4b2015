import { upgradeWebSocket } from '@hono/node-server';
import type { Hono } from 'hono';
import { WebSocketServer } from 'ws';
import type { Route } from '../api/route.ts';
import { eventIn } from '../events/body.ts';
import { signatureHeader } from '../events/sign.ts';
import { SANDBOX_API_VERSION } from '../settings.ts';
import type { StripeEvent } from '../shapes.ts';
import { newId, type World } from '../world.ts';

/**
 * `stripe listen`: the official CLI asks for a session, opens a WebSocket and forwards what it reads.
 * Written from the CLI's own messages; each event is sent twice, as Stripe does: in the account's
 * version (`endpoint.api_version` null) and in the newest (for `--latest`). The CLI takes its one.
 */
const PROTOCOL = 'stripecli-devproxy-v1';
const PATH = '/sandbox/listen';
const SECRET = 'listen_secret';
const RECONNECT_SECONDS = 5;

export function createSockets(): WebSocketServer {
  return new WebSocketServer({
    noServer: true,
    handleProtocols: (offered) => (offered.has(PROTOCOL) ? PROTOCOL : false),
  });
}

/** One secret for all listeners, kept with the data: `stripe listen --print-secret` tells it. */
function listenSecret(world: World): string {
  const kept = world.store.get('setting', SECRET)?.value;
  if (typeof kept === 'string') {
    return kept;
  }
  const secret = newId('whsec', 64);
  world.store.put('setting', { id: SECRET, value: secret });
  return secret;
}

export const listenRoutes: readonly Route[] = [
  [
    'post',
    '/v1/stripecli/sessions',
    ({ world, params }) => ({
      default_version: world.settings.apiVersion,
      display_connect_filter_warning: false,
      latest_version: SANDBOX_API_VERSION,
      reconnect_delay: RECONNECT_SECONDS,
      secret: listenSecret(world),
      websocket_authorized_feature: params.texts('websocket_features')[0] ?? 'webhooks',
      websocket_id: newId('cliws'),
      websocket_url: `${world.baseUrl().replace(/^http/, 'ws')}${PATH}`,
    }),
  ],
];

export function mountListen(app: Hono, world: World): void {
  app.get(
    PATH,
    upgradeWebSocket(() => {
      let tell: ((event: StripeEvent) => void) | undefined;
      return {
        onOpen(_opened, socket) {
          tell = (event) => {
            for (const message of messagesOf(world, event)) {
              socket.send(JSON.stringify(message));
            }
          };
          world.told.push(tell);
        },
        onClose() {
          const at = tell === undefined ? -1 : world.told.indexOf(tell);
          if (at >= 0) {
            world.told.splice(at, 1);
          }
        },
      };
    }),
  );
}

function messagesOf(world: World, event: StripeEvent): object[] {
  const secret = String(world.store.get('setting', SECRET)?.value ?? '');
  const conversation = newId('wc');
  return [null, SANDBOX_API_VERSION].map((version) => {
    const payload = JSON.stringify(eventIn(world, event, version), null, 2);
    return {
      type: 'webhook_event',
      endpoint: { api_version: version },
      event_payload: payload,
      http_headers: {
        'Content-Type': 'application/json; charset=utf-8',
        'Stripe-Signature': signatureHeader(payload, {
          secrets: [secret],
          seconds: Math.floor(world.wall.now().getTime() / 1000),
        }),
        'User-Agent': 'Stripe/1.0 (+https://stripe.com/docs/webhooks; stripe-sandbox)',
      },
      webhook_conversation_id: conversation,
      webhook_id: newId('wh'),
    };
  });
}
