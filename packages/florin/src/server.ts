import type { IncomingMessage, ServerResponse } from 'node:http';
import { Server as NetServer } from 'node:net';
import { createAdaptorServer, getRequestListener } from '@hono/node-server';
import { z } from 'zod';
import { check, FlorinError, InvalidConfigurationError } from './kernel/index.ts';

/** A listening HTTP server. */
export type RunningServer = {
  /** `http://host:port`, without a slash at the end. */
  readonly url: string;
  /**
   * Takes no new connections and answers what comes on those that are open, each for the last time. Ends
   * what is idle soon, and what is still under way after a while.
   */
  close(): Promise<void>;
};

const HEADERS_TIMEOUT_MS = 15_000;
const REQUEST_TIMEOUT_MS = 30_000;
/** How often connections are looked at: one that is too slow is open this much longer at most. */
const CHECK_MS = 5_000;
const KEEP_ALIVE_MS = 65_000;
/** What a request under way is given at the end; live streams are cut then, and reconnect elsewhere. */
const GRACE_MS = 5_000;
/** How long a kept-alive connection may still bring a request at the end; balancers reuse them at any time. */
const LAST_REQUEST_MS = 1_000;

/** Serves `fetch` over HTTP. Rejects with `conflict` when the port is taken, `invalid_configuration` where it cannot be had. */
export async function listen(options: {
  fetch: (request: Request) => Response | Promise<Response>;
  host: string;
  port: number;
}): Promise<RunningServer> {
  const { fetch, host, port } = options;
  const server = createAdaptorServer({
    fetch,
    serverOptions: {
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      connectionsCheckingInterval: CHECK_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
    },
  });
  const answering = new Set<ServerResponse>();
  let isClosing = false;
  server.prependListener('request', (_incoming: IncomingMessage, outgoing: ServerResponse) => {
    // Sent as `connection: close`: the client opens its next connection where somebody listens.
    outgoing.shouldKeepAlive &&= !isClosing;
    answering.add(outgoing);
    outgoing.once('close', () => answering.delete(outgoing));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(explain(error, { host, port }));
    });
    server.listen(port, host, resolve);
  });
  const address = server.address();
  const bound = typeof address === 'object' && address !== null ? address.port : port;
  const name = host.includes(':') ? `[${host}]` : host;
  return {
    url: `http://${name}:${bound}`,
    async close() {
      isClosing = true;
      for (const outgoing of answering) {
        outgoing.shouldKeepAlive = false;
      }
      // Not http's own close, which cuts idle connections at once, with requests already on their way.
      const closed = new Promise<void>((resolve) => {
        NetServer.prototype.close.call(server, () => resolve());
      });
      if ('closeIdleConnections' in server) {
        const idle = setTimeout(() => server.closeIdleConnections(), LAST_REQUEST_MS);
        const cut = setTimeout(() => server.closeAllConnections(), GRACE_MS);
        await closed;
        clearTimeout(idle);
        clearTimeout(cut);
      }
      await closed;
    },
  };
}

const HANDED_ON = z.object({
  fetch: z.custom((fetch) => typeof fetch === 'function', {
    error: 'must be a function: pass what createFlorin returns',
  }),
});

/** Answers one request of Node's own server, as Express and its kind hand it on. */
export type NodeHandler = (incoming: IncomingMessage, outgoing: ServerResponse) => Promise<void>;

/**
 * Florin as a handler of Node's `http`: for Express, Connect, Fastify's middleware, a bare server.
 * Give it every path below `/api`, mounted before body parsers: Stripe's signature covers the bytes as
 * they came. A body that somebody read before is refused with `body_already_read`, unless the parser
 * kept its bytes as `request.rawBody`. Changes nothing in the process that it runs in.
 */
export function nodeHandler(florin: {
  fetch(request: Request, ...platform: unknown[]): Response | Promise<Response>;
}): NodeHandler {
  check(HANDED_ON, florin);
  const listener = getRequestListener((request, env) => florin.fetch(request, env), {
    overrideGlobalObjects: false,
  });
  return (incoming: IncomingMessage & { originalUrl?: string }, outgoing) => {
    // Express takes the mount's path off `url`; Florin's routes are whole.
    incoming.url = incoming.originalUrl ?? incoming.url ?? '/';
    return listener(incoming, outgoing);
  };
}

function explain(error: NodeJS.ErrnoException, at: { host: string; port: number }): Error {
  switch (error.code) {
    case 'EADDRINUSE':
      return new FlorinError(
        'conflict',
        `Port ${at.port} is taken by another program: stop it, or set PORT.`,
      );
    case 'ENOTFOUND':
    case 'EADDRNOTAVAIL':
      return new InvalidConfigurationError([
        `HOST ${at.host} is no address of this machine. Leave it out, or set 0.0.0.0 for all of them.`,
      ]);
    case 'EACCES':
      return new InvalidConfigurationError([
        `PORT ${at.port} is not open to this user. Set one above 1023.`,
      ]);
    default:
      return error;
  }
}
