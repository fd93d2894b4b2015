import type { ChildProcess } from 'node:child_process';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { type EmbeddedPostgres, startEmbeddedPostgres } from 'florin-dev';
import pg from 'pg';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import { migrate } from '../../src/db/index.ts';
import {
  APP_URL,
  JWT_SECRET,
  SERVER_KEY,
  SHOP_URL,
  STRIPE_KEY,
  WEBHOOK_SECRET,
} from '../integration/http/florin-service.ts';
import { event, session, sessionLine, withLines } from '../integration/webhooks/objects.ts';
import { signed } from '../integration/webhooks/shop.ts';
import { freePorts, startFlorin } from '../support/florin-process.ts';

/** B1 asks for 60,000: `npm run proof` names them. */
const PURCHASES = Number(process.env['FLORIN_PROOF_PURCHASES'] ?? 300);
const SEED = Number(process.env['FLORIN_PROOF_SEED'] ?? 1);
const SENDERS = 16;
const CREDITS = 50;
const PURCHASES_PER_ACCOUNT = 10;
/** A kill comes when it has worked this long since the last, or through this share of the deliveries. */
const KILL_EVERY_MS = 2_000;
const KILL_EVERY_SHARE = 1 / 7;
const KINDS = ['app', 'backend', 'postmaster'] as const;
const PATIENCE_MS = 60_000;
/** Senders that ask more often take the time that a recovery needs. */
const RETRY_MS = 100;

type Kind = (typeof KINDS)[number];

const folders: string[] = [];
afterAll(async () => {
  await Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true })));
});

/** Numbers from a seed: a failing run can be played again. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 4_294_967_296;
    return state / 4_294_967_296;
  };
}

function accountOf(purchase: number): string {
  const account = Math.floor(purchase / PURCHASES_PER_ACCOUNT);
  return `22222222-0000-4000-8000-${String(account).padStart(12, '0')}`;
}

type Delivery = { readonly purchase: number; readonly eventId: string };

/** One in five repeated, one in ten told under a second event id, all shuffled. */
function deliveries(random: () => number): Delivery[] {
  const all: (Delivery & { place: number })[] = [];
  for (let purchase = 0; purchase < PURCHASES; purchase += 1) {
    const add = (eventId: string) => all.push({ purchase, eventId, place: random() });
    add(`evt_${purchase}`);
    if (random() < 0.2) {
      add(`evt_${purchase}`);
    }
    if (random() < 0.1) {
      add(`evt_${purchase}_again`);
    }
  }
  return all.sort((a, b) => a.place - b.place);
}

function payloadOf({ purchase, eventId: id }: Delivery): string {
  const object = session({
    ...withLines([sessionLine('price_QUICK_SCAN')]),
    id: `cs_${purchase}`,
    payment_intent: `pi_${purchase}`,
    customer: null,
    client_reference_id: accountOf(purchase),
  });
  return JSON.stringify(event('checkout.session.completed', object, { id }));
}

type Machine = {
  readonly url: () => string;
  readonly kill: (kind: Kind) => Promise<void>;
  readonly query: (statement: string) => Promise<Record<string, unknown>[]>;
  readonly stop: () => Promise<void>;
};

/** A durable cluster and a service in front of it, each of which can be killed and comes back. */
async function openMachine(
  random: () => number,
  start: (env: Record<string, string>) => Promise<ChildProcess>,
): Promise<Machine> {
  const folder = await mkdtemp(join(tmpdir(), 'florin-crash-'));
  folders.push(folder);
  await chmod(folder, 0o755);
  const dataDirectory = join(folder, 'data');
  let postgres: EmbeddedPostgres = await startEmbeddedPostgres({ dataDirectory });
  const { url, adminUrl, port: databasePort } = postgres;
  await migrate({ url });
  const [port = 0] = await freePorts(1);
  const env = { DATABASE_URL: url, PORT: String(port) };
  let app = await start(env);

  const kills: Record<Kind, () => Promise<void>> = {
    async app() {
      const ended = new Promise((resolve) => app.once('exit', resolve));
      app.kill('SIGKILL');
      await ended;
      app = await start(env);
    },
    backend: () =>
      untilItWorks(async () => {
        const backends = await query(
          adminUrl,
          `select pid from pg_stat_activity
            where datname = current_database() and usename = 'postgres'
              and pid <> pg_backend_pid()`,
        );
        const { pid } = backends[Math.floor(random() * backends.length)] ?? {};
        process.kill(Number(pid), 'SIGKILL');
      }),
    async postmaster() {
      process.kill(postgres.pid, 'SIGKILL');
      await postgres.ended;
      postgres = await untilItWorks(() =>
        startEmbeddedPostgres({ dataDirectory, port: databasePort }),
      );
    },
  };
  return {
    url: () => `http://127.0.0.1:${port}/api/stripe/webhook`,
    kill: (kind) => kills[kind](),
    query: (statement) => untilItWorks(() => query(adminUrl, statement)),
    async stop() {
      const ended = new Promise((resolve) => app.once('exit', resolve));
      app.kill('SIGTERM');
      await ended;
      await postgres.stop();
    },
  };
}

async function query(url: string, statement: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query(statement)).rows ?? [];
  } finally {
    await client.end();
  }
}

/** A database that recovers refuses for a moment. */
async function untilItWorks<T>(work: () => Promise<T>): Promise<T> {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (Date.now() > deadline) {
        throw error;
      }
      await wait(100);
    }
  }
}

/** Sixteen senders that repeat each delivery until it is accepted, and a hand that kills in turn. */
async function storm(machine: Machine, all: readonly Delivery[]) {
  const killed: Record<Kind, number> = { app: 0, backend: 0, postmaster: 0 };
  const queue = [...all];
  let accepted = 0;
  let refused = 0;
  const sender = async () => {
    for (let delivery = queue.pop(); delivery !== undefined; delivery = queue.pop()) {
      const body = payloadOf(delivery);
      for (let ok = false; !ok; ) {
        ok = await fetch(machine.url(), {
          method: 'POST',
          headers: { 'stripe-signature': signed(body, WEBHOOK_SECRET).signature },
          body,
          signal: AbortSignal.timeout(20_000),
        }).then(
          async (response) => {
            await response.arrayBuffer();
            return response.ok;
          },
          () => false,
        );
        if (!ok) {
          refused += 1;
          await wait(RETRY_MS);
        }
      }
      accepted += 1;
    }
  };
  const hand = async () => {
    for (let turn = 0; accepted < all.length; turn += 1) {
      const before = accepted;
      while (accepted === before && accepted < all.length) {
        await wait(5);
      }
      const since = Date.now();
      while (
        accepted < all.length &&
        Date.now() - since < KILL_EVERY_MS &&
        accepted - before < all.length * KILL_EVERY_SHARE
      ) {
        await wait(5);
      }
      const kind = KINDS[turn % KINDS.length] ?? 'app';
      if (accepted < all.length) {
        await machine.kill(kind);
        killed[kind] += 1;
      }
    }
  };
  await Promise.all([hand(), ...Array.from({ length: SENDERS }, sender)]);
  return { killed, refused };
}

function expectKills({ killed, refused }: Awaited<ReturnType<typeof storm>>): void {
  for (const kind of KINDS) {
    expect(killed[kind], `kills of the ${kind}`).toBeGreaterThan(0);
  }
  expect(refused).toBeGreaterThan(0);
}

/** A proof is told with its figures. */
function report(what: string, figures: object): void {
  if (process.env['FLORIN_PROOF_PURCHASES'] !== undefined) {
    process.stdout.write(`${what}: ${JSON.stringify(figures)}\n`);
  }
}

const PROOF_TIMEOUT_MS = 120_000 + PURCHASES * 60;

describe(`service, backend and postmaster killed in turn (seed ${SEED})`, () => {
  it('credits every purchase exactly once', { timeout: PROOF_TIMEOUT_MS }, async () => {
    const random = seeded(SEED);
    const machine = await openMachine(random, startService);
    onTestFinished(() => machine.stop());
    const all = deliveries(random);
    const began = Date.now();
    const seen = await storm(machine, all);
    expectKills(seen);

    const open =
      "select count(*)::int as n from billing.events where status in ('received', 'failed')";
    await expect.poll(() => machine.query(open), { timeout: PATIENCE_MS }).toEqual([{ n: 0 }]);
    const [sums] = await machine.query(
      `select count(*) filter (where kind = 'grant')::int as grants, count(*)::int as entries,
              sum(amount)::bigint::int as credits,
              (select sum(posted)::bigint::int from credits.balances) as balances,
              (select count(*)::int from billing.events where status = 'processed') as processed,
              (select count(*)::int from billing.events) as events
         from credits.entries`,
    );
    const events = new Set(all.map(({ eventId }) => eventId)).size;
    expect(sums).toEqual({
      grants: PURCHASES,
      entries: PURCHASES,
      credits: PURCHASES * CREDITS,
      balances: PURCHASES * CREDITS,
      processed: events,
      events,
    });
    const wrong = await machine.query(
      `select account_id from credits.entries group by account_id
        having sum(amount) <> ${CREDITS * PURCHASES_PER_ACCOUNT}`,
    );
    expect(wrong).toHaveLength(PURCHASES % PURCHASES_PER_ACCOUNT === 0 ? 0 : 1);
    expect(await machine.query('select * from credits.verify_ledger()')).toEqual([]);
    const seconds = Math.round((Date.now() - began) / 1000);
    report('crash', { ...sums, deliveries: all.length, seconds, ...seen });
  });

  it('control: the same service with one commit for the event and another for its credits loses purchases', {
    timeout: PROOF_TIMEOUT_MS,
  }, async () => {
    const random = seeded(SEED);
    const machine = await openMachine(random, startInTwoCommits);
    onTestFinished(() => machine.stop());
    await machine.query('grant execute on function billing.apply_commands(jsonb) to postgres');
    const all = deliveries(random);
    const seen = await storm(machine, all);
    expectKills(seen);
    const [counted] = await machine.query(
      `select count(*)::int as processed, (select count(*)::int from credits.entries) as credited
         from billing.events where status = 'processed'`,
    );
    expect(counted?.['processed']).toBe(new Set(all.map(({ eventId }) => eventId)).size);
    expect(counted?.['credited']).toBeLessThan(PURCHASES);
    report('control', { ...counted, purchases: PURCHASES, ...seen });
  });
});

/** `florin serve`, as it is deployed; it needs nothing of Stripe, for the events tell all. */
async function startService(env: Record<string, string>, program?: string): Promise<ChildProcess> {
  const running = await startFlorin(['serve'], {
    cwd: process.cwd(),
    ...(program === undefined ? {} : { program }),
    env: {
      ...env,
      STRIPE_SECRET_KEY: STRIPE_KEY,
      STRIPE_WEBHOOK_SECRET: WEBHOOK_SECRET,
      STRIPE_API_BASE: 'http://127.0.0.1:9',
      SUPABASE_JWT_SECRET: JWT_SECRET,
      JWT_SECRET,
      FLORIN_SECRET_KEY: SERVER_KEY,
      APP_URL,
      ALLOWED_ORIGINS: SHOP_URL,
      LOG_LEVEL: 'error',
    },
  });
  const ended = running.finished.then(() => 'ended');
  const ready = untilItWorks(async () => {
    const { ok } = await fetch(`http://127.0.0.1:${env['PORT']}/healthz`);
    expect(ok).toBe(true);
  });
  if ((await Promise.race([ready, ended])) === 'ended') {
    throw new Error(`florin serve ended: ${running.output()}`);
  }
  return running.child;
}

/** The same, but what it does in one commit is cut in two. */
function startInTwoCommits(env: Record<string, string>): Promise<ChildProcess> {
  return startService(env, join(import.meta.dirname, '../support/florin-in-two-commits.mjs'));
}
