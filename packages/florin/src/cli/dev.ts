import { join } from 'node:path';
import type { Command } from 'commander';
import { migrate, startEmbeddedPostgres } from '../db/index.ts';
import { createLogger, FlorinError, type Logger } from '../kernel/index.ts';
import { readPort } from './arguments.ts';
import { argument, type CommandContext, EXIT } from './command-line.ts';
import { ensureSecrets, forgetRunning, makeDevFolder, noteRunning } from './dev-state.ts';
import { DEV_FOLDER, readGivenEnvironment, readRunningDev } from './environment.ts';
import { requireFreePorts } from './ports.ts';
import { createShutdown, type Shutdown, untilAskedToStop } from './shutdown.ts';

type Options = { port?: number; sandboxPort: number; issuerPort: number };

const HOST = '127.0.0.1';
const DEFAULT_PORT = 4242;
const DEFAULT_SANDBOX_PORT = 4243;
const DEFAULT_ISSUER_PORT = 4244;
const ANSWER_TIMEOUT_MS = 30_000;

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
  const logger = createLogger((given['LOG_LEVEL'] as 'info' | undefined) ?? 'warn');
  const ports = {
    service: options.port ?? Number(given['PORT'] ?? DEFAULT_PORT),
    sandbox: options.sandboxPort,
    issuer: options.issuerPort,
  };
  refuseSecondDev(folder);
  await requireFreePorts(HOST, [
    { port: ports.service, what: 'the service', change: 'set PORT' },
    { port: ports.sandbox, what: 'the Stripe sandbox', change: 'use --sandbox-port' },
    { port: ports.issuer, what: 'the sign-in', change: 'use --issuer-port' },
  ]);
  await makeDevFolder(folder);
  const secrets = await ensureSecrets(folder);
  const databaseUrl = given['DATABASE_URL'] ?? (await startDatabase({ folder, shutdown }));
  await migrate({ url: databaseUrl, logger });

  const service = `http://localhost:${ports.service}`;
  const environment: Record<string, string> = {
    ...secrets,
    DATABASE_URL: databaseUrl,
    STRIPE_API_BASE: `http://localhost:${ports.sandbox}`,
    SUPABASE_URL: `http://localhost:${ports.issuer}`,
    APP_URL: given['APP_URL'] ?? service,
    ALLOWED_ORIGINS: given['ALLOWED_ORIGINS'] ?? service,
    PORT: String(ports.service),
    HOST,
    // The sandbox allows any rate.
    BUYER_STRIPE_CALLS: '1000',
    ...(given['FLORIN_CATALOG'] === undefined ? {} : { FLORIN_CATALOG: given['FLORIN_CATALOG'] }),
    ...(given['COOKIE_DOMAIN'] === undefined ? {} : { COOKIE_DOMAIN: given['COOKIE_DOMAIN'] }),
  };
  // Most of the program's weight, which no other command needs.
  const { startIssuerPart, startSandboxPart, startServicePart } = await import('./dev-parts.ts');
  const around = { environment, folder, host: HOST, logger };
  const issuer = await startIssuerPart({ ...around, port: ports.issuer });
  shutdown.add('sign-in', issuer.stop);
  const sandbox = await startSandboxPart({ ...around, port: ports.sandbox, service });
  // Stopped before the service, so that a delivery under way still gets its answer.
  const running = await startServicePart(around);
  shutdown.add('service', running.stop);
  shutdown.add('sandbox', sandbox.stop);
  await untilAllAnswer([...issuer.probes, ...sandbox.probes, ...running.probes]);
  await noteRunning(folder, { pid: process.pid, environment });
  shutdown.add('note', () => forgetRunning(folder));
  context.terminal.out(describe({ service, environment, given, logger }));
  context.terminal.out('ready\n');
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

async function startDatabase(dev: { folder: string; shutdown: Shutdown }): Promise<string> {
  const server = await startEmbeddedPostgres({ dataDirectory: join(dev.folder, 'postgres') });
  dev.shutdown.add('Postgres', server.stop);
  dev.shutdown.watch(server.ended, 'the embedded Postgres ended by itself; see .florin/postgres');
  return server.url;
}

/** Every address answers with success, or the start has failed. */
async function untilAllAnswer(probes: readonly string[]): Promise<void> {
  const deadline = Date.now() + ANSWER_TIMEOUT_MS;
  for (const address of probes) {
    let last = '';
    for (;;) {
      try {
        const response = await fetch(address, { signal: AbortSignal.timeout(5_000) });
        await response.arrayBuffer();
        if (response.ok) {
          break;
        }
        last = `status ${response.status}`;
      } catch (error) {
        last = String(error);
      }
      if (Date.now() > deadline) {
        throw new FlorinError('internal', `${address} does not answer: ${last}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

function describe(dev: {
  service: string;
  environment: Readonly<Record<string, string>>;
  given: Readonly<Record<string, string | undefined>>;
  logger: Logger;
}): string {
  const { service, environment, given } = dev;
  const database = new URL(environment['DATABASE_URL'] ?? '');
  // The Stripe CLI takes this address and not localhost.
  const { port } = new URL(environment['STRIPE_API_BASE'] ?? '');
  const own = given['DATABASE_URL'] === undefined ? `embedded, data in ${DEV_FOLDER}/` : 'yours';
  return [
    ['shop', `${service}/pricing.html`],
    ['account', `${service}/index.html`],
    ['console', `${service}/admin`],
    ['API', `${service}/docs`],
    ['sandbox', `${environment['STRIPE_API_BASE']}/sandbox  (stands where Stripe stands)`],
    ['', `stripe … --api-base http://${HOST}:${port}, key in ${DEV_FOLDER}/secrets.json`],
    ['sign-in', `${environment['SUPABASE_URL']}/auth/v1`],
    ['Postgres', `${database.host}${database.pathname}  (${own})`],
  ]
    .map(([name = '', address = '']) => `${name.padEnd(9)} ${address}\n`)
    .join('');
}
