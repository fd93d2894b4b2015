import { createServer, request as forward, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { demoPrices } from 'florin-dev';
import { createSandbox, type Sandbox } from 'stripe-sandbox';
import { OCR_AMOUNTS, OCR_CATALOG, parseCatalog } from '../../src/catalog/index.ts';
import {
  JWT_SECRET,
  openProject,
  type Project,
  SERVER_KEY,
  STRIPE_KEY,
  WEBHOOK_SECRET,
} from '../integration/http/florin-service.ts';
import { type FlorinProcess, freePorts, startFlorin } from './florin-process.ts';
import { type FreshDatabase, freshDatabase } from './postgres.ts';

/** The built `florin serve` as a process of its own, with a sandbox that counts what it is asked. */
export type Served = {
  readonly url: string;
  readonly metricsUrl: string;
  readonly process: FlorinProcess;
  readonly project: Project;
  readonly sandbox: Sandbox;
  readonly fresh: FreshDatabase;
  readonly environment: Readonly<Record<string, string>>;
  /** `GET /v1/prices/price_X`, one a request that the service has sent to Stripe. */
  readonly asked: string[];
  ask(path: string, options?: ServedAsk): Promise<Response>;
  close(): Promise<void>;
};

export type ServedAsk = {
  readonly as?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
};

export async function startServed(
  settings: Readonly<Record<string, string>> = {},
  /** Another database than a fresh one of this run's cluster; closed with the service. */
  database?: FreshDatabase,
): Promise<Served> {
  const [fresh, project, [port = 0, metricsPort = 0]] = await Promise.all([
    database ?? freshDatabase(),
    openProject(),
    freePorts(2),
  ]);
  const sandbox = createSandbox({
    port: 0,
    apiKeys: [STRIPE_KEY],
    prices: demoPrices(parseCatalog(OCR_CATALOG).prices, OCR_AMOUNTS),
  });
  await sandbox.start();
  const asked: string[] = [];
  const counter = await startCounter(sandbox.url, asked);
  const environment = {
    DATABASE_URL: fresh.url,
    STRIPE_SECRET_KEY: STRIPE_KEY,
    STRIPE_WEBHOOK_SECRET: WEBHOOK_SECRET,
    STRIPE_API_BASE: counter.url,
    SUPABASE_URL: project.url,
    JWT_SECRET,
    FLORIN_SECRET_KEY: SERVER_KEY,
    APP_URL: 'http://app.localhost:4242',
    LOG_LEVEL: 'info',
    PORT: String(port),
    ...settings,
    ...(settings['METRICS_PORT'] === undefined ? {} : { METRICS_PORT: String(metricsPort) }),
  };
  const running = await startFlorin(['serve'], { env: environment });
  await running.until('listening on');
  const url = `http://127.0.0.1:${port}`;
  sandbox.addEndpoint({ url: `${url}/api/stripe/webhook`, secret: WEBHOOK_SECRET });
  return {
    url,
    metricsUrl: `http://127.0.0.1:${metricsPort}`,
    process: running,
    project,
    sandbox,
    fresh,
    environment,
    asked,
    async ask(path, { as, body, headers = {} } = {}) {
      const token = as === 'server' ? SERVER_KEY : await project.token({ sub: as ?? '' });
      return fetch(url + path, {
        method: body === undefined ? 'GET' : 'POST',
        headers: {
          ...(as === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
    },
    async close() {
      running.child.kill('SIGTERM');
      await running.finished;
      await sandbox.stop();
      await counter.close();
      await Promise.all([fresh.close(), project.close()]);
    },
  };
}

/** Passes every request on to `target`, and keeps its method and path. */
async function startCounter(target: string, asked: string[]) {
  const server = createServer((incoming: IncomingMessage, outgoing) => {
    asked.push(`${incoming.method} ${incoming.url?.split('?')[0]}`);
    const options = { method: incoming.method, headers: incoming.headers };
    const onward = forward(target + incoming.url, options, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    onward.on('error', () => outgoing.destroy());
    incoming.pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
