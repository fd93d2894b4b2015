import { basename, join } from 'node:path';
import { type FlorinParts, type Part, startIssuer, startSandbox, startService } from './parts.ts';
import { requireFreePorts } from './ports.ts';
import { startEmbeddedPostgres } from './postgres/server.ts';
import { ensureSecrets, makeDevFolder } from './state.ts';
import { DevError, type Logger } from './surroundings.ts';

export type { FlorinParts } from './parts.ts';

export type DevelopmentOptions = {
  readonly florin: FlorinParts;
  /** What the caller has set: DATABASE_URL, APP_URL, FLORIN_CATALOG and the like. */
  readonly given: Readonly<Record<string, string | undefined>>;
  /** Where data and secrets are kept. */
  readonly folder: string;
  readonly ports: { readonly service: number; readonly sandbox: number; readonly issuer: number };
  readonly logger: Logger;
  /** Told of each part that has started, and of what must not end by itself. */
  readonly shutdown: {
    add(name: string, stop: () => Promise<void>): void;
    watch(ended: Promise<void>, message: string): void;
  };
};

export type Development = {
  /** The settings that the service runs with. */
  readonly environment: Readonly<Record<string, string>>;
  /** The addresses, a line each, for people. */
  readonly summary: string;
};

const HOST = '127.0.0.1';
const ANSWER_TIMEOUT_MS = 30_000;

/**
 * Starts everything on this machine: a Postgres unless DATABASE_URL is given, the migrations, sign-in, the
 * Stripe sandbox and the service. Resolves when all of it answers. Throws DevError before anything has
 * started when a port is taken; what has started when something fails is the caller's to stop.
 */
export async function startDevelopment(options: DevelopmentOptions): Promise<Development> {
  const { florin, given, folder, ports, logger, shutdown } = options;
  await requireFreePorts(HOST, [
    { port: ports.service, what: 'the service', change: 'set PORT' },
    { port: ports.sandbox, what: 'the Stripe sandbox', change: 'use --sandbox-port' },
    { port: ports.issuer, what: 'the sign-in', change: 'use --issuer-port' },
  ]);
  await makeDevFolder(folder);
  const secrets = await ensureSecrets(folder);
  const databaseUrl = given['DATABASE_URL'] ?? (await startDatabase(options));
  await florin.migrate({ url: databaseUrl, logger });

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
  const parts = { florin, environment, folder, host: HOST, logger };
  const issuer = await startIssuer({ ...parts, port: ports.issuer });
  shutdown.add('sign-in', issuer.stop);
  const sandbox = await startSandbox({ ...parts, port: ports.sandbox, service });
  // The newest is stopped first: jobs while the sandbox still answers them, and the sandbox while the service
  // still answers a delivery under way.
  const running = await startService(parts);
  shutdown.add('service', running.stop);
  shutdown.add('sandbox', sandbox.stop);
  shutdown.add('jobs', running.stopJobs);
  await untilAllAnswer([issuer, sandbox, running]);
  const isOwn = given['DATABASE_URL'] !== undefined;
  return { environment, summary: summarize({ service, environment, folder, isOwn }) };
}

async function startDatabase({ folder, shutdown }: DevelopmentOptions): Promise<string> {
  const server = await startEmbeddedPostgres({ dataDirectory: join(folder, 'postgres') });
  shutdown.add('Postgres', server.stop);
  shutdown.watch(
    server.ended,
    `the embedded Postgres ended by itself; see ${basename(folder)}/postgres`,
  );
  return server.url;
}

/** Every address answers with success, or the start has failed. */
async function untilAllAnswer(parts: readonly Part[]): Promise<void> {
  const deadline = Date.now() + ANSWER_TIMEOUT_MS;
  for (const address of parts.flatMap(({ probes }) => probes)) {
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
        throw new DevError('internal', `${address} does not answer: ${last}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

function summarize(development: {
  service: string;
  environment: Readonly<Record<string, string>>;
  folder: string;
  /** The database was given. */
  isOwn: boolean;
}): string {
  const { service, environment, isOwn } = development;
  const folder = basename(development.folder);
  const database = new URL(environment['DATABASE_URL'] ?? '');
  // The Stripe CLI takes this address and not localhost.
  const { port } = new URL(environment['STRIPE_API_BASE'] ?? '');
  return [
    ['shop', `${service}/pricing.html`],
    ['account', `${service}/index.html`],
    ['console', `${service}/admin`],
    ['API', `${service}/docs`],
    ['sandbox', `${environment['STRIPE_API_BASE']}/sandbox  (stands where Stripe stands)`],
    ['', `stripe … --api-base http://${HOST}:${port}, key in ${folder}/secrets.json`],
    ['sign-in', `${environment['SUPABASE_URL']}/auth/v1`],
    [
      'Postgres',
      `${database.host}${database.pathname}  (${isOwn ? 'yours' : `embedded, data in ${folder}/`})`,
    ],
  ]
    .map(([name = '', address = '']) => `${name.padEnd(9)} ${address}\n`)
    .join('');
}
