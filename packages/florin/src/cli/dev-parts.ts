import { join } from 'node:path';
import { createSandbox } from 'stripe-sandbox';
import { loadCatalog } from '../catalog/index.ts';
import { parseConfig } from '../config.ts';
import { createIssuer } from '../issuer/index.ts';
import type { Logger } from '../kernel/index.ts';
import { startService } from '../main.ts';
import { webhookEventTypes } from '../webhooks/index.ts';
import { demoPrices } from './demo-prices.ts';

/** One running part of `florin dev`: how to end it, and the addresses that answer once it is up. */
export type Part = {
  readonly stop: () => Promise<void>;
  readonly probes: readonly string[];
};

export type Around = {
  readonly environment: Readonly<Record<string, string>>;
  /** Where parts keep their files. */
  readonly folder: string;
  readonly host: string;
  readonly logger: Logger;
};

/** Sign-in for the demo: tokens in Supabase's shape. */
export async function startIssuerPart(part: Around & { port: number }): Promise<Part> {
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
export async function startSandboxPart(
  part: Around & { port: number; service: string },
): Promise<Part> {
  const { environment } = part;
  const catalog = await loadCatalog(environment['FLORIN_CATALOG']);
  const sandbox = createSandbox({
    host: part.host,
    port: part.port,
    publicUrl: environment['STRIPE_API_BASE'],
    storage: join(part.folder, 'sandbox.jsonl'),
    apiKeys: [environment['STRIPE_SECRET_KEY'] ?? ''],
    prices: demoPrices(catalog),
    endpoints: [
      {
        url: `${part.service}/api/stripe/webhook`,
        secret: environment['STRIPE_WEBHOOK_SECRET'] ?? '',
        enabledEvents: webhookEventTypes(),
      },
    ],
    logger: part.logger,
  });
  await sandbox.start();
  return { stop: () => sandbox.stop(), probes: [sandbox.url] };
}

/** The service and its pages, as `florin serve` runs them. */
export async function startServicePart(part: Around): Promise<Part> {
  const config = parseConfig(part.environment);
  const service = await startService({ config, logger: part.logger, development: true });
  return {
    stop: () => service.stop(),
    probes: ['/readyz', '/pricing.html', '/api/plans'].map((path) => service.url + path),
  };
}
