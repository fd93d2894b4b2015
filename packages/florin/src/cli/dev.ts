import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Command } from 'commander';
import type { FlorinParts } from 'florin-dev';
import { migrate } from '../db/index.ts';
import { FlorinError, packageVersion } from '../kernel/index.ts';
import { readPort } from './arguments.ts';
import { argument, type CommandContext, EXIT } from './command-line.ts';
import {
  DEV_FOLDER,
  forgetRunning,
  noteRunning,
  readGivenEnvironment,
  readRunningDev,
} from './environment.ts';
import { createLogger } from './logger.ts';
import { createShutdown, type Shutdown, untilAskedToStop } from './shutdown.ts';

type Options = { port?: number; sandboxPort: number; issuerPort: number };

const DEFAULT_PORT = 4242;
const DEFAULT_SANDBOX_PORT = 4243;
const DEFAULT_ISSUER_PORT = 4244;

/** `florin dev`: everything on this machine, until Ctrl-C. */
export function addDev(program: Command, context: CommandContext): void {
  program
    .command('dev')
    .description(
      `Run everything here: a Postgres (unless DATABASE_URL is set), the migrations, a Stripe sandbox, sign-in for the demo, the service and its pages. Data stays in ${DEV_FOLDER}/. Ctrl-C stops it all.`,
    )
    .option('--port <port>', 'of the service; default: PORT, then 4242', argument(readPort))
    .option('--sandbox-port <port>', 'of the sandbox', argument(readPort), DEFAULT_SANDBOX_PORT)
    .option('--issuer-port <port>', 'of the sign-in', argument(readPort), DEFAULT_ISSUER_PORT)
    .action(async (options: Options) => {
      const shutdown = createShutdown();
      const asked = untilAskedToStop();
      let failure: unknown;
      try {
        // A Ctrl-C meanwhile counts once everything is up: what has started is then known.
        await start({ options, context, shutdown });
        failure = await Promise.race([asked.then(() => undefined), shutdown.broken]);
      } catch (error) {
        failure = error;
      }
      const unstopped = await shutdown.run();
      if (failure !== undefined) {
        throw failure;
      }
      for (const one of unstopped) {
        context.terminal.err(`florin: ${one}\n`);
      }
      context.terminal.out('stopped\n');
      context.finishWith(unstopped.length === 0 ? EXIT.done : EXIT.failed);
    });
}

async function start(dev: {
  options: Options;
  context: CommandContext;
  shutdown: Shutdown;
}): Promise<void> {
  const { options, context, shutdown } = dev;
  const given = readGivenEnvironment();
  const folder = join(process.cwd(), DEV_FOLDER);
  refuseSecondDev(folder);
  const { DevError, startDevelopment } = await loadFlorinDev();
  try {
    const { environment, summary } = await startDevelopment({
      florin: await florinParts(),
      given,
      folder,
      ports: {
        service: options.port ?? Number(given['PORT'] ?? DEFAULT_PORT),
        sandbox: options.sandboxPort,
        issuer: options.issuerPort,
      },
      logger: createLogger((given['LOG_LEVEL'] as 'info' | undefined) ?? 'warn'),
      shutdown,
    });
    await noteRunning(folder, { pid: process.pid, environment });
    shutdown.add('note', () => forgetRunning(folder));
    context.terminal.out(summary);
    context.terminal.out('ready\n');
  } catch (error) {
    throw error instanceof DevError
      ? new FlorinError(error.code, error.message, { cause: error })
      : error;
  }
}

/** Most of the program's weight, which no other command needs. */
async function florinParts(): Promise<FlorinParts> {
  const [
    { createSandbox },
    { loadCatalog, OCR_AMOUNTS },
    { parseConfig },
    { startService },
    webhooks,
  ] = await Promise.all([
    import('stripe-sandbox'),
    import('../catalog/index.ts'),
    import('../config.ts'),
    import('../main.ts'),
    import('../webhooks/index.ts'),
  ]);
  return {
    migrate,
    loadCatalog,
    amounts: OCR_AMOUNTS,
    createSandbox,
    webhookEventTypes: webhooks.webhookEventTypes,
    async startService(environment, logger) {
      const config = parseConfig(environment);
      const catalog = await loadCatalog(config.catalogPath);
      return startService({ config, catalog, logger, development: true });
    },
  };
}

/** Installed beside Florin, or in the folder that the command runs in. */
async function loadFlorinDev(): Promise<typeof import('florin-dev')> {
  try {
    return await import('florin-dev');
  } catch (beside) {
    if (!isMissing(beside)) {
      throw beside;
    }
  }
  try {
    const here = createRequire(join(process.cwd(), 'package.json'));
    return await import(pathToFileURL(here.resolve('florin-dev')).href);
  } catch (error) {
    if (!isMissing(error)) {
      throw error;
    }
    throw new FlorinError(
      'invalid_configuration',
      `florin dev needs the package florin-dev, which production does without. Install it: npm i -D florin-dev@${packageVersion()}. It brings a Postgres; with DATABASE_URL set it uses yours.`,
      { cause: error },
    );
  }
}

function isMissing(error: unknown): boolean {
  const { code, message } = error as NodeJS.ErrnoException;
  return /^(ERR_)?MODULE_NOT_FOUND$/.test(code ?? '') && message.includes("'florin-dev'");
}

function refuseSecondDev(folder: string): void {
  const running = readRunningDev(folder);
  if (running !== undefined) {
    throw new FlorinError(
      'conflict',
      `florin dev runs here already (process ${running.pid}). Stop it, or start in another folder.`,
    );
  }
}
