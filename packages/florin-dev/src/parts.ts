import { join } from 'node:path';
import { createIssuer } from './issuer/issuer.ts';
import { type Amounts, type CatalogPrice, demoPrices, type SandboxPrice } from './prices.ts';
import type { Logger } from './surroundings.ts';

/** What Florin brings to its own development: this package imports nothing of it. */
export type FlorinParts = {
  readonly migrate: (database: { url: string; logger: Logger }) => Promise<unknown>;
  /** The catalogue at a path, or the default one. */
  readonly loadCatalog: (
    path: string | undefined,
  ) => Promise<{ readonly prices: readonly CatalogPrice[] }>;
  /** What the default catalogue's prices cost in the sandbox. */
  readonly amounts: Amounts;
  readonly webhookEventTypes: () => readonly string[];
  readonly createSandbox: (options: {
    host: string;
    port: number;
    publicUrl: string | undefined;
    storage: string;
    apiKeys: readonly string[];
    prices: readonly SandboxPrice[];
    endpoints: readonly { url: string; secret: string; enabledEvents: readonly string[] }[];
    logger: Logger;
  }) => { readonly url: string; start(): Promise<void>; stop(): Promise<void> };
  /** The service and its pages, as `florin serve` runs them. */
  readonly startService: (
    environment: Readonly<Record<string, string>>,
    logger: Logger,
  ) => Promise<{ readonly url: string; stopJobs(): Promise<void>; stop(): Promise<void> }>;
};

/** One running part: how to end it, and the addresses that answer once it is up. */
export type Part = {
  readonly stop: () => Promise<void>;
  readonly probes: readonly string[];
};

type PartOptions = {
  readonly florin: FlorinParts;
  readonly environment: Readonly<Record<string, string>>;
  /** Where parts keep their files. */
  readonly folder: string;
  readonly host: string;
  readonly logger: Logger;
};

/** Sign-in for the demo: tokens in Supabase's shape. */
export async function startIssuer(part: PartOptions & { port: number }): Promise<Part> {
  const issuer = createIssuer({
    host: part.host,
    port: part.port,
    publicUrl: part.environment['SUPABASE_URL'],
    storage: join(part.folder, 'issuer.jsonl'),
    logger: part.logger,
  });
  await issuer.start();
  return {
    stop: () => issuer.stop(),
    probes: [`${part.environment['SUPABASE_URL']}/auth/v1/.well-known/jwks.json`],
  };
}

/** Stripe's stand-in, with the catalogue's prices and the service's endpoint. */
export async function startSandbox(
  part: PartOptions & { port: number; service: string },
): Promise<Part> {
  const { florin, environment } = part;
  const catalog = await florin.loadCatalog(environment['FLORIN_CATALOG']);
  const sandbox = florin.createSandbox({
    host: part.host,
    port: part.port,
    publicUrl: environment['STRIPE_API_BASE'],
    storage: join(part.folder, 'sandbox.jsonl'),
    apiKeys: [environment['STRIPE_SECRET_KEY'] ?? ''],
    prices: demoPrices(catalog.prices, florin.amounts),
    endpoints: [
      {
        url: `${part.service}/api/stripe/webhook`,
        secret: environment['STRIPE_WEBHOOK_SECRET'] ?? '',
        enabledEvents: florin.webhookEventTypes(),
      },
    ],
    logger: part.logger,
  });
  await sandbox.start();
  return { stop: () => sandbox.stop(), probes: [sandbox.url] };
}

/** The service and its pages. */
export async function startService({
  florin,
  environment,
  logger,
}: PartOptions): Promise<Part & { readonly stopJobs: () => Promise<void> }> {
  const service = await florin.startService(environment, logger);
  return {
    stopJobs: () => service.stopJobs(),
    stop: () => service.stop(),
    probes: ['/readyz', '/pricing.html', '/api/plans'].map((path) => service.url + path),
  };
}
