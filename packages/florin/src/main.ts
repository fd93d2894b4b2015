import type { Catalog } from './catalog/index.ts';
import type { Config } from './config.ts';
import { createFlorin } from './florin.ts';
import type { Logger } from './kernel/index.ts';
import { listen } from './server.ts';

/** A running service, in `florin serve` and in `florin dev`. */
export type Service = {
  readonly url: string;
  /** Finishes the jobs' runs and starts no more; requests are still answered. Part of `stop`. */
  stopJobs(): Promise<void>;
  /** Answers what is under way, finishes the jobs' runs, and closes the database. */
  stop(): Promise<void>;
};

/** Starts the service as a process: the library, a listening server, and the background jobs. */
export async function startService(options: {
  config: Config;
  catalog: Catalog;
  logger: Logger;
  /** True in `florin dev`, where pages may offer what is only for show. */
  development: boolean;
}): Promise<Service> {
  const { config } = options;
  const florin = createFlorin(options);
  try {
    const { host, port, metricsPort } = config;
    const server = await listen({ fetch: florin.fetch, host, port });
    const metrics =
      metricsPort === undefined
        ? undefined
        : await listen({ fetch: florin.fetchMetrics, host, port: metricsPort }).catch(
            async (error) => {
              await server.close();
              throw error;
            },
          );
    const jobs = florin.startJobs();
    return {
      url: server.url,
      stopJobs: () => jobs.stop(),
      async stop() {
        florin.endStreams();
        await Promise.all([server.close(), metrics?.close()]);
        await jobs.stop();
        await florin.close();
      },
    };
  } catch (error) {
    await florin.close();
    throw error;
  }
}
