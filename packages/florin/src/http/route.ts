import { Hono } from 'hono';
import type { AnswerOf, Operation, Sent } from '../contract/index.ts';
import { showCredits } from '../credit/index.ts';
import { FlorinError, isStorableText } from '../kernel/index.ts';
import type { AppEnv, RequestContext } from './context.ts';
import { json, Reply } from './headers.ts';
import { RequestError } from './request-error.ts';

/** The service's routes, and the operations among them, of which the OpenAPI document tells. */
export type App = Hono<AppEnv> & { readonly operations: Operation[] };

export function openApp(): App {
  return Object.assign(new Hono<AppEnv>({ strict: false }), { operations: [] });
}

/**
 * Answers an operation: with the body alone, with a {@link Reply} that has a status and headers as well,
 * or with a response that is no JSON. Amounts are in units.
 */
type Answer<Body> = Body | Reply<Body> | Response;
type Handler<Body> = (c: RequestContext) => Promise<Answer<Body>> | Answer<Body>;

/**
 * Adds an operation to the service and to its OpenAPI document, so that neither lacks the other. Where
 * credits have decimals, the amounts that the answer's schema marks go out in credits.
 */
export function addRoute<const O extends Operation>(
  app: App,
  operation: O,
  handler: Handler<Sent<AnswerOf<O>>>,
): void {
  const { method, path } = operation;
  app.operations.push(operation);
  app.on(method.toUpperCase(), toHonoPath(path), async (c) => {
    c.set('route', path);
    if (!Object.values<string>(c.req.param()).every(isStorableText)) {
      throw new FlorinError('invalid_input', 'The path must be well-formed Unicode without NUL.');
    }
    const answer = await handler(c);
    if (answer instanceof Response) {
      return answer;
    }
    const { body, options } = answer instanceof Reply ? answer : new Reply(answer);
    const credit = c.get('credit');
    const schema = operation.answers[options.status ?? 200]?.schema;
    return json(credit === undefined ? body : showCredits(credit, schema, body), options);
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
      throw new RequestError('method_not_allowed', `Use ${allowed.join(' or ')} here.`, {
        details: { allowed },
      });
    }
    throw new FlorinError('not_found', 'There is nothing at this address.');
  });
}

function toHonoPath(path: string): string {
  return path.replaceAll(/\{(\w+)\}/g, ':$1');
}
