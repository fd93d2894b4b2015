import { createHash } from 'node:crypto';
import type { Context, Hono } from 'hono';
import { isOldShape, toVersion } from '../events/versions.ts';
import { withIds } from '../ids.ts';
import { SANDBOX_API_VERSION } from '../settings.ts';
import { newId, type World } from '../world.ts';
import { checkParameters } from './check-parameters.ts';
import { ApiError, invalid, type StripeErrorBody } from './errors.ts';
import { expand } from './expand.ts';
import { type Form, parseForm } from './form.ts';
import { formOfJson } from './json.ts';
import { Params } from './params.ts';
import { present } from './present.ts';

/** One request as the handlers see it. */
export type Call = {
  readonly world: World;
  readonly params: Params;
  /** A segment of the path: `call.id('id')` of `/v1/charges/:id`. */
  path(name: string): string;
};

export type Handler = (call: Call) => object;
export type Method = 'get' | 'post' | 'delete';
export type Route = readonly [method: Method, path: string, handler: Handler];

const KEPT_SECONDS = 86_400;
const MAX_KEY_LENGTH = 255;
const MAX_HEADER = 2_000;
/** `2026-10-28.endive`, older ones without a name, and what preview versions add. */
const VERSION = /^\d{4}-\d{2}-\d{2}(\.\w+)?(;.*)?$/;

/** Puts the routes on the app; each runs in one commit of the store, with Stripe's idempotency. */
export function mountRoutes(app: Hono, world: World, routes: readonly Route[]): void {
  for (const [method, path, handler] of routes) {
    app.on(method.toUpperCase(), path, async (context) => {
      const query = new URL(context.req.url).search.slice(1);
      const body = method === 'post' ? await context.req.text() : '';
      const requestId = withIds(world.bytes, () => newId('req', 14));
      const started = performance.now();
      context.header('request-id', requestId);
      context.header('stripe-version', versionOf(context, world));
      const answer = answerOnce(world, {
        route: `${method} ${path}`,
        context,
        requestId,
        form: () =>
          path.startsWith('/v2/')
            ? { ...parseForm(query), ...formOfJson(body) }
            : parseForm([query, body].filter((part) => part !== '').join('&')),
        fingerprintOf: () =>
          createHash('sha256')
            .update(`${method} ${context.req.path}\n${query}\n${body}`)
            .digest('hex'),
        key: method === 'post' ? context.req.header('idempotency-key') : undefined,
        handler,
      });
      world.requests.add({
        id: requestId,
        at: world.wall.now().getTime(),
        method: method.toUpperCase(),
        path: context.req.path,
        query,
        body,
        version: versionOf(context, world),
        idempotencyKey: context.req.header('idempotency-key') ?? null,
        status: answer.status,
        ignored: answer.ignored ?? [],
        answer: answer.body,
        milliseconds: performance.now() - started,
      });
      for (const [name, value] of Object.entries(answer.headers)) {
        context.header(name, value);
      }
      return context.body(answer.body, answer.status as 200, {
        'content-type': 'application/json',
      });
    });
  }
}

type Request = {
  /** `post /v1/charges/:id`. */
  route: string;
  context: Context;
  requestId: string;
  form: () => Form;
  fingerprintOf: () => string;
  key: string | undefined;
  handler: Handler;
};
type Answer = {
  status: number;
  body: string;
  headers: Record<string, string>;
  ignored?: readonly string[];
};

function answerOnce(world: World, request: Request): Answer {
  const { key } = request;
  if (key === undefined || key === '') {
    return answer(world, request);
  }
  if (key.length > MAX_KEY_LENGTH) {
    return refused({
      status: 400,
      body: {
        type: 'invalid_request_error',
        message: `Idempotency keys can have up to ${MAX_KEY_LENGTH} characters.`,
      },
    });
  }
  const fingerprint = request.fingerprintOf();
  const first = world.store.get('idempotency', key);
  const wallSeconds = Math.floor(world.wall.now().getTime() / 1000);
  if (first !== undefined && wallSeconds - first.createdAt < KEPT_SECONDS) {
    return first.fingerprint === fingerprint
      ? replay(first)
      : refused({
          status: 400,
          body: {
            type: 'idempotency_error',
            message:
              first.path !== request.context.req.path
                ? `Keys for idempotent requests can only be used for the same endpoint they were first used for ('${request.context.req.path}' vs '${first.path}'). Try using a key other than '${key}' if you meant to execute a different request.`
                : `Keys for idempotent requests can only be used with the same parameters they were first used with. Try using a key other than '${key}' if you meant to execute a different request.`,
          },
        });
  }
  const given = answer(world, request);
  if (isRemembered(given.status)) {
    world.store.commit(() =>
      world.store.put('idempotency', {
        id: key,
        fingerprint,
        path: request.context.req.path,
        status: given.status,
        body: given.body,
        requestId: request.requestId,
        createdAt: wallSeconds,
      }),
    );
  }
  return given;
}

/** Refused input and authentication did nothing, so a corrected request may use the key again. */
function isRemembered(status: number): boolean {
  return status < 400 || status === 402 || status >= 500;
}

function replay(first: { status: number; body: string; requestId: string }): Answer {
  return {
    status: first.status,
    body: first.body,
    headers: { 'idempotent-replayed': 'true', 'original-request': first.requestId },
  };
}

function answer(world: World, request: Request): Answer {
  try {
    const { shown, ignored } = world.store.commit(() => run(world, request));
    return {
      status: 200,
      body: JSON.stringify(shown, null, 2),
      headers: ignored.length === 0 ? {} : { 'stripe-sandbox-ignored': inHeader(ignored) },
      ignored,
    };
  } catch (error) {
    if (error instanceof ApiError) {
      return refused(error);
    }
    world.logger.error(
      { path: request.context.req.path, error: String((error as Error).stack ?? error) },
      'the sandbox failed',
    );
    return refused({
      status: 500,
      body: { type: 'api_error', message: 'The sandbox failed; its log says why.' },
    });
  } finally {
    world.request = { id: null, idempotencyKey: null };
  }
}

/** The names that can stand in a header, as many as fit. */
function inHeader(names: readonly string[]): string {
  return names
    .filter((name) => /^[\w[\].-]+$/.test(name))
    .join(', ')
    .slice(0, MAX_HEADER);
}

function run(world: World, request: Request): { shown: object; ignored: string[] } {
  const { context } = request;
  world.request = { id: request.requestId, idempotencyKey: request.key ?? null };
  const version = versionOf(context, world);
  if (!VERSION.test(version)) {
    throw invalid(`Invalid Stripe API version: ${version}`);
  }
  if (!context.req.path.startsWith('/v2/') && isJson(context)) {
    throw invalid(
      'Invalid request (check that your POST content type is application/x-www-form-urlencoded).',
    );
  }
  const form = request.form();
  checkParameters(request.route, form, {
    strict: isNewest(version),
    olderNames: !isNewest(context.req.header('stripe-version') ?? ''),
  });
  const params = new Params(form);
  const result = request.handler({
    world,
    params,
    path: (name) => context.req.param(name) ?? '',
  });
  const shown = expand(world, presentDeep(world, result), params.texts('expand'));
  return {
    shown: isOldShape(version) ? toVersion(world, shown, version) : shown,
    ignored: params.ignored(),
  };
}

function presentDeep(world: World, result: object): Record<string, unknown> {
  const list = result as { object?: string; data?: object[] };
  return (list.object === 'list' || list.object === 'search_result') && Array.isArray(list.data)
    ? { ...list, data: list.data.map((item) => present(world, item)) }
    : present(world, result);
}

function isJson({ req }: Context): boolean {
  const type = req.header('content-type') ?? '';
  return req.method === 'POST' && type.startsWith('application/json');
}

/** The version whose parameters are known; older ones had others. */
function isNewest(version: string): boolean {
  return version.slice(0, 10) >= SANDBOX_API_VERSION.slice(0, 10);
}

function versionOf(context: Context, world: World): string {
  return context.req.header('stripe-version') ?? world.settings.apiVersion;
}

export function refused(error: { status: number; body: StripeErrorBody }): Answer {
  return {
    status: error.status,
    body: JSON.stringify({ error: error.body }, null, 2),
    headers: {
      'stripe-should-retry': error.status === 429 || error.status >= 500 ? 'true' : 'false',
    },
  };
}
