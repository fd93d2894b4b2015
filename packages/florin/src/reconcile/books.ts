import type { Executor, Row } from '../db/index.ts';
import type { CommandMetadata } from '../fulfillment/index.ts';

/** A purchase beside what the ledger holds of it; corrections of earlier repairs counted in. */
export type BookedPurchase = {
  readonly purchaseKey: string;
  /** The checkout session or the invoice that was paid. */
  readonly paidObjectId: string;
  readonly accountId: string;
  readonly credits: number;
  readonly reversed: number;
  readonly source: string;
  readonly priority: number;
  /** Of credits that are given now: where they would be over, as long from now as they should have lasted. */
  readonly expiresAt: Date | null;
  readonly metadata: CommandMetadata;
  readonly grantId: string | null;
  readonly granted: number;
  readonly takenBack: number;
  readonly grants: number;
};

/** Net credits per purchase, corrections of earlier repairs counted in. */
const BOOKED = `
  select p.purchase_key, p.paid_object_id, p.account_id, p.credits, p.reversed, p.source, p.metadata,
         coalesce((w.state #>> array['purchases', p.purchase_key, 'priority'])::integer, 0) as priority,
         case when p.expires_at <= clock_timestamp()
           then clock_timestamp() + greatest(p.expires_at - w.created_at, interval '1 hour')
           else p.expires_at end as expires_at,
         g.grant_id, g.granted, g.taken_back, g.grants
    from billing.payments w
    join billing.purchases p on p.payment_id = w.payment_id
   cross join lateral credits.granted_for(p.account_id, p.purchase_key) g
   where p.standing = 'issued'
     and ($1::integer is null or w.updated_at >= clock_timestamp() - make_interval(days => $1))`;

/** How far back the books are read, by the database's own clock; null: all of them. */
export type BookDays = number | null;

/** Purchases whose net credits differ between billing and the ledger. */
export async function differingPurchases(db: Executor, days: BookDays): Promise<BookedPurchase[]> {
  return db.query<Row & BookedPurchase>(
    `select * from (${BOOKED}) b
      where case when b.source = 'rollover'
              then b.granted - b.taken_back > b.credits
              else b.granted - b.taken_back <> b.credits - b.reversed end
      order by b.purchase_key`,
    [days],
  );
}

/** Whether credits of a purchase were taken back because Stripe did not call it paid. */
export async function isTakenBackUnpaid(
  db: Executor,
  { accountId, grantId }: BookedPurchase,
): Promise<boolean> {
  const rows = await db.query(
    `select 1 from credits.entries e
      where e.account_id = $1 and e.grant_id = $2 and e.cause = 'unpaid' limit 1`,
    [accountId, grantId],
  );
  return rows.length > 0;
}

/**
 * Purchases of these days, and of payments made after `since`, that still hold credits: each has to
 * be known to Stripe as paid.
 */
export async function creditedPurchases(
  db: Executor,
  { days, since }: { days: number; since: Date | null },
): Promise<BookedPurchase[]> {
  return db.query<Row & BookedPurchase>(
    `select * from (${BOOKED} and ($2::timestamptz is null or w.created_at >= $2)) b
      where b.granted > b.taken_back
      order by b.purchase_key`,
    [days, since],
  );
}

export type UnexplainedGrant = {
  readonly accountId: string;
  readonly grantId: string;
  readonly idempotencyKey: string;
  readonly amount: number;
  readonly left: number;
  readonly paymentId: string | null;
  readonly booked: boolean;
};

/** Grants for purchases that billing does not know, and an app's own grants for a payment that is booked. */
export async function unexplainedGrants(db: Executor, days: BookDays): Promise<UnexplainedGrant[]> {
  return db.query<Row & UnexplainedGrant>(
    `with accounts as (
       select distinct w.account_id from billing.payments w
        where w.updated_at >= clock_timestamp() - make_interval(days => $1)
     ), booked as (
       select p.account_id, p.purchase_key, p.metadata ->> 'stripe_payment_id' as payment_id
         from billing.payments w
         join billing.purchases p on p.payment_id = w.payment_id
        where p.standing = 'issued'
          and ($1::integer is null or w.account_id in (select a.account_id from accounts a))
     ), paid as (
       select distinct b.account_id, b.payment_id from booked b where b.payment_id is not null)
     select g.account_id, g.grant_id, e.idempotency_key, g.amount, g.amount - g.reversed as left,
            e.metadata ->> 'stripe_payment_id' as payment_id, p.payment_id is not null as booked
       from credits.grants g
       join credits.entries e on e.account_id = g.account_id and e.entry_no = g.issued_no
       left join booked b on b.account_id = g.account_id and b.purchase_key = g.purchase_key
        -- Under another key it is not counted in.
        and starts_with(e.idempotency_key, b.purchase_key)
       left join paid p
         on p.account_id = g.account_id and p.payment_id = e.metadata ->> 'stripe_payment_id'
      where g.amount > g.reversed
        -- What was moved in is explained where it was bought.
        and g.home_grant_id is null
        and b.purchase_key is null
        and (g.purchase_key is not null or p.payment_id is not null)
        and ($1::integer is null or g.account_id in (select a.account_id from accounts a))
      order by g.account_id, g.issued_no`,
    [days],
  );
}

/** Accounts whose payments were written in these days. */
export async function movedAccounts(db: Executor, days: number): Promise<string[]> {
  const rows = await db.query<Row & { accountId: string }>(
    `select distinct w.account_id from billing.payments w
      where w.updated_at >= clock_timestamp() - make_interval(days => $1)
        and w.account_id is not null`,
    [days],
  );
  return rows.map(({ accountId }) => accountId);
}

/** Of these events, those that the inbox has. */
export async function knownEvents(
  db: Executor,
  eventIds: readonly string[],
): Promise<ReadonlySet<string>> {
  const rows = await db.query<Row & { eventId: string }>(
    `select e.event_id from billing.events e where e.event_id = any ($1)
     union all
     select e.snapshot_event_id from billing.events e where e.snapshot_event_id = any ($1)`,
    [eventIds],
  );
  return new Set(rows.map((row) => row.eventId));
}

/** Keys of planned parts (drips): the job grants them when they fall due. */
export async function plannedKeys(
  db: Executor,
  keys: readonly string[],
): Promise<ReadonlySet<string>> {
  const rows = await db.query<Row & { purchaseKey: string }>(
    `select p.purchase_key from billing.purchases p
      where p.standing = 'planned' and p.purchase_key = any ($1)`,
    [keys],
  );
  return new Set(rows.map((row) => row.purchaseKey));
}

export type OldBooks = { readonly subscriptionId: string; readonly accountId: string };

/**
 * Subscriptions with grants from before lines were kept, when nothing was taken back for a change of
 * plan (docs/decisions/0075).
 */
export async function oldBooks(db: Executor, days: BookDays): Promise<OldBooks[]> {
  return db.query<Row & OldBooks>(
    `select distinct on (w.subscription_id) w.subscription_id, w.account_id
       from billing.payments w
      where w.subscription_id is not null and w.account_id is not null
        and ($1::integer is null or w.updated_at >= clock_timestamp() - make_interval(days => $1))
        and exists (
          select 1 from jsonb_each(w.state -> 'purchases') e
           where e.value ->> 'via' = 'invoice' and not e.value ? 'line')
      order by w.subscription_id`,
    [days],
  );
}
