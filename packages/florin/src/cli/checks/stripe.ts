import type { Catalog } from '../../catalog/index.ts';
import { createStripeClient, isLiveKey, type StripeClient } from '../../stripe/index.ts';
import type { Environment } from '../environment.ts';
import { type EventTarget, listDestinations, WEBHOOK_PATH } from '../event-destination.ts';
import { type Check, fault, messageOf, ok, warning } from './check.ts';
import { checkPortal } from './portal.ts';

/**
 * The key works, its mode, an endpoint that gets every event that Florin acts on, and the customer portal,
 * where there is a catalogue to compare it with.
 */
export async function checkStripe(
  environment: Environment,
  { eventTypes, catalog }: { eventTypes: readonly string[]; catalog: Catalog | null },
): Promise<Check[]> {
  const secretKey = environment['STRIPE_SECRET_KEY'];
  const webhookSecret = checkSecret(environment['STRIPE_WEBHOOK_SECRET']);
  if (secretKey === undefined) {
    return [
      fault(
        'stripe.key',
        'STRIPE_SECRET_KEY is not set',
        'Copy it from Stripe: Developers, API keys.',
      ),
      webhookSecret,
    ];
  }
  const apiBase = environment['STRIPE_API_BASE'];
  let stripe: StripeClient;
  try {
    stripe = createStripeClient({ secretKey, apiBase, timeoutMs: 5_000, maxNetworkRetries: 1 });
    await stripe.balance.retrieve();
  } catch (error) {
    return [
      fault(
        'stripe.key',
        messageOf(error),
        'Check STRIPE_SECRET_KEY and that the network lets you through.',
      ),
      webhookSecret,
    ];
  }
  const where = apiBase === undefined ? '' : ` at ${apiBase}`;
  const mode = isLiveKey(secretKey) ? 'live' : 'test';
  return [
    ok('stripe.key', `works, ${mode} mode${where}`),
    webhookSecret,
    await checkEndpoint(stripe, eventTypes),
    ...(await checkPortal(stripe, catalog)),
  ];
}

function checkSecret(secrets: string | undefined): Check {
  if (secrets === undefined) {
    return fault(
      'stripe.webhook_secret',
      'STRIPE_WEBHOOK_SECRET is not set',
      'Copy the signing secret of the endpoint from Stripe: Developers, Webhooks.',
    );
  }
  const malformed = secrets.split(',').filter((secret) => !secret.trim().startsWith('whsec_'));
  return malformed.length === 0
    ? ok('stripe.webhook_secret', 'set')
    : fault(
        'stripe.webhook_secret',
        'STRIPE_WEBHOOK_SECRET does not start with whsec_',
        'Copy the signing secret of the endpoint, not its id.',
      );
}

/** Between them, the endpoints and destinations at our path have to get every type. */
async function checkEndpoint(stripe: StripeClient, eventTypes: readonly string[]): Promise<Check> {
  const name = 'stripe.endpoint';
  const [endpoints, destinations] = await Promise.all([
    listEndpoints(stripe).catch(messageOf),
    listDestinations(stripe).catch(messageOf),
  ]);
  const listed = [endpoints, destinations].filter((one) => typeof one !== 'string').flat();
  const ours = listed.filter(({ url }) => new URL(url).pathname.endsWith(WEBHOOK_PATH));
  const enabled = ours.filter((target) => target.enabled);
  const unlisted = [endpoints, destinations].find((one) => typeof one === 'string');
  if (enabled.length === 0 && unlisted !== undefined) {
    return warning(
      name,
      `endpoints and event destinations cannot be listed: ${unlisted}`,
      'Give the restricted key the right to read webhook endpoints and event destinations, or check them in Stripe.',
    );
  }
  if (enabled.length === 0) {
    return fault(
      name,
      ours.length === 0
        ? `no endpoint and no event destination ends with ${WEBHOOK_PATH}`
        : `the ${ours[0]?.kind} is disabled`,
      `In Stripe, create or enable an endpoint for <your service>${WEBHOOK_PATH} with: ${eventTypes.join(', ')}. For thin events: npx florin init --destination <your service>.`,
    );
  }
  const events = new Set(enabled.flatMap((target) => target.events));
  const missing = events.has('*') ? [] : eventTypes.filter((type) => !events.has(type));
  return missing.length === 0
    ? ok(name, enabled.map(({ url, kind }) => `${url} (${kind})`).join(', '))
    : fault(
        name,
        `does not get: ${missing.join(', ')}`,
        'Add these events to the endpoint in Stripe; to a destination of thin events with v1. before each.',
      );
}

async function listEndpoints(stripe: StripeClient): Promise<EventTarget[]> {
  const { data } = await stripe.webhookEndpoints.list({ limit: 100 });
  return data.map(({ url, status, enabled_events: events }) => ({
    url,
    enabled: status === 'enabled',
    kind: 'endpoint',
    events,
  }));
}
