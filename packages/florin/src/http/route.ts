import { type OpenAPIHono, type RouteConfig, z } from '@hono/zod-openapi';
import { FlorinError, isStorableText } from '../kernel/index.ts';
import type { AppEnv, RouteHandler } from './context.ts';

export type App = OpenAPIHono<AppEnv>;

/** One operation: its documentation, and what answers it. */
export type Route = {
  readonly method: 'get' | 'post' | 'put' | 'delete';
  /** With parameters as OpenAPI writes them: `/api/accounts/{id}`. */
  readonly path: string;
  readonly docs: Omit<RouteConfig, 'method' | 'path'>;
  readonly handler: RouteHandler;
};

/** Adds an operation to the service and to its OpenAPI document, so that neither lacks the other. */
export function addRoute(app: App, { method, path, docs, handler }: Route): void {
  const request = { params: namesOf(path), ...docs.request };
  app.openAPIRegistry.registerPath({ method, path, ...docs, request });
  app.on(method.toUpperCase(), toHonoPath(path), (c, next) => {
    c.set('route', path);
    if (!Object.values<string>(c.req.param()).every(isStorableText)) {
      throw new FlorinError('invalid_input', 'The path must be well-formed Unicode without NUL.');
    }
    return handler(c, next);
  });
}

/** Answers a known path with an unknown method by `method_not_allowed`, anything else by `not_found`. */
export function addFallback(app: App): void {
  const known = new Map<string, Set<string>>();
  for (const { path, method } of app.routes) {
    if (method !== 'ALL') {
      known.set(path, (known.get(path) ?? new Set()).add(method));
    }
  }
  const patterns = [...known].map(([path, methods]) => ({
    pattern: new RegExp(`^${path.replaceAll(/:\w+/g, '[^/]+').replaceAll('*', '.*')}$`),
    methods,
  }));
  app.notFound((c) => {
    const allowed = patterns
      .filter(({ pattern }) => pattern.test(c.req.path))
      .flatMap(({ methods }) => [...methods]);
    if (allowed.length > 0 && !allowed.includes(c.req.method)) {
      throw new FlorinError('method_not_allowed', `Use ${allowed.join(' or ')} here.`, {
        details: { allowed },
      });
    }
    throw new FlorinError('not_found', 'There is nothing at this address.');
  });
}

/** Any text for each name in the path; a route that knows more of them says so itself. */
function namesOf(path: string) {
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name);
  return z.object(Object.fromEntries(names.map((name) => [name, z.string()])));
}

function toHonoPath(path: string): string {
  return path.replaceAll(/\{(\w+)\}/g, ':$1');
}
