import { SandboxSettingsError } from './surroundings.ts';

/** The API version of requests and of the account: the one that `stripe` 23.1.0 is pinned to. */
export const SANDBOX_API_VERSION = '2026-10-28.endive';

export type SeedPrice = {
  /** The price's fixed id, such as `price_QUICK_SCAN`. */
  id: string;
  lookupKey?: string | undefined;
  /** The product's name on the checkout page. */
  name: string;
  description?: string | undefined;
  /** In the currency's smallest unit: 500 is 5.00 in `usd` and 500 in `jpy`. */
  unitAmount: number;
  /** Default `usd`. */
  currency?: string | undefined;
  /** Absent: one-time. */
  recurring?: { interval: 'day' | 'week' | 'month' | 'year'; intervalCount?: number } | undefined;
  /** Prices with the same product share it; default: a product of its own. */
  product?: string | undefined;
  metadata?: Record<string, string> | undefined;
};

export type SeedEndpoint = {
  url: string;
  secret: string;
  /** The API version of what it receives; default: the sandbox's. Before 2025-03-31: the old shapes. */
  apiVersion?: string | undefined;
  /** Default: everything. */
  enabledEvents?: readonly string[] | undefined;
};

export type SandboxSettings = {
  /** The Stripe account that the keys are of. */
  readonly accountId: string;
  readonly apiKeys: readonly string[];
  readonly apiVersion: string;
  readonly currency: string;
  /** Seconds between attempts of a delivery, in the sandbox's time; after the last it is given up. */
  readonly retryGaps: readonly number[];
  /** Milliseconds that an endpoint may take to answer. */
  readonly deliveryTimeoutMs: number;
  readonly concurrentDeliveries: number;
  /** Seconds an invoice of a renewal stays a draft; at Stripe an hour. */
  readonly draftSeconds: number;
  /** Days after which a failed renewal is tried again, and the subscription's fate after the last. */
  readonly dunningDays: readonly number[];
  readonly dunningEnds: 'canceled' | 'unpaid';
  /** Seconds until a bank debit settles when nobody settles it by hand. */
  readonly debitSeconds: number;
  readonly seed: string | undefined;
};

export type SettingsInput = {
  accountId?: string | undefined;
  apiKeys?: readonly string[] | undefined;
  apiVersion?: string | undefined;
  currency?: string | undefined;
  retryGaps?: readonly number[] | undefined;
  deliveryTimeoutMs?: number | undefined;
  concurrentDeliveries?: number | undefined;
  draftSeconds?: number | undefined;
  dunningDays?: readonly number[] | undefined;
  dunningEnds?: 'canceled' | 'unpaid' | undefined;
  debitSeconds?: number | undefined;
  /** Any text: the same requests then give the same ids at the same times. Time stands still until it is moved. */
  seed?: string | undefined;
};

const DAY = 86_400;

/** Stripe retries for three days; here the gaps grow from a second to an hour. */
const RETRY_GAPS = [1, 2, 4, 8, 15, 30, 60, 120, 300, 600, 1800, 3600];

/** Fills in what was not said. Raises `SandboxSettingsError` for a key that is no test key. */
export function parseSettings(input: SettingsInput): SandboxSettings {
  const apiKeys = input.apiKeys ?? [];
  const faults = apiKeys
    .filter((key) => !/^(sk|rk|pk)_test_/.test(key))
    .map(() => 'apiKeys: the sandbox takes test keys only (sk_test_…).');
  if (faults.length > 0) {
    throw new SandboxSettingsError(faults);
  }
  return {
    accountId: input.accountId ?? 'acct_sandbox',
    apiKeys,
    apiVersion: input.apiVersion ?? SANDBOX_API_VERSION,
    currency: input.currency ?? 'usd',
    retryGaps: input.retryGaps ?? RETRY_GAPS,
    deliveryTimeoutMs: input.deliveryTimeoutMs ?? 10_000,
    concurrentDeliveries: input.concurrentDeliveries ?? 8,
    draftSeconds: input.draftSeconds ?? 3600,
    dunningDays: input.dunningDays ?? [3, 5, 7],
    dunningEnds: input.dunningEnds ?? 'canceled',
    debitSeconds: input.debitSeconds ?? 3 * DAY,
    seed: input.seed,
  };
}
