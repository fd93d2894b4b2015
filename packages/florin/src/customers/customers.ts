import type { Executor, Row } from '../db/index.ts';
import { FlorinError } from '../kernel/index.ts';
import { type StripeClient, toStripeFlorinError } from '../stripe/index.ts';

export type EnsureCustomer = {
  readonly accountId: string;
  readonly email?: string | undefined;
};

/**
 * The account's own Stripe customer, made at its first need. Two calls at once end with one customer:
 * Stripe is asked with the idempotency key `customer:<account>`, and the first row in the database
 * counts. No transaction is open while Stripe is asked. Errors: `stripe_unavailable` (try again),
 * `stripe_rejected`.
 */
export async function ensureCustomer(
  { db, stripe }: { db: Executor; stripe: StripeClient },
  { accountId, email }: EnsureCustomer,
): Promise<string> {
  const known = await readCustomers(db, accountId);
  if (known.primary !== null) {
    return known.primary;
  }
  const idempotencyKey =
    known.deleted === 0 ? `customer:${accountId}` : `customer:${accountId}:${known.deleted}`;
  const made = await createCustomer(stripe, { accountId, email, idempotencyKey });
  const rows = await db.query<Row & { customerId: string | null }>(
    'select billing.keep_customer($1, $2) as customer_id',
    [accountId, made],
  );
  const kept = rows[0]?.customerId;
  if (kept == null) {
    throw new FlorinError(
      'conflict',
      `Stripe customer ${made} belongs to another account already; see florin doctor.`,
      { details: { accountId, customerId: made } },
    );
  }
  return kept;
}

async function createCustomer(
  stripe: StripeClient,
  customer: { accountId: string; email: string | undefined; idempotencyKey: string },
): Promise<string> {
  const { accountId, email, idempotencyKey } = customer;
  const params = {
    metadata: { userId: accountId },
    ...(email === undefined || email === '' ? {} : { email }),
  };
  try {
    const created = await stripe.customers.create(params, { idempotencyKey });
    return created.id;
  } catch (error) {
    const mapped = toStripeFlorinError(error);
    if (mapped.details['stripeType'] !== 'StripeIdempotencyError') {
      throw mapped;
    }
    // The first attempt, within a day, carried another address: ask as that attempt's equal.
    const created = await stripe.customers
      .create({ metadata: { userId: accountId } }, { idempotencyKey: `${idempotencyKey}:plain` })
      .catch((again: unknown) => {
        throw toStripeFlorinError(again);
      });
    return created.id;
  }
}

async function readCustomers(
  db: Executor,
  accountId: string,
): Promise<{ primary: string | null; deleted: number }> {
  const rows = await db.query<Row & { primary: string | null; deleted: number }>(
    {
      name: 'billing_customers_of',
      text: `select max(customer_id) filter (where is_primary and deleted_at is null) as primary,
                    count(*) filter (where origin = 'florin' and deleted_at is not null) as deleted
               from billing.customers where account_id = $1`,
    },
    [accountId],
  );
  return { primary: rows[0]?.primary ?? null, deleted: Number(rows[0]?.deleted ?? 0) };
}

/** The account that a Stripe customer belongs to, however the link was learnt. */
export async function findAccountByCustomer(
  db: Executor,
  customerId: string,
): Promise<string | undefined> {
  const rows = await db.query<Row & { accountId: string }>(
    'select account_id from billing.customers where customer_id = $1',
    [customerId],
  );
  return rows[0]?.accountId;
}

/** The account's own customer, if it was made already: the only one a portal is opened for. */
export async function findPrimaryCustomer(
  db: Executor,
  accountId: string,
): Promise<string | undefined> {
  return (await readCustomers(db, accountId)).primary ?? undefined;
}

export type AccountCustomer = {
  readonly customerId: string;
  /** How the link was learnt; `client_reference_id` may be written by whoever pays. */
  readonly origin: 'florin' | 'client_reference_id' | 'metadata' | 'subscription';
  readonly isPrimary: boolean;
};

/** The customers at Stripe that are linked to an account and not deleted, oldest first. */
export async function listCustomers(db: Executor, accountId: string): Promise<AccountCustomer[]> {
  return db.query<Row & AccountCustomer>(
    {
      name: 'billing_list_customers',
      text: `select customer_id, origin, is_primary from billing.customers
              where account_id = $1 and deleted_at is null order by created_at, customer_id`,
    },
    [accountId],
  );
}

export type AccountSubscription = {
  readonly subscriptionId: string;
  readonly customerId: string | null;
  readonly status: string;
  readonly priceIds: readonly string[];
  readonly items: readonly {
    readonly priceId: string;
    readonly lookupKey: string | null;
    readonly quantity: number;
  }[];
  readonly currentPeriodEnd: Date | null;
  readonly cancelAtPeriodEnd: boolean;
};

/** The account's subscriptions that are not over, newest update first: trialing, active, past due, paused. */
export async function listLiveSubscriptions(
  db: Executor,
  accountId: string,
): Promise<AccountSubscription[]> {
  return db.query<Row & AccountSubscription>(
    {
      name: 'billing_live_subscriptions',
      text: `select subscription_id, customer_id, status, current_period_end,
                    coalesce((fact ->> 'cancelAtPeriodEnd')::boolean, false) as cancel_at_period_end,
                    array(select i ->> 'priceId'
                            from jsonb_array_elements(fact -> 'items') i) as price_ids,
                    coalesce(fact -> 'items', '[]') as items
               from billing.subscriptions
              where account_id = $1 and not ended
                and status in ('trialing', 'active', 'past_due', 'unpaid', 'paused')
              order by updated_at desc`,
    },
    [accountId],
  );
}
