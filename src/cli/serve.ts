import type { Command } from 'commander';
import { parseConfig } from '../config.ts';
import { createLogger } from '../kernel/index.ts';
import { type CommandContext, EXIT } from './command-line.ts';
import { readGivenEnvironment } from './environment.ts';
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
      const asked = untilAskedToStop();
      const { startService } = await import('../main.ts');
      const service = await startService({ config, logger, development: false });
      const shutdown = createShutdown();
      shutdown.add('service', () => service.stop());
      context.terminal.out(`listening on ${service.url}\n`);
      const signal = await asked;
      logger.info({ signal }, 'stopping');
      const unstopped = await shutdown.run();
      context.finishWith(unstopped.length === 0 ? EXIT.done : EXIT.failed);
    });
}
