import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { demoPrices } from 'florin-dev';
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { createSandbox, type Sandbox } from 'stripe-sandbox';
import {
  type Catalog,
  OCR_AMOUNTS,
  OCR_CATALOG,
  parseCatalog,
} from '../../../src/catalog/index.ts';
import { createCharges } from '../../../src/charge/index.ts';
import { type Config, parseConfig } from '../../../src/config.ts';
import type { Operation } from '../../../src/contract/index.ts';
import type { Credit } from '../../../src/credit/index.ts';
import { type AppDeps, createApp, type FlorinApp } from '../../../src/http/index.ts';
import { runJobs } from '../../../src/jobs/index.ts';
import { type Clock, type Logger, randomIds, systemClock } from '../../../src/kernel/index.ts';
import { createSpender } from '../../../src/ledger/index.ts';
import { listen } from '../../../src/server.ts';
import {
  createStripeLookups,
  openStripeClient,
  type StripeClient,
} from '../../../src/stripe/index.ts';
import type { WebhookDeps } from '../../../src/webhooks/index.ts';
import { contractFault, operationOf } from '../../support/contract.ts';
import { type FreshDatabase, freshDatabase } from '../../support/postgres.ts';

export const SERVER_KEY = 'Zq4w8Ns1Vb6Kx0Tj3Ry9Mh2Lf7Pd5CgA';
export const OLD_SERVER_KEY = 'Hd7s2Kf9Qw1Zx6Cv3Bn8Mp4Lr5Ty0UgE';
export const JWT_SECRET = 'k3v9Q2mZr8tW5xYb1nLpA7cFhJ0sDgUe';
export const WEBHOOK_SECRET = 'whsec_3f9a1c7e5b2d8460';
export const STRIPE_KEY = 'sk_test_51Nq8WvRkZ';
export const APP_URL = 'http://app.localhost:4242';
export const SHOP_URL = 'http://shop.localhost:4242';

export const ADA = '6b3c0a52-7c1e-4f0f-9a55-0d8a5f0e7c11';
export const BOB = '0f8d2a77-3b1c-4d5e-8f90-a1b2c3d4e5f6';

export type LogLine = { readonly level: string; readonly message: string } & Readonly<
  Record<string, unknown>
>;

/** Signs tokens as a Supabase project does: ES256, its public key published as a JWKS. */
export type Project = {
  readonly url: string;
  readonly keys: Awaited<ReturnType<typeof generateKeyPair>>;
  readonly kid: string;
  token(claims?: JWTPayload, header?: Record<string, unknown>): Promise<string>;
  /** False: the address answers 500. */
  setUp(up: boolean): void;
  close(): Promise<void>;
};

export async function openProject(): Promise<Project> {
  const keys = await generateKeyPair('ES256', { extractable: true });
  const kid = 'e1f3a5b7-0000-4000-8000-000000000001';
  const jwk = { ...(await exportJWK(keys.publicKey)), kid, alg: 'ES256', use: 'sig' };
  let isUp = true;
  const server = createServer((request, response) => {
    const known = request.url === '/auth/v1/.well-known/jwks.json';
    response.writeHead(isUp ? (known ? 200 : 404) : 500, { 'content-type': 'application/json' });
    response.end(isUp && known ? JSON.stringify({ keys: [jwk] }) : '{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    keys,
    kid,
    token: (claims = {}, header = {}) =>
      new SignJWT(supabaseClaims(url, claims))
        .setProtectedHeader({ alg: 'ES256', kid, typ: 'JWT', ...header })
        .sign(keys.privateKey),
    setUp(up) {
      isUp = up;
    },
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

/** What Supabase Auth puts into an access token; `undefined` in `changes` leaves a claim out. */
export function supabaseClaims(url: string, changes: JWTPayload): JWTPayload {
  const now = Math.floor(Date.now() / 1000);
  const all = {
    iss: `${url}/auth/v1`,
    sub: ADA,
    aud: 'authenticated',
    role: 'authenticated',
    iat: now,
    exp: now + 3600,
    email: 'ada@example.com',
    is_anonymous: false,
    app_metadata: { provider: 'email' },
    user_metadata: {},
    session_id: randomIds.uuid(),
    aal: 'aal1',
    ...changes,
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

export type TestService = {
  readonly app: FlorinApp;
  readonly url: string;
  readonly config: Config;
  readonly fresh: FreshDatabase;
  readonly project: Project;
  readonly sandbox: Sandbox;
  readonly stripe: StripeClient;
  readonly webhooks: WebhookDeps;
  readonly logs: LogLine[];
  /** The operations that answered with success. */
  readonly answered: ReadonlySet<Operation>;
  /** Asks the app without a network. `as` signs the request. */
  ask(path: string, options?: Ask): Promise<Answer>;
  close(): Promise<void>;
};

export type Ask = {
  readonly method?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** A user's id, `server`, or a whole Authorization header. */
  readonly as?: string;
};

// biome-ignore lint/suspicious/noExplicitAny: tests look into any answer.
export type Answer = { status: number; headers: Headers; body: any; text: string };

const { price_BASIC_MONTHLY, price_PRO_MONTHLY, price_QUICK_SCAN, price_POWER_PACK } =
  OCR_CATALOG.prices;

/** Four of the OCR service's prices: none for auto top-up, one that only Stripe names, one whose credits expire. */
export const CATALOG = {
  prices: {
    price_BASIC_MONTHLY: { ...price_BASIC_MONTHLY, name: undefined },
    price_PRO_MONTHLY,
    price_QUICK_SCAN: { ...price_QUICK_SCAN, topUp: false },
    price_POWER_PACK: { ...price_POWER_PACK, topUp: false, expiresAfter: 'P1Y' },
  },
  usage: {
    page: { credits: 1 },
    'page.vision': { credits: 3 },
    tokens: {
      by: 'model',
      per: 1_000_000,
      markup: 1.2,
      rates: { 'a/b': { input: 3, cachedInput: 0.3, output: 15 } },
    },
  },
};

export type ServiceOptions = Partial<Omit<AppDeps, 'config' | 'webhooks' | 'stripe'>> & {
  readonly environment?: Readonly<Record<string, string>>;
  readonly catalog?: Catalog;
  readonly clock?: Clock;
  /** Another database than a fresh one of this run's cluster; closed with the service. */
  readonly database?: FreshDatabase;
  /** False: Stripe's deliveries go nowhere, as if they were very late. */
  readonly deliver?: boolean;
};

/** The whole service on a database and a sandbox of its own, reachable over HTTP too. */
export async function openService(options: ServiceOptions = {}): Promise<TestService> {
  const { environment, catalog = parseCatalog(CATALOG), clock = systemClock, ...more } = options;
  const [fresh, project] = await Promise.all([options.database ?? freshDatabase(), openProject()]);
  const sandbox = createSandbox({
    port: 0,
    apiKeys: [STRIPE_KEY],
    prices: demoPrices(parseCatalog(OCR_CATALOG).prices, OCR_AMOUNTS),
  });
  await sandbox.start();
  const config = parseConfig({
    DATABASE_URL: fresh.url,
    STRIPE_SECRET_KEY: STRIPE_KEY,
    STRIPE_WEBHOOK_SECRET: WEBHOOK_SECRET,
    STRIPE_API_BASE: sandbox.url,
    SUPABASE_URL: project.url,
    JWT_SECRET,
    FLORIN_SECRET_KEY: `${SERVER_KEY},${OLD_SERVER_KEY}`,
    APP_URL,
    ALLOWED_ORIGINS: SHOP_URL,
    PORT: '0',
    // Tests buy in bursts; served/ has tests of the budget itself.
    BUYER_STRIPE_CALLS: '10000',
    ...environment,
  });
  const logs: LogLine[] = [];
  // Opened, so that a test can change what it does.
  const stripe = await openStripeClient({
    secretKey: STRIPE_KEY,
    apiBase: config.stripe.apiBase,
    timeoutMs: 5_000,
    maxNetworkRetries: 1,
  });
  const webhooks: WebhookDeps = {
    db: fresh.db,
    catalog,
    stripe: createStripeLookups(stripe),
    livemode: false,
    logger: recorder(logs),
    clock,
    ids: randomIds,
  };
  const limits = { stripe: 10_000, ...more.limits };
  const { spender = createSpender(fresh.db) } = options;
  const { usage: card, debtLimit } = catalog;
  const checked = checkAnswers(
    createApp({
      ...webhooks,
      config,
      webhooks,
      stripe,
      development: false,
      spender,
      charges: createCharges({ db: fresh.db, card, debtLimit, spender }),
      runJobs: () => runJobs(webhooks, { client: stripe }),
      ...more,
      limits,
    }),
    catalog.credit,
  );
  const { app } = checked;
  const server = await listen({ fetch: app.fetch, host: '127.0.0.1', port: 0 });
  if (options.deliver !== false) {
    sandbox.addEndpoint({ url: `${server.url}/api/stripe/webhook`, secret: WEBHOOK_SECRET });
  }
  return {
    app,
    url: server.url,
    config,
    fresh,
    project,
    sandbox,
    stripe,
    webhooks,
    logs,
    answered: checked.answered,
    async ask(path, { method, body, headers = {}, as } = {}) {
      const response = await app.request(path, {
        method: method ?? (body === undefined ? 'GET' : 'POST'),
        headers: {
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(as === undefined ? {} : { authorization: await credentials(project, as) }),
          ...headers,
        },
        ...(body === undefined
          ? {}
          : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      });
      return read(response);
    },
    async close() {
      app.close();
      await sandbox.stop();
      await server.close();
      await Promise.all([fresh.close(), project.close()]);
      if (checked.faults.length > 0) {
        throw new Error(checked.faults.join('\n'));
      }
    },
  };
}

/** The app, every answer of which is compared with the contract; a wrong one fails its test. */
function checkAnswers(app: FlorinApp, credit: Credit) {
  const faults: string[] = [];
  const answered = new Set<Operation>();
  async function check(call: { method: string; path: string }, response: Response) {
    const operation = operationOf(call);
    if (operation !== undefined && response.ok) {
      answered.add(operation);
    }
    const type = response.headers.get('content-type') ?? '';
    const { status, body } = type.includes('json') ? await read(response.clone()) : response;
    const fault = contractFault(call, { status, type, body: body ?? undefined }, credit);
    if (fault !== undefined) {
      faults.push(fault);
      throw new Error(fault);
    }
    return response;
  }
  const checked: FlorinApp = {
    ...app,
    async fetch(request, env) {
      const call = { method: request.method, path: new URL(request.url).pathname };
      return check(call, await app.fetch(request, env));
    },
    async request(input, init, ...rest) {
      const response = await app.request(input, init, ...rest);
      const path = new URL(String(input), 'http://localhost').pathname;
      return check({ method: init?.method ?? 'GET', path }, response);
    },
  };
  return { app: checked, answered, faults };
}

export async function read(response: Response): Promise<Answer> {
  const text = await response.text();
  const isJson = /json/.test(response.headers.get('content-type') ?? '');
  return {
    status: response.status,
    headers: response.headers,
    text,
    body: isJson && text !== '' ? JSON.parse(text) : undefined,
  };
}

async function credentials(project: Project, as: string): Promise<string> {
  if (as === 'server') {
    return `Bearer ${SERVER_KEY}`;
  }
  return as.includes(' ')
    ? as
    : `Bearer ${await project.token({ sub: as, email: `${as.slice(0, 8)}@example.com` })}`;
}

export function recorder(lines: LogLine[]): Logger {
  const write = (level: string) => (fields: Readonly<Record<string, unknown>>, message: string) => {
    lines.push({ ...fields, level, message });
  };
  return { error: write('error'), warn: write('warn'), info: write('info'), debug: write('debug') };
}
