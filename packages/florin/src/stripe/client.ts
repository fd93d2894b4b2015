import Stripe from 'stripe';
import { InvalidConfigurationError } from '../kernel/index.ts';

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
};

/** A Stripe client with a pinned API version, an explicit timeout and bounded retries. No request is sent here. */
export function createStripeClient(options: StripeClientOptions): StripeClient {
  return new Stripe(options.secretKey, {
    apiVersion: STRIPE_API_VERSION,
    timeout: options.timeoutMs ?? 8_000,
    maxNetworkRetries: options.maxNetworkRetries ?? 2,
    telemetry: false,
    ...(options.apiBase === undefined ? {} : apiAddress(options.apiBase)),
  });
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
  const protocol = url.protocol === 'http:' ? ('http' as const) : ('https' as const);
  return {
    host: url.hostname,
    port: url.port === '' ? (protocol === 'http' ? 80 : 443) : Number(url.port),
    protocol,
  };
}
