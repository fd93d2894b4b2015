import { invalid, noSuch } from '../api/errors.ts';
import { momentFilter, page } from '../api/page.ts';
import type { Params } from '../api/params.ts';
import type { Route } from '../api/route.ts';
import type { StripeEvent, WebhookEndpoint } from '../shapes.ts';
import { newId, type World } from '../world.ts';
import { schedule, tellOnceKept } from './emit.ts';
import { isListed } from './reach.ts';

export type NewEndpoint = {
  url: string;
  secret?: string | undefined;
  apiVersion?: string | null | undefined;
  enabledEvents?: readonly string[] | undefined;
  description?: string | null;
  metadata?: Record<string, string>;
};

export function addEndpoint(world: World, input: NewEndpoint): WebhookEndpoint {
  return world.store.put('webhook_endpoint', {
    id: newId('we'),
    object: 'webhook_endpoint',
    api_version: input.apiVersion ?? null,
    application: null,
    created: world.now(),
    description: input.description ?? null,
    enabled_events: [...(input.enabledEvents ?? ['*'])],
    livemode: false,
    metadata: input.metadata ?? {},
    secret: input.secret ?? newId('whsec', 32),
    status: 'enabled',
    url: input.url,
  });
}

function createEndpoint(world: World, params: Params): WebhookEndpoint {
  const url = params.need('url');
  if (!/^https?:\/\/./.test(url)) {
    throw invalid('Invalid URL: An explicit scheme (such as https) must be provided.', {
      param: 'url',
      code: 'url_invalid',
    });
  }
  const enabled = params.texts('enabled_events');
  if (enabled.length === 0) {
    throw invalid('Missing required param: enabled_events.', {
      param: 'enabled_events',
      code: 'parameter_missing',
    });
  }
  return addEndpoint(world, {
    url,
    enabledEvents: enabled,
    apiVersion: params.text('api_version'),
    description: params.text('description') ?? null,
    metadata: params.metadata(),
  });
}

/** The secret is told once, when the endpoint is made. */
function withoutSecret(endpoint: WebhookEndpoint): WebhookEndpoint {
  const { secret: _, ...shown } = endpoint;
  return shown;
}

function needEndpoint(world: World, id: string): WebhookEndpoint {
  const endpoint = world.store.get('webhook_endpoint', id);
  if (endpoint === undefined) {
    throw noSuch('webhook endpoint', id);
  }
  return endpoint;
}

function updateEndpoint(world: World, before: WebhookEndpoint, params: Params): WebhookEndpoint {
  const enabled = params.texts('enabled_events');
  const disabled = params.flag('disabled');
  return withoutSecret(
    world.store.put('webhook_endpoint', {
      ...before,
      url: params.text('url') ?? before.url,
      enabled_events: enabled.length > 0 ? enabled : before.enabled_events,
      status: disabled === undefined ? before.status : disabled ? 'disabled' : 'enabled',
      metadata: params.metadata(before.metadata),
    }),
  );
}

function listEvents(world: World, params: Params) {
  const types = params.texts('types');
  const type = params.text('type');
  const created = momentFilter(params, 'created');
  const pattern = (wanted: string, given: string) =>
    wanted.endsWith('*') ? given.startsWith(wanted.slice(0, -1)) : wanted === given;
  return world.store
    .all('event')
    .filter(
      (event) =>
        isListed(world, event) &&
        created(event.created) &&
        (type === undefined || pattern(type, event.type)) &&
        (types.length === 0 || types.some((one) => pattern(one, event.type))),
    )
    .reverse();
}

function needEvent(world: World, id: string): StripeEvent {
  const event = world.store.get('event', id);
  if (event === undefined) {
    throw noSuch('event', id);
  }
  return event;
}

/** `stripe events resend`: to one endpoint, or to whoever listens with the CLI. */
function resend(world: World, event: StripeEvent, params: Params): StripeEvent {
  if (params.flag('for_stripecli') ?? false) {
    tellOnceKept(world, event.id);
    return event;
  }
  schedule(world, event.id, needEndpoint(world, params.need('webhook_endpoint')).id);
  return event;
}

export const eventRoutes: readonly Route[] = [
  [
    'get',
    '/v1/events',
    ({ world, params }) => page(listEvents(world, params), params, '/v1/events'),
  ],
  ['get', '/v1/events/:id', ({ world, path }) => needEvent(world, path('id'))],
  [
    'post',
    '/v1/events/:id/retry',
    ({ world, path, params }) => resend(world, needEvent(world, path('id')), params),
  ],
  ['post', '/v1/webhook_endpoints', ({ world, params }) => createEndpoint(world, params)],
  [
    'get',
    '/v1/webhook_endpoints',
    ({ world, params }) =>
      page(
        world.store.all('webhook_endpoint').reverse().map(withoutSecret),
        params,
        '/v1/webhook_endpoints',
      ),
  ],
  [
    'get',
    '/v1/webhook_endpoints/:id',
    ({ world, path }) => withoutSecret(needEndpoint(world, path('id'))),
  ],
  [
    'post',
    '/v1/webhook_endpoints/:id',
    ({ world, path, params }) => updateEndpoint(world, needEndpoint(world, path('id')), params),
  ],
  [
    'delete',
    '/v1/webhook_endpoints/:id',
    ({ world, path }) => {
      const { id } = needEndpoint(world, path('id'));
      world.store.remove('webhook_endpoint', id);
      return { id, object: 'webhook_endpoint', deleted: true };
    },
  ],
];
