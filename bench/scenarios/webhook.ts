import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { defineCatalog, OCR_CATALOG } from '../../packages/florin/src/catalog/index.ts';
import { connect } from '../../packages/florin/src/db/index.ts';
import { randomIds, silentLogger, systemClock } from '../../packages/florin/src/kernel/index.ts';
import { verifySignature } from '../../packages/florin/src/stripe/index.ts';
import {
  createEventWriter,
  receiveWebhook,
  type WebhookDeps,
} from '../../packages/florin/src/webhooks/index.ts';
import { type BenchDatabase, type Cluster, oneOf, openAccounts } from '../cluster.ts';
import type { Scenario } from '../load.ts';
import { newPurchase, PRICE, type SignedPurchase } from '../purchase.ts';
import { moveFloor, openFloor, run } from '../statements.ts';

const CLIENTS = 8;
/** As many as Stripe sends at once. */
const BURST = 16;
const SECRET = 'whsec_of_the_benchmark_7f3a9c';
const { credits: CREDITS, reason: REASON } = OCR_CATALOG.prices[PRICE];
const SEED_USERS = 1_000;
/** More than one slice takes; past it deliveries are made as they are needed. */
const PREPARED = 3_000;

type Delivery = Omit<SignedPurchase, 'body'> & {
  readonly rawBody: Buffer;
  readonly secrets: readonly string[];
  readonly account: string;
};

/** A signed purchase of one pack, from its bytes to the committed balance. */
export async function openWebhook(cluster: Cluster, seedRows: number): Promise<Scenario> {
  const db = await cluster.database();
  const ids = await openAccounts(db);
  await openFloor(db, ids);
  const users = await openSeed(db, seedRows);
  const clients = await db.clients(CLIENTS);
  const library = connect({ url: db.url, maxConnections: CLIENTS });
  const deps = depsOver(library);
  let deliveries: Delivery[] = [];
  const prepared = (accounts: readonly string[], count: number) => () => {
    deliveries = Array.from({ length: count }, () => newDelivery(oneOf(accounts)));
  };
  const next = (accounts: readonly string[]) => deliveries.pop() ?? newDelivery(oneOf(accounts));
  return {
    variants: [
      ...[1, CLIENTS, BURST].map((count) => ({
        name: `webhook, ${count}`,
        clients: count,
        prepare: prepared(ids, PREPARED),
        async call() {
          const received = await receiveWebhook(deps, next(ids));
          if (received.kind !== 'accepted' || received.outcome.status !== 'processed') {
            throw new Error(`The webhook did not finish: ${JSON.stringify(received)}`);
          }
        },
      })),
      ...[1, CLIENTS].map((count) => ({
        name: `floor and signature, ${count}`,
        clients: count,
        prepare: prepared(ids, PREPARED),
        async call(client: number) {
          const delivery = next(ids);
          check(delivery);
          await moveFloor(clients[client], delivery.account);
        },
      })),
      {
        name: 'seed',
        clients: CLIENTS,
        prepare: prepared(users, 100),
        async call(client) {
          const delivery = next(users);
          check(delivery);
          await grantAsSeed(clients[client], delivery);
        },
      },
    ],
    comparisons: [
      {
        what: 'signed purchase to committed balance against the floor plus signature check, 8 clients',
        of: 'webhook, 8',
        against: 'floor and signature, 8',
        reach: 0.5,
      },
      {
        what: 'the same one at a time, against one client of the floor',
        of: 'webhook, 1',
        against: 'floor and signature, 1',
        reach: 0.4,
      },
      {
        what: `the same with ${BURST} deliveries at once, against ${CLIENTS} clients of the floor`,
        of: `webhook, ${BURST}`,
        against: 'floor and signature, 8',
        reach: 0.8,
      },
      {
        what: `signed purchase against the seed’s design (repaired), ${seedRows.toLocaleString('en-US')} ledger rows, 8 clients`,
        of: 'webhook, 8',
        against: 'seed',
        reach: 50,
      },
    ],
    async close() {
      await library.close();
      await db.close();
    },
  };
}

export function depsOver(db: WebhookDeps['db']): WebhookDeps {
  return {
    db,
    write: createEventWriter(db),
    catalog: defineCatalog({
      prices: {
        [PRICE]: OCR_CATALOG.prices[PRICE],
      },
    }),
    stripe: null,
    livemode: false,
    logger: silentLogger,
    clock: systemClock,
    ids: randomIds,
  };
}

function check(delivery: Delivery): void {
  const header = delivery.signature;
  const { rawBody, secrets } = delivery;
  if (!verifySignature({ rawBody, header, secrets, now: systemClock.now() }).ok) {
    throw new Error('The benchmark signed wrongly.');
  }
}

export function newDelivery(account: string): Delivery {
  const customer = `cus_${account.slice(0, 8)}`;
  const { body, ...purchase } = newPurchase(account, { secret: SECRET, customer });
  return { ...purchase, rawBody: Buffer.from(body), secrets: [SECRET], account };
}

/** The seed's tables and view, with the faults that kept it from writing at all taken out. */
async function openSeed(db: BenchDatabase, rows: number): Promise<string[]> {
  const users = Array.from({ length: SEED_USERS }, () => randomUUID());
  await db.asAdmin(
    'create schema seed',
    `create table seed.credits_transactions (
       id bigserial primary key, user_id uuid not null, stripe_event_id text unique not null,
       stripe_payment_id text unique, stripe_price_id text not null, delta bigint not null,
       reason text not null, plan_type text not null, metadata jsonb default '{}',
       created_at timestamptz default now(), updated_at timestamptz default now())`,
    'create index on seed.credits_transactions (user_id)',
    'create index on seed.credits_transactions (stripe_event_id)',
    'create index on seed.credits_transactions (stripe_payment_id)',
    'create index on seed.credits_transactions (created_at desc)',
    `create table seed.stripe_events_raw (
       id bigserial primary key, event_id text unique not null, event_type text not null,
       event_data jsonb not null, processed boolean default false, processed_at timestamptz,
       error_message text, created_at timestamptz default now())`,
    'create index on seed.stripe_events_raw (event_id)',
    'create index on seed.stripe_events_raw (event_type)',
    'create index on seed.stripe_events_raw (processed)',
    `insert into seed.credits_transactions
       (user_id, stripe_event_id, stripe_payment_id, stripe_price_id, delta, reason, plan_type)
     select (array['${users.join("','")}']::uuid[])[1 + n % ${SEED_USERS}], 'cs_past_' || n,
            'pi_past_' || n, '${PRICE}', ${CREDITS}, '${REASON}', 'credits'
       from generate_series(1, ${rows}) as n`,
    `create materialized view seed.credits_balance_mv as
     select user_id, sum(delta) as balance, count(*) as transaction_count,
            max(created_at) as last_transaction, min(created_at) as first_transaction
       from seed.credits_transactions group by user_id`,
    'create unique index on seed.credits_balance_mv (user_id)',
    // Who refreshes a materialized view must own it.
    'alter materialized view seed.credits_balance_mv owner to postgres',
    'grant usage, create on schema seed to postgres',
    'grant all on all tables in schema seed to postgres',
    'grant all on all sequences in schema seed to postgres',
    'vacuum analyze',
  );
  return users;
}

/** What the seed's handler does for a purchase: the event, the row, the balance, the view. */
async function grantAsSeed(client: pg.Client | undefined, delivery: Delivery): Promise<void> {
  await run(
    client,
    'seed_event',
    "insert into seed.stripe_events_raw (event_id, event_type, event_data) values ($1, 'checkout.session.completed', $2)",
    [delivery.eventId, delivery.rawBody.toString()],
  );
  await run(
    client,
    'seed_grant',
    `insert into seed.credits_transactions
       (user_id, stripe_event_id, stripe_payment_id, stripe_price_id, delta, reason, plan_type)
     values ($1, $2, $3, '${PRICE}', ${CREDITS}, '${REASON}', 'credits')`,
    [delivery.account, delivery.sessionId, delivery.paymentId],
  );
  await run(
    client,
    'seed_balance',
    'select coalesce(sum(delta), 0) from seed.credits_transactions where user_id = $1',
    [delivery.account],
  );
  await client?.query('refresh materialized view concurrently seed.credits_balance_mv');
}
