import type { Middleware, RequestContext } from './context.ts';
import { noContent } from './headers.ts';
import { RequestError } from './request-error.ts';

const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS']);
const PREFLIGHT_SECONDS = '600';

/**
 * Decides which pages may call (CORS), and rejects requests that another site made up (CSRF). Origins are
 * compared with ALLOWED_ORIGINS; none is echoed that is not on it, and no address is made of one.
 * A writing request that names another origin, or comes from another site, is `forbidden`.
 */
export function createOriginGate(allowedOrigins: readonly string[]): Middleware {
  const allowed = new Set(allowedOrigins);

  return async function originGate(c, next) {
    const origin = c.req.header('origin');
    if (origin === undefined) {
      refuseForeignWrites(c);
      await next();
      c.res.headers.append('vary', 'Origin');
      return;
    }
    if (!allowed.has(origin)) {
      if (!SAFE_METHODS.has(c.req.method) || isPreflight(c)) {
        throw notAllowed();
      }
      await next();
      c.res.headers.append('vary', 'Origin');
      return;
    }
    if (isPreflight(c)) {
      const answer = noContent();
      allow(answer, origin);
      answer.headers.set('access-control-allow-methods', 'GET, POST, PUT, DELETE');
      answer.headers.set(
        'access-control-allow-headers',
        'authorization, content-type, florin-account, idempotency-key, last-event-id',
      );
      answer.headers.set('access-control-max-age', PREFLIGHT_SECONDS);
      return answer;
    }
    await next();
    allow(c.res, origin);
    c.res.headers.set('access-control-expose-headers', 'retry-after, x-request-id');
    return;
  };
}

/** Refuses a request of a page that is on no allowed origin, reading ones included. */
export function requireAllowedOrigin(allowedOrigins: readonly string[]): Middleware {
  const allowed = new Set(allowedOrigins);
  return async function allowedOriginOnly(c, next) {
    const origin = c.req.header('origin');
    if (origin !== undefined && !allowed.has(origin)) {
      throw notAllowed();
    }
    await next();
  };
}

function isPreflight(c: RequestContext): boolean {
  return c.req.method === 'OPTIONS' && c.req.header('access-control-request-method') !== undefined;
}

/** A browser names the origin of every writing request; one that lacks it does not come from a page. */
function refuseForeignWrites(c: RequestContext): void {
  if (!SAFE_METHODS.has(c.req.method) && c.req.header('sec-fetch-site') === 'cross-site') {
    throw notAllowed();
  }
}

function allow(response: Response, origin: string): void {
  response.headers.set('access-control-allow-origin', origin);
  response.headers.set('access-control-allow-credentials', 'true');
  response.headers.append('vary', 'Origin');
}

function notAllowed(): RequestError {
  return new RequestError(
    'forbidden',
    'Pages of this origin may not call the service. Add it to ALLOWED_ORIGINS if they should.',
    { details: { reason: 'origin_not_allowed' } },
  );
}
