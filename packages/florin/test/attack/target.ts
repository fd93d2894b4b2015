import { createHmac, randomUUID } from 'node:crypto';
import { connect as openSocket, type Socket } from 'node:net';
import { expect } from 'vitest';
import { connect, migrate } from '../../src/db/index.ts';
import { WEBHOOK_SECRET } from '../integration/http/florin-service.ts';
import { isInstalled } from '../support/installed.ts';
import type { FreshDatabase } from '../support/postgres.ts';
import { startPostgres15 } from '../support/postgres-15.ts';
import { type Served, startServed } from '../support/served.ts';

/** What a good request may take while, or right after, somebody attacks. */
const BOUND_MS = 3_000;
const GOOD = '3d1a0c9e-5b2f-4c7d-9e61-0f4a8b2c6d13';

/** A running service, and what its honest users expect of it. */
export type Target = Pick<Served, 'url' | 'ask'>;

/** `florin serve` with an honest account on it. Addresses are told apart by X-Forwarded-For. */
export async function startTarget(
  database?: FreshDatabase,
  settings: Readonly<Record<string, string>> = { TRUSTED_PROXIES: '1', BUYER_STRIPE_CALLS: '1000' },
): Promise<Served> {
  const served = await startServed(settings, database);
  const funds = { amount: 1_000_000 };
  const headers = { 'idempotency-key': 'funds' };
  await served.ask(`/api/accounts/${GOOD}/grants`, { as: 'server', body: funds, headers });
  return served;
}

/** A migrated database on Debian's Postgres 15, with a cluster of its own. */
async function databaseOn15(): Promise<FreshDatabase> {
  const server = await startPostgres15();
  await migrate({ url: server.url });
  const db = connect({ url: server.url });
  return {
    url: server.url,
    adminUrl: server.adminUrl,
    db,
    async close() {
      await db.close();
      await server.stop();
    },
  };
}

/** The newest and the oldest Postgres that Florin supports, each with a service on it. */
export const SERVERS = [
  { name: 'the embedded Postgres 17', start: () => startTarget() },
  { name: 'Debian’s Postgres 15', start: async () => startTarget(await databaseOn15()) },
].slice(0, isInstalled('postgres15') ? 2 : 1);

/** An honest user spends, and a balancer asks for readiness: both must succeed, and soon. */
export async function expectGood(target: Target): Promise<void> {
  const started = performance.now();
  const [spend, ready] = await Promise.all([
    target.ask(`/api/accounts/${GOOD}/spend`, {
      as: 'server',
      body: { amount: 1, metadata: { honest: true } },
      headers: { 'idempotency-key': randomUUID() },
    }),
    fetch(`${target.url}/readyz`),
  ]);
  const told = `${spend.status} ${await spend.text()}, /readyz ${ready.status}`;
  await ready.arrayBuffer();
  expect([spend.status, ready.status], told).toEqual([200, 200]);
  expect(performance.now() - started, 'milliseconds of a good request').toBeLessThan(BOUND_MS);
}

/**
 * Errors that the service has logged of everything that it has answered so far: an attack is no error of
 * ours. Its lines come in order, but later than its answers.
 */
export async function errorsOf(served: Served): Promise<string[]> {
  const last = await fetch(`${served.url}/api/balance`);
  await served.process.until(String(last.headers.get('x-request-id')));
  return (
    served.process
      .output()
      .split('\n')
      .filter((line) => /"level":50/.test(line))
      // Signed here, of purchases that Stripe does not know: it is right that reconcile says so.
      .filter((line) => !line.includes('"kind":"credited_not_paid"'))
  );
}

/** A delivery as Stripe signs it, or signed otherwise. */
export function deliver(
  target: Target,
  body: string | Uint8Array,
  { secret = WEBHOOK_SECRET, secondsAgo = 0, sent = body } = {},
): Promise<Response> {
  return fetch(`${target.url}/api/stripe/webhook`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'stripe-signature': signatureOf(body, secret, secondsAgo),
    },
    body: sent as BodyInit,
  });
}

export function signatureOf(
  body: string | Uint8Array,
  secret = WEBHOOK_SECRET,
  secondsAgo = 0,
): string {
  const timestamp = Math.floor(Date.now() / 1000) - secondsAgo;
  const signature = createHmac('sha256', secret).update(`${timestamp}.`).update(body).digest('hex');
  return `t=${timestamp},v1=${signature}`;
}

export type RawSocket = {
  /** Everything that came back so far. */
  readonly text: () => string;
  /** Resolves when the bytes are on their way. */
  readonly sent: Promise<void>;
  /** Resolves when the service has ended the connection, with the milliseconds it was open. */
  readonly ended: Promise<number>;
  readonly socket: Socket;
};

/** A connection that sends bytes as they are, for what no HTTP client would send. */
export function openRaw(target: Target, bytes: string): RawSocket {
  const { hostname, port } = new URL(target.url);
  const started = performance.now();
  let received = '';
  const socket = openSocket(Number(port), hostname);
  socket.on('data', (chunk) => {
    received += chunk.toString('latin1');
  });
  socket.on('error', () => undefined);
  const sent = new Promise<void>((resolve) => {
    socket.write(bytes, 'latin1', () => resolve());
  });
  const ended = new Promise<number>((resolve) => {
    socket.once('close', () => resolve(performance.now() - started));
  });
  return { text: () => received, sent, ended, socket };
}

/** The statuses of every answer on a connection, once it has ended or `ms` are over. */
export async function rawStatuses(target: Target, bytes: string, ms = 1_000): Promise<number[]> {
  const raw = openRaw(target, bytes);
  const timer = setTimeout(() => raw.socket.destroy(), ms);
  await raw.ended;
  clearTimeout(timer);
  return [...raw.text().matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
}
