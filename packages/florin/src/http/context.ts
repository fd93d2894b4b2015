import type { Context, Handler, MiddlewareHandler } from 'hono';
import type { Credit } from '../credit/index.ts';

/** What travels with a request. */
export type AppEnv = {
  /** What @hono/node-server brings; absent where the app is mounted elsewhere. */
  Bindings: {
    readonly incoming?: {
      readonly socket?: { readonly remoteAddress?: string };
      /** True once a host has read from the request's stream. */
      readonly readableDidRead?: boolean;
      /** The bytes, where the host kept them. */
      readonly rawBody?: unknown;
    };
  };
  Variables: {
    requestId: string;
    /** The signed-in user, for the log. */
    accountId: string | undefined;
    /** How credits with decimals are read and shown; absent: they are whole. */
    credit: Credit | undefined;
    /** The code of the problem that was answered. */
    code: string | undefined;
    /** Set-Cookie lines that go with a problem. */
    cookies: readonly string[] | undefined;
    /** The route's pattern, for metrics: never the path, which holds ids. */
    route: string | undefined;
  };
};

export type RequestContext = Context<AppEnv>;
export type RouteHandler = Handler<AppEnv>;
export type Middleware = MiddlewareHandler<AppEnv>;
