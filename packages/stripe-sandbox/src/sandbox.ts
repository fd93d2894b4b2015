import type { Server } from 'node:http';
import { type AddressInfo, isIP } from 'node:net';
import { serve, type WebSocketServerLike } from '@hono/node-server';
import type { Hono } from 'hono';
import { type ApiSwitches, createApiApp } from './app.ts';
import { invoicePayee } from './billing/pay-invoice.ts';
import { sessionPayee } from './checkout/complete.ts';
import { createListening, createSockets } from './cli/listen.ts';
import { paymentPageRoutes } from './cli/payment-pages.ts';
import { runDue } from './clock/due.ts';
import { createControl, type SandboxControl } from './control/control.ts';
import { mountControl } from './control/routes.ts';
import { createDeliverer } from './events/deliver.ts';
import { mountPages } from './pages/pages.ts';
import { seedEndpoints, seedPrices } from './seed.ts';
import {
  parseSettings,
  type SeedEndpoint,
  type SeedPrice,
  type SettingsInput,
} from './settings.ts';
import type { Kind } from './store/records.ts';
import { openStore } from './store/store.ts';
import { type Clock, type Logger, silentLogger, systemClock } from './surroundings.ts';
import { createWorld, type World } from './world.ts';

export type SandboxOptions = SettingsInput & {
  /** Default 4243; 0 takes any free port. */
  port?: number;
  /** Default 127.0.0.1. */
  host?: string;
  /** The address that browsers use, when it is not `http://host:port`. */
  publicUrl?: string | undefined;
  /** The real clock, which signs deliveries; the sandbox's own time can be moved ahead of it. */
  clock?: Clock;
  logger?: Logger;
  /** The products and prices that are there from the start. */
  prices?: readonly SeedPrice[];
  /** Where events go. */
  endpoints?: readonly SeedEndpoint[];
  /** A file that keeps everything over a restart; absent: memory only. */
  storage?: string | undefined;
};

export type Sandbox = SandboxControl & {
  /** `http://127.0.0.1:4243`: what `STRIPE_API_BASE` is set to. */
  readonly url: string;
  /** The port that is bound, once it is started. */
  readonly port: number;
  /** Binds the port and begins to deliver. Idempotent. */
  start(): Promise<void>;
  /** Stops answering and delivering, and closes the file. Idempotent. */
  stop(): Promise<void>;
};

const DEFAULT_PORT = 4243;
const TICK_MS = 1_000;
const EVENTS_KEPT_SECONDS = 30 * 86_400;
const KEYS_KEPT_SECONDS = 86_400;

/** Makes a sandbox; nothing is bound or sent before `start()`. The same options open the same data. */
export function createSandbox(options: SandboxOptions = {}): Sandbox {
  const host = options.host ?? '127.0.0.1';
  let port = options.port ?? DEFAULT_PORT;
  const url = () =>
    options.publicUrl?.replace(/\/$/, '') ??
    `http://${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
  const wall = options.clock ?? systemClock;
  const store = openStore({
    file: options.storage,
    keep: (kind, object) => isWorthKeeping(kind, object, wall.now().getTime() / 1000),
  });
  const world = createWorld({
    store,
    settings: parseSettings(options),
    logger: options.logger ?? silentLogger,
    wall,
    baseUrl: url,
    payees: { invoice: invoicePayee, session: sessionPayee },
  });
  seedPrices(world, options.prices ?? []);
  seedEndpoints(world, options.endpoints ?? []);
  const deliverer = createDeliverer(world);
  const switches: ApiSwitches = { rateLimitNext: 0, failNext: 0, loseAnswers: 0 };
  const control = createControl(world, { deliverer, switches });
  const listening = createListening(world);
  const app = createApiApp(world, { switches, more: [...paymentPageRoutes, ...listening.routes] });
  listening.mount(app);
  mountPages(app, world);
  mountControl(app, world, control);
  let running: { server: Server; close: () => Promise<void> } | undefined;
  return {
    ...control,
    get url() {
      return url();
    },
    get port() {
      return port;
    },
    async start() {
      if (running !== undefined) {
        return;
      }
      running = await listen(app, world, { host, port });
      port = (running.server.address() as AddressInfo).port;
      deliverer.start();
    },
    async stop() {
      const stopping = running;
      running = undefined;
      await Promise.all([stopping?.close(), deliverer.stop()]);
      store.close();
    },
  };
}

async function listen(app: Hono, world: World, at: { host: string; port: number }) {
  const sockets = createSockets();
  const server = await new Promise<Server>((resolve, reject) => {
    const bound = serve(
      {
        fetch: app.fetch,
        hostname: at.host,
        port: at.port,
        // Its type wants `exactOptionalPropertyTypes` off; the server is the one that it documents.
        websocket: { server: sockets as unknown as WebSocketServerLike },
      },
      () => resolve(bound as Server),
    );
    bound.once('error', reject);
  });
  const ticker = setInterval(() => tick(world), TICK_MS);
  ticker.unref();
  return {
    server,
    async close() {
      clearInterval(ticker);
      for (const socket of sockets.clients) {
        socket.terminate();
      }
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

/** What is due by the sandbox's own time happens without anyone asking. */
function tick(world: World): void {
  try {
    runDue(world, world.now(), { testClock: null });
  } catch (error) {
    world.logger.error({ error: String(error) }, 'the sandbox could not do what was due');
  }
}

/** The journal is rewritten at start without what Stripe would have forgotten too. */
function isWorthKeeping(kind: Kind, object: { id: string }, nowSeconds: number): boolean {
  const made = object as { createdAt?: number; created?: number; status?: string };
  switch (kind) {
    case 'idempotency':
      return nowSeconds - (made.createdAt ?? 0) < KEYS_KEPT_SECONDS;
    case 'delivery':
      return (
        made.status === 'pending' || nowSeconds - (made.createdAt ?? 0) / 1000 < EVENTS_KEPT_SECONDS
      );
    default:
      return true;
  }
}
