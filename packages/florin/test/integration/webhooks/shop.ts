import { createHmac } from 'node:crypto';
import type { Catalog } from '../../../src/catalog/index.ts';
import type { Database } from '../../../src/db/index.ts';
import { FlorinError, type Logger, randomIds, systemClock } from '../../../src/kernel/index.ts';
import type { StripeLookups } from '../../../src/stripe/index.ts';
import {
  drainInbox,
  type InboxEvent,
  listEvents,
  type ReceiveOutcome,
  receiveWebhook,
  type WebhookDeps,
} from '../../../src/webhooks/index.ts';
import { type FreshDatabase, freshDatabase, isOnCluster } from '../../support/postgres.ts';
import { testCatalog } from './catalog.ts';
import { ACCOUNT, type Json } from './objects.ts';

export const SECRET = 'whsec_test_secret_of_the_shop';

export type LogLine = { level: string; message: string } & Record<string, unknown>;

export type Shop = {
  readonly fresh: FreshDatabase;
  readonly deps: WebhookDeps;
  readonly logs: LogLine[];
  /** Signs an event and posts it, as Stripe does. */
  deliver(payload: Json): Promise<ReceiveOutcome>;
  /** Makes every open event due and works the inbox off. */
  drain(): Promise<void>;
  balance(accountId?: string): Promise<number>;
  grants(accountId?: string): Promise<Json[]>;
  inbox(eventId: string): Promise<InboxEvent | undefined>;
  with(more: Partial<WebhookDeps>): Shop;
  close(): Promise<void>;
};

/** A database that refuses to hold a whole checkout session: its event is kept in its envelope. */
export function holdingNoSession(db: Database): Database {
  return {
    ...db,
    async query(statement, values, options) {
      const isWhole = values?.some((value) => String(value).includes('payment_status'));
      if (typeof statement !== 'string' && /apply_event/.test(statement.name) && isWhole) {
        throw new FlorinError('internal', 'refused', { details: { sqlstate: '54000' } });
      }
      return db.query(statement, values, options);
    },
  };
}

/** For invoices of very many lines: on a cluster each is several statements to a worker (docs/scale.md). */
export const TIME_FOR_MANY_LINES = isOnCluster ? { statementTimeoutMs: 100_000 } : {};

/** A shop on a database of its own. Stripe answers what `stripe` says, and knows nothing else. */
export async function openShop(
  options: {
    catalog?: Catalog;
    stripe?: Partial<StripeLookups> | null;
    statementTimeoutMs?: number;
  } = {},
): Promise<Shop> {
  const { statementTimeoutMs } = options;
  const fresh = await freshDatabase(statementTimeoutMs ? { statementTimeoutMs } : {});
  const logs: LogLine[] = [];
  const deps: WebhookDeps = {
    db: fresh.db,
    catalog: options.catalog ?? testCatalog(),
    stripe: options.stripe === null ? null : lookups(options.stripe ?? {}),
    livemode: false,
    logger: recorder(logs),
    clock: systemClock,
    ids: randomIds,
    random: Math.random,
  };
  return shopOf({ fresh, deps, logs });
}

function shopOf({ fresh, deps, logs }: Pick<Shop, 'fresh' | 'deps' | 'logs'>): Shop {
  const { db } = fresh;
  return {
    fresh,
    deps,
    logs,
    deliver: (payload) => receiveWebhook(deps, signed(JSON.stringify(payload))),
    async drain() {
      for (let open = 1; open > 0; ) {
        await asOwner(
          fresh,
          'update billing.events set next_attempt_at = now() where next_attempt_at is not null',
        );
        open = (await drainInbox(deps)).finished;
      }
    },
    async balance(accountId = ACCOUNT) {
      // From the entries, not from the stored balance: what the ledger really holds.
      const rows = await db.query<{ posted: number }>(
        `select coalesce(sum(amount), 0)::bigint as posted
           from credits.entries where account_id = $1`,
        [accountId],
      );
      return rows[0]?.posted ?? 0;
    },
    grants: (accountId = ACCOUNT) =>
      db.query(
        `select g.amount, g.source, e.idempotency_key, g.expires_at, e.metadata
           from credits.grants g
           join credits.entries e on e.account_id = g.account_id and e.entry_no = g.issued_no
          where g.account_id = $1 order by g.issued_no`,
        [accountId],
      ),
    async inbox(eventId) {
      const events = await listEvents(db, { limit: 500 });
      return events.find((one) => one.eventId === eventId);
    },
    with: (more) => shopOf({ fresh, deps: { ...deps, ...more }, logs }),
    close: () => fresh.close(),
  };
}

/** What only the owner of the tables may do; a test plays time with it. */
export async function asOwner(fresh: FreshDatabase, statement: string): Promise<void> {
  await fresh.db.transaction(async (tx) => {
    await tx.query('set local role florin_owner');
    await tx.query(statement);
  });
}

/** A request with Stripe's signature over its body. */
export function signed(body: string | Buffer, secret = SECRET, now = Date.now()) {
  const rawBody = Buffer.isBuffer(body) ? body : Buffer.from(body);
  const timestamp = Math.floor(now / 1000);
  const signature = createHmac('sha256', secret)
    .update(`${timestamp}.`)
    .update(rawBody)
    .digest('hex');
  return { rawBody, signature: `t=${timestamp},v1=${signature}`, secrets: [SECRET] };
}

export function eventId(payload: Json): string {
  return String(payload['id']);
}

function lookups(known: Partial<StripeLookups>): StripeLookups {
  const nothing = async () => null;
  return {
    sessionLines: nothing,
    sessionOf: nothing,
    invoiceLines: nothing,
    invoiceOfPayment: nothing,
    subscription: nothing,
    price: nothing,
    customer: nothing,
    refund: nothing,
    object: nothing,
    ...known,
  };
}

function recorder(lines: LogLine[]): Logger {
  const write = (level: string) => (fields: Readonly<Record<string, unknown>>, message: string) => {
    lines.push({ ...fields, level, message });
  };
  return { error: write('error'), warn: write('warn'), info: write('info'), debug: write('debug') };
}
