import type { Command } from 'commander';
import { type Catalog, loadCatalog } from '../catalog/index.ts';
import { changedRates } from '../charge/index.ts';
import { type Config, parseConfig } from '../config.ts';
import { connect, listMigrations, pendingMigrations } from '../db/index.ts';
import { InvalidConfigurationError, type Logger } from '../kernel/index.ts';
import { keepDecimals } from '../ledger/index.ts';
import { type CommandContext, EXIT } from './command-line.ts';
import { readGivenEnvironment } from './environment.ts';
import { createLogger } from './logger.ts';
import { createShutdown, untilAskedToStop } from './shutdown.ts';

/** `florin serve`: the service and its background jobs, until it is asked to stop. */
export function addServe(program: Command, context: CommandContext): void {
  program
    .command('serve')
    .description(
      'Run the service: webhooks, checkout, balances, pages, and the background jobs. Refuses to start, naming each fault, when a setting is missing, malformed or weak.',
    )
    .action(async () => {
      const config = parseConfig(readGivenEnvironment());
      const logger = createLogger(config.logLevel);
      // At once, for none of them needs another: a file is compiled, code is loaded, the database is asked.
      const [catalog, { startService }] = await Promise.all([
        loadCatalog(config.catalogPath),
        import('../main.ts'),
        refuseUnmigrated(config.databaseUrl, logger),
      ]);
      await refuseOtherThanKept({ config, catalog, logger });
      const asked = untilAskedToStop();
      const service = await startService({ config, catalog, logger, development: false });
      const shutdown = createShutdown();
      shutdown.add('service', () => service.stop());
      context.terminal.out(`listening on ${service.url}\n`);
      const signal = await asked;
      logger.info({ signal }, 'stopping');
      const unstopped = await shutdown.run();
      context.finishWith(unstopped.length === 0 ? EXIT.done : EXIT.failed);
    });
}

/**
 * Refuses a database without Florin's schema. One that does not answer is no reason not to start: it
 * may be starting too, and requests are answered 503 until it is there.
 */
async function refuseUnmigrated(url: string, logger: Logger): Promise<void> {
  const migrations = await listMigrations();
  const pending = await pendingMigrations({ url }).catch((error: unknown) => {
    if (error instanceof InvalidConfigurationError) {
      throw error;
    }
    logger.warn({ error: String(error) }, 'the migrations could not be checked');
    return [];
  });
  const versions = pending.map(({ version }) => version);
  if (pending.length === migrations.length) {
    throw new InvalidConfigurationError([
      'DATABASE_URL names a database without Florin in it: run `florin migrate` (or `supabase db push`).',
    ]);
  }
  if (pending.length > 0) {
    logger.error({ versions }, 'migrations are pending: run florin migrate');
  }
}

/**
 * Refuses a catalogue with other decimals than the ledger's, or that changes rates in use. Where that
 * cannot be asked now, the first statement or charge will.
 */
async function refuseOtherThanKept(asked: {
  config: Config;
  catalog: Catalog;
  logger: Logger;
}): Promise<void> {
  const { config, catalog, logger } = asked;
  const { credit, usage } = catalog;
  const db = connect({ url: config.databaseUrl, maxConnections: 1 });
  try {
    await keepDecimals(db, credit.decimals);
    const changed = usage.size === 0 ? [] : await changedRates(db, usage);
    if (changed.length > 0) {
      throw new InvalidConfigurationError(changed.map(({ explanation }) => explanation));
    }
  } catch (error) {
    if (error instanceof InvalidConfigurationError) {
      throw error;
    }
    logger.warn(
      { error: String(error) },
      'the catalogue could not be compared with what is in use',
    );
  } finally {
    await db.close();
  }
}
