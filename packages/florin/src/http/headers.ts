import type { RequestContext } from './context.ts';

/** Headers of everything that is not a page: nothing in it may run, be framed or be kept by a cache. */
export const API_HEADERS: Readonly<Record<string, string>> = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};

const JSON_HEADERS = { ...API_HEADERS, 'content-type': 'application/json' };

type ReplyOptions = {
  status?: number;
  headers?: Readonly<Record<string, string>>;
  /** Set-Cookie lines. */
  cookies?: readonly string[];
};

/** What a route answers besides its body; amounts in it are still in units (see addRoute). */
export class Reply<Body> {
  readonly body: Body;
  readonly options: ReplyOptions;

  constructor(body: Body, options: ReplyOptions = {}) {
    this.body = body;
    this.options = options;
  }
}

/** A JSON answer with the headers of the API. */
export function json(body: unknown, options: ReplyOptions = {}): Response {
  const { status = 200, headers, cookies } = options;
  const response = new Response(JSON.stringify(body), {
    status,
    headers: headers === undefined ? JSON_HEADERS : { ...JSON_HEADERS, ...headers },
  });
  return cookies === undefined ? response : withCookies(response, cookies);
}

/** An answer without a body. */
export function noContent(): Response {
  return new Response(null, { status: 204, headers: { ...API_HEADERS } });
}

/**
 * Pages load their own scripts, styles and data only; they talk to the service and, to sign in, to
 * Supabase Auth. Scripts in the page's text do not run.
 */
export function pageHeaders(connectTo: readonly string[]): Record<string, string> {
  const connect = ["'self'", ...connectTo].join(' ');
  return {
    'content-security-policy': [
      "default-src 'none'",
      "script-src 'self'",
      "style-src 'self'",
      "font-src 'self'",
      "img-src 'self'",
      `connect-src ${connect}`,
      "base-uri 'none'",
      "form-action 'self'",
      "frame-ancestors 'none'",
    ].join('; '),
    'cross-origin-opener-policy': 'same-origin',
    'permissions-policy': 'camera=(), geolocation=(), microphone=(), payment=()',
    // The return from a checkout carries the session's id in its address.
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
  };
}

/** Two years, as browsers' preload lists want it; only ever sent for a service behind https. */
export const STRICT_TRANSPORT = 'max-age=63072000; includeSubDomains';

/** Adds Set-Cookie lines to an answer that is not sent yet. */
export function withCookies<R extends Response>(response: R, cookies: readonly string[]): R {
  for (const cookie of cookies) {
    response.headers.append('set-cookie', cookie);
  }
  return response;
}

/** The request's Cookie header. */
export function cookieHeader(c: RequestContext): string | undefined {
  return c.req.header('cookie');
}
