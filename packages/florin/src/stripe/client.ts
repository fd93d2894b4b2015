import type Stripe from 'stripe';
import { type FlorinError, InvalidConfigurationError, isPrivateHost } from '../kernel/index.ts';
import { loadSdk, openedLater } from './sdk.ts';

/** The API version of every request that Florin sends; deliveries come in the endpoint's own. */
export const STRIPE_API_VERSION = '2026-10-28.endive';

export type StripeClient = Stripe;

export type StripeClientOptions = {
  secretKey: string;
  /** Another address that speaks Stripe's API (`STRIPE_API_BASE`); absent: Stripe itself. */
  apiBase?: string | undefined;
  /** Milliseconds one request may take before it is retried or fails. */
  timeoutMs?: number;
  /** Retries of a request whose connection failed or that Stripe asks to repeat (409, 429, 5xx). */
  maxNetworkRetries?: number;
  /** Asked before each request, retries included: what it throws the call throws, and nothing is sent. */
  mayAsk?: () => Promise<void>;
};

/** The error code of an answer that never came from Stripe: the request was not sent. */
export const NOT_ASKED = 'florin_not_asked';

/**
 * A Stripe client with a pinned API version, an explicit timeout and bounded retries. No request is sent
 * here, and the SDK is loaded by the first one. Throws `invalid_configuration` for a live key with an
 * `apiBase`, and for an `apiBase` over plain http that is not on this machine's own network: live money
 * and secret keys go to Stripe alone.
 */
export function createStripeClient(options: StripeClientOptions): StripeClient {
  checkAddress(options);
  return openedLater(() => openStripeClient(options));
}

/** The same with the SDK loaded: all that it can do, not only requests. */
export async function openStripeClient(options: StripeClientOptions): Promise<StripeClient> {
  const { mayAsk } = options;
  const address = checkAddress(options);
  const Stripe = await loadSdk();
  return new Stripe(options.secretKey, {
    apiVersion: STRIPE_API_VERSION,
    timeout: options.timeoutMs ?? 8_000,
    maxNetworkRetries: options.maxNetworkRetries ?? 2,
    telemetry: false,
    ...(mayAsk === undefined
      ? {}
      : { httpClient: Stripe.createFetchHttpClient(fetchWhere(mayAsk)) }),
    ...address,
  });
}

/** Where requests go, if not to Stripe. */
function checkAddress({ secretKey, apiBase }: StripeClientOptions) {
  if (apiBase === undefined) {
    return {};
  }
  if (isLiveKey(secretKey)) {
    throw new InvalidConfigurationError([
      'STRIPE_API_BASE is set beside a live key: live money is asked of Stripe alone. Leave STRIPE_API_BASE out.',
    ]);
  }
  return apiAddress(apiBase);
}

/** A refusal becomes an answer that the SDK neither repeats nor takes for a lost connection. */
function fetchWhere(mayAsk: () => Promise<void>): typeof fetch {
  return async (input, init) => {
    try {
      await mayAsk();
    } catch (error) {
      const { message, details } = error as FlorinError;
      const retryAfter = String(details?.['retryAfter'] ?? 1);
      return Response.json(
        { error: { code: NOT_ASKED, message } },
        { status: 429, headers: { 'retry-after': retryAfter, 'stripe-should-retry': 'false' } },
      );
    }
    // Hosts such as Next.js keep what fetch has read, unless they are told not to.
    return fetch(input, { ...init, cache: 'no-store' });
  };
}

/** Whether a secret or restricted key belongs to live mode; decides which events are ours. */
export function isLiveKey(secretKey: string): boolean {
  return /^(sk|rk)_live_/.test(secretKey);
}

function apiAddress(base: string) {
  let url: URL;
  try {
    url = new URL(base);
  } catch {
    throw new InvalidConfigurationError([`STRIPE_API_BASE is not an address: ${base}`]);
  }
  if (url.protocol === 'http:' && !isPrivateHost(url.hostname)) {
    throw new InvalidConfigurationError([
      `STRIPE_API_BASE is http:// to a public host: ${url.host} would be told the secret key in clear.`,
    ]);
  }
  const protocol = url.protocol === 'http:' ? ('http' as const) : ('https' as const);
  return {
    host: url.hostname,
    port: url.port === '' ? (protocol === 'http' ? 80 : 443) : Number(url.port),
    protocol,
  };
}
