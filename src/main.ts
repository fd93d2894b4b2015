import { loadCatalog } from './catalog/index.ts';
import type { Config } from './config.ts';
import { connect } from './db/index.ts';
import { createApp } from './http/index.ts';
import { startJobs } from './jobs/index.ts';
import { type Logger, randomIds, systemClock } from './kernel/index.ts';
import { listen } from './server.ts';
import { createStripeClient, createStripeLookups, isLiveKey } from './stripe/index.ts';
import type { WebhookDeps } from './webhooks/index.ts';

/** A running service, in `florin serve` and in `florin dev`. */
export type Service = {
  readonly url: string;
  /** Answers what is under way, finishes the jobs' runs, and closes the database. */
  stop(): Promise<void>;
};

/** Wires the parts together and starts them: the only place where all of them meet. */
export async function startService(options: {
  config: Config;
  logger: Logger;
  /** True in `florin dev`, where pages may offer what is only for show. */
  development: boolean;
}): Promise<Service> {
  const { config, logger, development } = options;
  const catalog = await loadCatalog(config.catalogPath);
  const stripe = createStripeClient({
    secretKey: config.stripe.secretKey,
    apiBase: config.stripe.apiBase,
  });
  const db = connect({ url: config.databaseUrl, logger });
  const webhooks: WebhookDeps = {
    db,
    catalog,
    stripe: createStripeLookups(stripe),
    livemode: isLiveKey(config.stripe.secretKey),
    logger,
    clock: systemClock,
    ids: randomIds,
  };
  const app = createApp({ config, webhooks, stripe, development });
  try {
    const server = await listen({ fetch: app.fetch, host: config.host, port: config.port });
    const jobs = startJobs(webhooks);
    return {
      url: server.url,
      async stop() {
        await server.close();
        await jobs.stop();
        await db.close();
      },
    };
  } catch (error) {
    await db.close();
    throw error;
  }
}
