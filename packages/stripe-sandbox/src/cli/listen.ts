import { upgradeWebSocket } from '@hono/node-server';
import type { Hono } from 'hono';
import { WebSocketServer } from 'ws';
import type { Route } from '../api/route.ts';
import { SANDBOX_API_VERSION } from '../settings.ts';
import type { StripeEvent } from '../shapes.ts';
import type { ThinEvent } from '../store/records.ts';
import { newId, type World } from '../world.ts';
import { listenSecret, type Message, messagesOf } from './messages.ts';

/**
 * `stripe listen`: the official CLI asks for a session, opens a WebSocket and forwards what it reads.
 * Written from the CLI's own messages. It acknowledges each message: what it has not acknowledged is
 * sent again over the session's next connection, so nothing is lost between two of them.
 */
const PROTOCOL = 'stripecli-devproxy-v1';
const PATH = '/sandbox/listen';

/** The CLI renews its connection after this long, whether it is needed or not. */
const RECONNECT_SECONDS = 86_400;
/** A session without a connection is kept for this long. */
const GONE_MS = 5 * 60_000;
/** What a session may owe its listener, in messages; the oldest go first. */
const MOST_OWED = 20_000;

type Session = {
  readonly features: readonly string[];
  /** Messages that are not acknowledged, oldest first. */
  readonly owed: Map<string, string>;
  send: ((text: string) => void) | undefined;
  /** Since when there is no connection, in milliseconds of the real clock. */
  goneSince: number;
};

export function createSockets(): WebSocketServer {
  return new WebSocketServer({
    noServer: true,
    handleProtocols: (offered) => (offered.has(PROTOCOL) ? PROTOCOL : false),
  });
}

/** The routes and the WebSocket of `stripe listen`. */
export function createListening(world: World): {
  routes: readonly Route[];
  mount(app: Hono): void;
} {
  const sessions = new Map<string, Session>();
  const tell = (event: StripeEvent | ThinEvent) => {
    forgetGone(sessions, world.wall.now().getTime());
    for (const session of sessions.values()) {
      owe(session, messagesOf(world, event, session.features));
    }
  };
  const open = (features: readonly string[]) => {
    if (!world.told.includes(tell)) {
      world.told.push(tell);
    }
    const id = newId('cliws');
    const goneSince = world.wall.now().getTime();
    sessions.set(id, { features, owed: new Map(), send: undefined, goneSince });
    return id;
  };
  return {
    routes: [
      [
        'post',
        '/v1/stripecli/sessions',
        ({ params }) => {
          const asked = params.texts('websocket_features');
          const features = asked.length === 0 ? ['webhooks'] : asked;
          return {
            default_version: world.settings.apiVersion,
            display_connect_filter_warning: false,
            latest_version: SANDBOX_API_VERSION,
            reconnect_delay: RECONNECT_SECONDS,
            secret: listenSecret(world),
            websocket_authorized_feature: features[0],
            websocket_id: open(features),
            websocket_url: `${world.baseUrl().replace(/^http/, 'ws')}${PATH}`,
          };
        },
      ],
    ],
    mount: (app) => mountSocket(app, world, sessions),
  };
}

function mountSocket(app: Hono, world: World, sessions: Map<string, Session>): void {
  app.get(
    PATH,
    async (context, next) => {
      if (!sessions.has(context.req.header('websocket-id') ?? '')) {
        // The CLI knows this sentence, and asks for a new session.
        return context.json({ error: { message: 'Unknown WebSocket ID.' } }, 401);
      }
      return next();
    },
    upgradeWebSocket((context) => {
      const session = sessions.get(context.req.header('websocket-id') ?? '');
      let send: ((text: string) => void) | undefined;
      return {
        onOpen(_opened, socket) {
          if (session !== undefined) {
            send = (text) => socket.send(text);
            session.send = send;
            for (const text of session.owed.values()) {
              send(text);
            }
          }
        },
        onMessage({ data }) {
          const key = acknowledged(String(data));
          if (key !== undefined) {
            session?.owed.delete(key);
          }
        },
        onClose() {
          if (session !== undefined && session.send === send) {
            session.send = undefined;
            session.goneSince = world.wall.now().getTime();
          }
        },
      };
    }),
  );
}

function owe(session: Session, messages: readonly Message[]): void {
  for (const { key, body } of messages) {
    const text = JSON.stringify(body);
    session.owed.set(key, text);
    const [oldest] = session.owed.keys();
    if (session.owed.size > MOST_OWED && oldest !== undefined) {
      session.owed.delete(oldest);
    }
    session.send?.(text);
  }
}

/** Which message the CLI says that it has: a snapshot by its `webhook_id`, a thin event by its own id. */
function acknowledged(text: string): string | undefined {
  const said = JSON.parse(text) as { type?: string; webhook_id?: string; event_id?: string };
  return said.type === 'event_ack' ? said.webhook_id || said.event_id : undefined;
}

function forgetGone(sessions: Map<string, Session>, nowMs: number): void {
  for (const [id, session] of sessions) {
    if (session.send === undefined && nowMs - session.goneSince > GONE_MS) {
      sessions.delete(id);
    }
  }
}
