import type { OpenAPIHono, RouteConfig } from '@hono/zod-openapi';
import type { z } from 'zod';
import { type AnswerOf, type Operation, problem, type Sent } from '../contract/index.ts';
import { showCredits } from '../credit/index.ts';
import { FlorinError, isStorableText } from '../kernel/index.ts';
import { CHOICE, hasAccountInPath } from './acting.ts';
import type { AppEnv, RequestContext } from './context.ts';
import { json, Reply } from './headers.ts';
import { RequestError } from './request-error.ts';

export type App = OpenAPIHono<AppEnv>;

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
  app.openAPIRegistry.registerPath(toDocumented(operation));
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

const ROLE_PROBLEMS = '`not_a_member`, or `role_too_low` (`role`, `required`)';

function withChoice(choice: z.ZodObject, own: z.ZodObject | undefined): z.ZodObject {
  return choice.extend(own?.shape ?? {});
}

function toDocumented(operation: Operation): RouteConfig {
  const { method, path, summary, tag, callers, params, body, bodyOptional } = operation;
  const isChosen = operation.role !== undefined && !hasAccountInPath(operation);
  const query = isChosen ? withChoice(CHOICE.query, operation.query) : operation.query;
  const headers = isChosen ? withChoice(CHOICE.headers, operation.headers) : operation.headers;
  const answers = Object.entries(operation.answers).map(([status, success]) => {
    const { description, schema, type = 'application/json' } = success;
    const content = schema === undefined ? {} : { content: { [type]: { schema } } };
    return [status, { description, ...content }];
  });
  const { 403: forbidden, ...others } = operation.problems ?? {};
  const roles = operation.role === undefined ? undefined : ROLE_PROBLEMS;
  const refused = [forbidden, roles].filter((one) => one !== undefined).join('; ');
  const all = refused === '' ? others : { ...others, 403: refused };
  const problems = Object.entries(all).map(([status, description]) => [
    status,
    { description, content: { 'application/problem+json': { schema: problem } } },
  ]);
  return {
    method,
    path,
    summary,
    tags: [tag],
    ...(callers === undefined ? {} : { security: callers.map((caller) => ({ [caller]: [] })) }),
    request: {
      ...(params === undefined ? {} : { params }),
      ...(query === undefined ? {} : { query }),
      ...(headers === undefined ? {} : { headers }),
      ...(body === undefined
        ? {}
        : {
            body: {
              required: bodyOptional !== true,
              content: { 'application/json': { schema: body } },
            },
          }),
    },
    responses: Object.fromEntries([...answers, ...problems]),
  };
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
